"""Steps of the Python client against the local BigQuery: smoke.py URL. Prints a JSON line a step: name, error or null."""

import datetime
import io
import json
import sys
import traceback
from decimal import Decimal

from google.api_core.client_options import ClientOptions
from google.api_core.exceptions import BadRequest, Conflict, NotFound
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

PROJECT = "python-project"
client = bigquery.Client(
    project=PROJECT,
    credentials=AnonymousCredentials(),
    client_options=ClientOptions(api_endpoint=sys.argv[1]),
)
SCHEMA = [
    bigquery.SchemaField("id", "INTEGER", mode="REQUIRED"),
    bigquery.SchemaField("name", "STRING"),
    bigquery.SchemaField("tags", "STRING", mode="REPEATED"),
]
STEPS = []


def step(function):
    STEPS.append(function)
    return function


def rows(sql, config=None):
    return [dict(row) for row in client.query(sql, job_config=config).result()]


def same(got, expected):
    assert got == expected, f"got {got!r}"


def refused(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"not refused with {kind.__name__}")


@step
def create_dataset():
    dataset = bigquery.Dataset(f"{PROJECT}.py")
    dataset.location = "EU"
    dataset.labels = {"from": "python"}
    client.create_dataset(dataset)
    got = client.get_dataset("py")
    assert (got.location, got.labels) == ("EU", {"from": "python"})
    assert [d.dataset_id for d in client.list_datasets()] == ["py"]


@step
def dataset_twice_is_a_conflict():
    refused(Conflict, lambda: client.create_dataset("py"))
    client.create_dataset("py", exists_ok=True)


@step
def create_table():
    table = bigquery.Table(f"{PROJECT}.py.t", schema=SCHEMA)
    table.clustering_fields = ["id"]
    client.create_table(table)
    got = client.get_table("py.t")
    assert [(f.name, f.field_type, f.mode) for f in got.schema] == [
        ("id", "INTEGER", "REQUIRED"),
        ("name", "STRING", "NULLABLE"),
        ("tags", "STRING", "REPEATED"),
    ]
    assert got.clustering_fields == ["id"]


@step
def update_table():
    table = client.get_table("py.t")
    table.description = "from Python"
    table.schema = [*table.schema, bigquery.SchemaField("cost", "NUMERIC")]
    client.update_table(table, ["description", "schema"])
    got = client.get_table("py.t")
    assert (got.description, len(got.schema)) == ("from Python", 4)


@step
def load_table_from_json():
    lines = [{"id": 1, "name": "a", "tags": ["x"], "cost": "0.1"}, {"id": 2}]
    job = client.load_table_from_json(lines, "py.t")
    job.result()
    assert job.output_rows == 2
    same(
        rows("SELECT * FROM py.t ORDER BY id"),
        [
            {"id": 1, "name": "a", "tags": ["x"], "cost": Decimal("0.1")},
            {"id": 2, "name": None, "tags": [], "cost": None},
        ],
    )


@step
def load_table_from_file_resumable():
    config = bigquery.LoadJobConfig(
        source_format="CSV", skip_leading_rows=1, schema=[SCHEMA[0], SCHEMA[1]], write_disposition="WRITE_TRUNCATE"
    )
    text = "id,name\n" + "".join(f"{i},n{i}\n" for i in range(20_000))
    client.load_table_from_file(io.BytesIO(text.encode()), "py.csv", job_config=config).result()
    same(rows("SELECT COUNT(*) AS n, MAX(name) AS m FROM py.csv"), [{"n": 20_000, "m": "n9999"}])


@step
def load_that_fails():
    config = bigquery.LoadJobConfig(source_format="CSV", schema=[SCHEMA[0]])
    job = client.load_table_from_file(io.BytesIO(b"x\n"), "py.bad", job_config=config)
    error = refused(BadRequest, job.result)
    assert "Cannot convert value to integer" in str(error), error
    assert job.error_result["reason"] == "invalid"


@step
def query_with_parameters():
    config = bigquery.QueryJobConfig(
        query_parameters=[
            bigquery.ScalarQueryParameter("s", "STRING", "it's"),
            bigquery.ScalarQueryParameter("d", "DATE", datetime.date(2024, 2, 29)),
            bigquery.ScalarQueryParameter("n", "NUMERIC", Decimal("0.1")),
            bigquery.ScalarQueryParameter("none", "INT64", None),
            bigquery.ArrayQueryParameter("a", "INT64", [1, 2]),
            bigquery.StructQueryParameter("st", bigquery.ScalarQueryParameter("x", "BYTES", b"\x00\xff")),
        ]
    )
    got = rows("SELECT @s AS s, @d AS d, @n AS n, @none AS none, @a AS a, @st.x AS x", config)
    assert got == [
        {"s": "it's", "d": datetime.date(2024, 2, 29), "n": Decimal("0.1"), "none": None, "a": [1, 2], "x": b"\x00\xff"}
    ], got


@step
def query_and_wait():
    when = datetime.datetime(2024, 2, 29, 1, 2, 3, 123456, tzinfo=datetime.timezone.utc)
    got = list(client.query_and_wait("SELECT TIMESTAMP '2024-02-29 01:02:03.123456+00' AS ts, 1.5 AS f"))
    assert (got[0].ts, got[0].f) == (when, 1.5)


@step
def dml_tells_its_rows():
    job = client.query("UPDATE py.t SET name = 'z' WHERE id = 2")
    job.result()
    assert (job.num_dml_affected_rows, job.statement_type) == (1, "UPDATE")


@step
def insert_rows_json():
    table = client.get_table("py.t")
    assert client.insert_rows_json(table, [{"id": 3}, {"id": 4}], row_ids=["r3", "r4"]) == []
    assert client.insert_rows_json(table, [{"id": 3}], row_ids=["r3"]) == []
    errors = client.insert_rows_json(table, [{"name": "no id"}])
    assert errors[0]["index"] == 0 and errors[0]["errors"][0]["reason"] == "invalid"
    same(rows("SELECT COUNT(*) AS n FROM py.t"), [{"n": 4}])


@step
def list_rows_in_pages():
    pages = list(client.list_rows("py.csv", page_size=6_000).pages)
    assert [page.num_items for page in pages] == [6_000, 6_000, 6_000, 2_000]
    assert len(list(client.list_rows("py.csv", max_results=5))) == 5


@step
def job_errors():
    error = refused(BadRequest, lambda: rows("SELECT nope FROM py.t"))
    assert "Unrecognized name: nope at [1:8]" in str(error), error
    refused(NotFound, lambda: rows("SELECT * FROM py.none"))
    job = client.query("SELECT 1 / 0")
    refused(BadRequest, job.result)
    assert client.get_job(job.job_id).error_result["reason"] == "invalidQuery"


@step
def own_job_id_once():
    client.query("SELECT 1", job_id="py_once").result()
    refused(Conflict, lambda: client.query("SELECT 2", job_id="py_once", job_retry=None))
    assert client.get_job("py_once").query == "SELECT 1"


@step
def dry_run():
    config = bigquery.QueryJobConfig(dry_run=True, use_query_cache=False)
    job = client.query("SELECT id, name FROM py.t", job_config=config)
    assert job.total_bytes_processed > 0
    assert [field.name for field in job.schema] == ["id", "name"]
    client.query("DELETE FROM py.t WHERE TRUE", job_config=config)
    same(rows("SELECT COUNT(*) AS n FROM py.t"), [{"n": 4}])


@step
def destination_table():
    config = bigquery.QueryJobConfig(destination=f"{PROJECT}.py.out", write_disposition="WRITE_TRUNCATE")
    client.query("SELECT id FROM py.t", job_config=config).result()
    assert client.get_table("py.out").num_rows == 4


@step
def copy_table():
    client.copy_table("py.t", "py.copied").result()
    same(rows("SELECT COUNT(*) AS n FROM py.copied"), [{"n": 4}])


@step
def delete_table_and_dataset():
    client.delete_table("py.copied")
    refused(NotFound, lambda: client.get_table("py.copied"))
    client.delete_table("py.copied", not_found_ok=True)
    refused(BadRequest, lambda: client.delete_dataset("py"))
    client.delete_dataset("py", delete_contents=True)
    assert list(client.list_datasets()) == []


for run in STEPS:
    error = None
    try:
        run()
    except Exception:
        error = traceback.format_exc()
    print(json.dumps({"name": run.__name__.replace("_", " "), "error": error}), flush=True)
