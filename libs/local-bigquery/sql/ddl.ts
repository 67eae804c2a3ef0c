import { invalidQuery, notImplemented } from "../errors.ts";
import type { Token } from "./lex.ts";
import { type Option, OptionReader } from "./options.ts";
import { type CreateRoutine, createsRoutine, type RoutineKind, RoutineReader } from "./routines.ts";
import type { Type } from "./types.ts";

/** A column as CREATE TABLE declares it. */
export interface ColumnDef {
  name: string;
  type: Type;
  required: boolean;
  description?: string;
}

export interface CreateTable {
  kind: "create_table";
  path: string[];
  orReplace: boolean;
  ifNotExists: boolean;
  columns: ColumnDef[] | undefined;
  partition: { field: string; type: "DAY" | "HOUR" | "MONTH" | "YEAR" } | RangePartition | undefined;
  cluster: string[];
  options: Map<string, Option>;
  /** The tokens of the query after AS. */
  query: Token[] | undefined;
}

/** PARTITION BY RANGE_BUCKET(field, GENERATE_ARRAY(start, end, interval)). */
export interface RangePartition {
  field: string;
  range: { start: string; end: string; interval: string };
}

/** CREATE [MATERIALIZED] VIEW. `sql` is its query's text. */
export interface CreateView {
  kind: "create_view";
  path: string[];
  orReplace: boolean;
  ifNotExists: boolean;
  materialized: boolean;
  /** Names for the query's columns, or none. */
  columns: string[];
  options: Map<string, Option>;
  query: Token[];
  sql: string;
}

/** CREATE TABLE x CLONE y, CREATE TABLE x COPY y, CREATE SNAPSHOT TABLE x CLONE y. */
export interface CopyTable {
  kind: "copy_table";
  path: string[];
  from: string[];
  how: "CLONE" | "COPY" | "SNAPSHOT";
  orReplace: boolean;
  ifNotExists: boolean;
}

/** One action of ALTER TABLE. */
export type Alteration =
  | { kind: "add"; column: ColumnDef; ifNotExists: boolean }
  | { kind: "drop"; name: string; ifExists: boolean }
  | { kind: "rename_column"; name: string; to: string }
  | { kind: "relax"; name: string }
  | { kind: "rename"; to: string }
  | { kind: "options"; options: Map<string, Option> };

export interface AlterTable {
  kind: "alter_table";
  path: string[];
  ifExists: boolean;
  actions: Alteration[];
}

export type ViewWord = "VIEW" | "MATERIALIZED VIEW";

export type Ddl =
  | CreateTable
  | CreateView
  | CopyTable
  | AlterTable
  | CreateRoutine
  | { kind: "drop_routine"; path: string[]; ifExists: boolean; routine: RoutineKind }
  | { kind: "drop_view"; path: string[]; ifExists: boolean; word: ViewWord }
  | { kind: "drop_table"; path: string[]; ifExists: boolean }
  | { kind: "create_schema"; path: string[]; ifNotExists: boolean; options: Map<string, Option> }
  | { kind: "drop_schema"; path: string[]; ifExists: boolean; cascade: boolean }
  | { kind: "truncate"; path: string[] };

/** Reads DDL itself: the parser stumbles over OPTIONS and over NOT NULL within types. */
export class DdlReader extends OptionReader {
  /** Reads the whole statement. Throws invalidQuery or notImplemented. */
  read(): Ddl {
    if (this.takes("TRUNCATE", "TABLE")) return this.finish({ kind: "truncate", path: this.path() });
    if (this.takes("ALTER", "TABLE")) return this.finish(this.#alter());
    if (this.takes("DROP")) return this.finish(this.#drop());
    if (createsRoutine(this.tokens)) return new RoutineReader(this.text, this.tokens).read();
    this.expect("CREATE");
    const orReplace = this.takes("OR", "REPLACE");
    if (this.takes("SCHEMA")) {
      if (orReplace) throw notImplemented("CREATE OR REPLACE SCHEMA");
      const ifNotExists = this.takes("IF", "NOT", "EXISTS");
      const path = this.path();
      return this.finish({ kind: "create_schema", path, ifNotExists, options: this.options() });
    }
    if (this.takes("SNAPSHOT", "TABLE")) return this.#copy(this.#named(), orReplace, "SNAPSHOT");
    const materialized = this.takes("MATERIALIZED", "VIEW");
    if (materialized || this.takes("VIEW")) return this.#createView(orReplace, materialized);
    if (!this.takes("TABLE")) throw notImplemented(`CREATE ${this.peek()?.text.toUpperCase() ?? ""}`);
    return this.#createTable(orReplace);
  }

  #drop(): Ddl {
    const word: ViewWord | undefined = this.takes("MATERIALIZED", "VIEW")
      ? "MATERIALIZED VIEW"
      : this.takes("VIEW")
        ? "VIEW"
        : undefined;
    if (word) {
      const ifExists = this.takes("IF", "EXISTS");
      return { kind: "drop_view", path: this.path(), ifExists, word };
    }
    const routine = this.#routineWord();
    if (routine) {
      const ifExists = this.takes("IF", "EXISTS");
      return { kind: "drop_routine", path: this.path(), ifExists, routine };
    }
    const table = this.takes("SNAPSHOT", "TABLE") || this.takes("TABLE");
    if (!table && !this.takes("SCHEMA"))
      throw notImplemented(`DROP ${this.peek()?.text.toUpperCase() ?? ""}`);
    const ifExists = this.takes("IF", "EXISTS");
    const path = this.path();
    if (table) return { kind: "drop_table", path, ifExists };
    const cascade = this.takes("CASCADE");
    if (!cascade) this.takes("RESTRICT");
    return { kind: "drop_schema", path, ifExists, cascade };
  }

  #routineWord(): RoutineKind | undefined {
    if (this.takes("FUNCTION")) return "FUNCTION";
    if (this.takes("PROCEDURE")) return "PROCEDURE";
    return this.takes("TABLE", "FUNCTION") ? "TABLE FUNCTION" : undefined;
  }

  #named(): { ifNotExists: boolean; path: string[] } {
    const ifNotExists = this.takes("IF", "NOT", "EXISTS");
    return { ifNotExists, path: this.path() };
  }

  #copy(
    named: { ifNotExists: boolean; path: string[] },
    orReplace: boolean,
    how: CopyTable["how"],
  ): CopyTable {
    if (!this.takes("CLONE")) this.expect("COPY");
    return this.finish({ kind: "copy_table", ...named, from: this.path(), how, orReplace });
  }

  #createView(orReplace: boolean, materialized: boolean): CreateView {
    const named = this.#named();
    const columns: string[] = [];
    if (this.takes("(")) {
      columns.push(...this.list(() => this.name()));
      this.expect(")");
    }
    if (this.is("PARTITION") || this.is("CLUSTER"))
      throw notImplemented("PARTITION BY or CLUSTER BY of a view");
    const options = this.options();
    this.expect("AS");
    const query = this.tokens.slice(this.at);
    const [first, last] = [query[0], query.at(-1)];
    if (!first || !last) return this.unexpected();
    const sql = this.text.slice(first.start, last.end);
    return { kind: "create_view", ...named, orReplace, materialized, columns, options, query, sql };
  }

  #alter(): AlterTable {
    const ifExists = this.takes("IF", "EXISTS");
    const path = this.path();
    return { kind: "alter_table", path, ifExists, actions: this.list(() => this.#alteration()) };
  }

  #alteration(): Alteration {
    if (this.takes("ADD", "COLUMN")) {
      const ifNotExists = this.takes("IF", "NOT", "EXISTS");
      return { kind: "add", column: this.#columnDef(), ifNotExists };
    }
    if (this.takes("DROP", "COLUMN")) {
      const ifExists = this.takes("IF", "EXISTS");
      return { kind: "drop", name: this.name(), ifExists };
    }
    if (this.takes("RENAME", "TO")) return { kind: "rename", to: this.name() };
    if (this.takes("RENAME", "COLUMN")) {
      const name = this.name();
      this.expect("TO");
      return { kind: "rename_column", name, to: this.name() };
    }
    if (this.takes("SET")) return { kind: "options", options: this.options() };
    if (this.takes("ALTER", "COLUMN")) {
      const name = this.name();
      if (this.takes("DROP", "NOT", "NULL")) return { kind: "relax", name };
    }
    const words = this.tokens.slice(Math.max(0, this.at - 2), this.at + 2).map((t) => t.text);
    throw notImplemented(`ALTER TABLE ... ${words.join(" ")}`);
  }

  #createTable(orReplace: boolean): CreateTable | CopyTable {
    const { ifNotExists, path } = this.#named();
    if (this.is("CLONE") || this.is("COPY")) {
      const how = this.is("CLONE") ? "CLONE" : "COPY";
      return this.#copy({ ifNotExists, path }, orReplace, how);
    }
    const columns = this.is("(") ? this.#columnDefs() : undefined;
    const partition = this.takes("PARTITION", "BY") ? this.#partition() : undefined;
    const cluster = this.takes("CLUSTER", "BY") ? this.list(() => this.name()) : [];
    const options = this.options();
    const query = this.takes("AS") ? this.tokens.slice(this.at) : undefined;
    const made: CreateTable = {
      kind: "create_table",
      path,
      orReplace,
      ifNotExists,
      columns,
      partition,
      cluster,
      options,
      query,
    };
    if (query) {
      if (query.length === 0) this.unexpected();
      return made;
    }
    if (columns === undefined) {
      if (this.peek()?.kind === "word")
        throw notImplemented(`CREATE TABLE ... ${this.peek()?.text.toUpperCase()}`);
      throw invalidQuery("CREATE TABLE needs a column list or AS");
    }
    return this.finish(made);
  }

  #columnDefs(): ColumnDef[] {
    this.expect("(");
    const columns: ColumnDef[] = [];
    while (!this.is(")")) {
      columns.push(this.#columnDef());
      if (!this.takes(",")) break;
    }
    this.expect(")");
    return columns;
  }

  #columnDef(): ColumnDef {
    const first = this.peek();
    if (first && /^(PRIMARY|FOREIGN|CONSTRAINT)$/i.test(first.text))
      throw notImplemented(`${first.text.toUpperCase()} in CREATE TABLE`);
    const column: ColumnDef = { name: this.name(), type: this.type(), required: false };
    for (;;) {
      if (this.takes("NOT", "NULL")) column.required = true;
      else if (this.is("OPTIONS")) {
        const options = this.options();
        const description = options.get("description");
        if (typeof description === "string") column.description = description;
        for (const name of options.keys())
          if (name !== "description") throw notImplemented(`column option ${name}`);
      } else if (this.is("DEFAULT") || this.is("COLLATE") || this.is("GENERATED"))
        throw notImplemented(`${this.peek()?.text.toUpperCase()} in CREATE TABLE`);
      else return column;
    }
  }

  #rangePartition(field: string): RangePartition {
    for (const word of [",", "GENERATE_ARRAY", "("]) this.expect(word);
    const [start = "", end = "", interval = "1"] = this.list(() => this.#integer());
    if (end === "") return this.unexpected();
    this.expect(")");
    this.expect(")");
    return { field, range: { start, end, interval } };
  }

  #integer(): string {
    const sign = this.takes("-") ? "-" : "";
    const token = this.next();
    return token.kind === "number" && /^\d+$/.test(token.text) ? sign + token.text : this.unexpected(token);
  }

  #partition(): CreateTable["partition"] {
    const first = this.name();
    if (!this.takes("(")) return { field: first, type: "DAY" };
    const field = this.name();
    if (/^RANGE_BUCKET$/i.test(first)) return this.#rangePartition(field);
    const unit = this.takes(",") ? this.name().toUpperCase() : "DAY";
    this.expect(")");
    const known = /^(DATE|TIMESTAMP_TRUNC|DATETIME_TRUNC|DATE_TRUNC)$/i.test(first);
    if (!known || (unit !== "DAY" && unit !== "HOUR" && unit !== "MONTH" && unit !== "YEAR"))
      throw notImplemented(`PARTITION BY ${first}(${field}, ${unit})`);
    return { field, type: unit };
  }
}
