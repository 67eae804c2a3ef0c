import { invalidQuery, notImplemented } from "../errors.ts";
import { place, type Token } from "./lex.ts";
import { arrayOf, scalarNamed, structOf, type Type } from "./types.ts";

/** A column as CREATE TABLE declares it. */
export interface ColumnDef {
  name: string;
  type: Type;
  required: boolean;
  description?: string;
}

export type Option = string | number | boolean | null | [string, string][];

export interface CreateTable {
  kind: "create_table";
  path: string[];
  orReplace: boolean;
  ifNotExists: boolean;
  columns: ColumnDef[] | undefined;
  partition: { field: string; type: "DAY" | "HOUR" | "MONTH" | "YEAR" } | undefined;
  cluster: string[];
  options: Map<string, Option>;
  /** The tokens of the query after AS. */
  query: Token[] | undefined;
}

export type Ddl =
  | CreateTable
  | { kind: "drop_table"; path: string[]; ifExists: boolean }
  | { kind: "create_schema"; path: string[]; ifNotExists: boolean; options: Map<string, Option> }
  | { kind: "drop_schema"; path: string[]; ifExists: boolean; cascade: boolean }
  | { kind: "truncate"; path: string[] };

/** Reads DDL itself: the parser stumbles over OPTIONS and over NOT NULL within types. */
export class DdlReader {
  readonly #text: string;
  readonly #tokens: Token[];
  #at = 0;

  constructor(text: string, tokens: Token[]) {
    this.#text = text;
    this.#tokens = tokens;
  }

  /** Reads the whole statement. Throws invalidQuery or notImplemented. */
  read(): Ddl {
    if (this.#takes("TRUNCATE", "TABLE")) return this.#finish({ kind: "truncate", path: this.#path() });
    if (this.#takes("DROP")) return this.#finish(this.#drop());
    this.#expect("CREATE");
    const orReplace = this.#takes("OR", "REPLACE");
    if (this.#takes("SCHEMA")) {
      if (orReplace) throw notImplemented("CREATE OR REPLACE SCHEMA");
      const ifNotExists = this.#takes("IF", "NOT", "EXISTS");
      const path = this.#path();
      return this.#finish({ kind: "create_schema", path, ifNotExists, options: this.#options() });
    }
    if (this.#is("TABLE") && this.#is("FUNCTION", 1)) throw notImplemented("CREATE TABLE FUNCTION");
    if (!this.#takes("TABLE")) throw notImplemented(`CREATE ${this.#peek()?.text.toUpperCase() ?? ""}`);
    return this.#createTable(orReplace);
  }

  #drop(): Ddl {
    const table = this.#takes("TABLE");
    if (!table && !this.#takes("SCHEMA"))
      throw notImplemented(`DROP ${this.#peek()?.text.toUpperCase() ?? ""}`);
    const ifExists = this.#takes("IF", "EXISTS");
    const path = this.#path();
    if (table) return { kind: "drop_table", path, ifExists };
    const cascade = this.#takes("CASCADE");
    if (!cascade) this.#takes("RESTRICT");
    return { kind: "drop_schema", path, ifExists, cascade };
  }

  #createTable(orReplace: boolean): CreateTable {
    const ifNotExists = this.#takes("IF", "NOT", "EXISTS");
    const path = this.#path();
    const columns = this.#is("(") ? this.#columnDefs() : undefined;
    const partition = this.#takes("PARTITION", "BY") ? this.#partition() : undefined;
    const cluster = this.#takes("CLUSTER", "BY") ? this.#list(() => this.#name()) : [];
    const options = this.#options();
    const query = this.#takes("AS") ? this.#tokens.slice(this.#at) : undefined;
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
      if (query.length === 0) this.#unexpected();
      return made;
    }
    if (columns === undefined) {
      if (this.#peek()?.kind === "word")
        throw notImplemented(`CREATE TABLE ... ${this.#peek()?.text.toUpperCase()}`);
      throw invalidQuery("CREATE TABLE needs a column list or AS");
    }
    return this.#finish(made);
  }

  #columnDefs(): ColumnDef[] {
    this.#expect("(");
    const columns: ColumnDef[] = [];
    while (!this.#is(")")) {
      columns.push(this.#columnDef());
      if (!this.#takes(",")) break;
    }
    this.#expect(")");
    return columns;
  }

  #columnDef(): ColumnDef {
    const first = this.#peek();
    if (first && /^(PRIMARY|FOREIGN|CONSTRAINT)$/i.test(first.text))
      throw notImplemented(`${first.text.toUpperCase()} in CREATE TABLE`);
    const column: ColumnDef = { name: this.#name(), type: this.#type(), required: false };
    for (;;) {
      if (this.#takes("NOT", "NULL")) column.required = true;
      else if (this.#is("OPTIONS")) {
        const options = this.#options();
        const description = options.get("description");
        if (typeof description === "string") column.description = description;
        for (const name of options.keys())
          if (name !== "description") throw notImplemented(`column option ${name}`);
      } else if (this.#is("DEFAULT") || this.#is("COLLATE") || this.#is("GENERATED"))
        throw notImplemented(`${this.#peek()?.text.toUpperCase()} in CREATE TABLE`);
      else return column;
    }
  }

  #type(): Type {
    const token = this.#next();
    const word = token.text.toUpperCase();
    if (word === "ARRAY" || word === "STRUCT") {
      this.#expect("<");
      const made = word === "ARRAY" ? arrayOf(this.#type()) : structOf(this.#list(() => this.#structField()));
      this.#closeAngle();
      return made;
    }
    const type = scalarNamed(word);
    if (type === undefined) throw notImplemented(`type ${word} at ${place(this.#text, token.start)}`);
    if (this.#is("(")) throw notImplemented(`a parameterised type (${word})`);
    return type;
  }

  #structField(): { name: string | null; type: Type } {
    const field = { name: this.#name(), type: this.#type() };
    if (this.#is("NOT") || this.#is("OPTIONS")) throw notImplemented("NOT NULL or OPTIONS within a STRUCT");
    return field;
  }

  /** ">>" closes two types at once: it is split. */
  #closeAngle(): void {
    const token = this.#peek();
    if (token?.text === ">>") {
      this.#tokens.splice(
        this.#at,
        1,
        { ...token, text: ">", end: token.start + 1 },
        { ...token, text: ">", start: token.start + 1 },
      );
    }
    this.#expect(">");
  }

  #partition(): CreateTable["partition"] {
    const first = this.#name();
    if (!this.#takes("(")) return { field: first, type: "DAY" };
    if (/^RANGE_BUCKET$/i.test(first)) throw notImplemented("PARTITION BY RANGE_BUCKET");
    const field = this.#name();
    const unit = this.#takes(",") ? this.#name().toUpperCase() : "DAY";
    this.#expect(")");
    const known = /^(DATE|TIMESTAMP_TRUNC|DATETIME_TRUNC|DATE_TRUNC)$/i.test(first);
    if (!known || (unit !== "DAY" && unit !== "HOUR" && unit !== "MONTH" && unit !== "YEAR"))
      throw notImplemented(`PARTITION BY ${first}(${field}, ${unit})`);
    return { field, type: unit };
  }

  #options(): Map<string, Option> {
    const options = new Map<string, Option>();
    if (!this.#takes("OPTIONS")) return options;
    this.#expect("(");
    while (!this.#is(")")) {
      const name = this.#name().toLowerCase();
      this.#expect("=");
      options.set(name, this.#optionValue());
      if (!this.#takes(",")) break;
    }
    this.#expect(")");
    return options;
  }

  #optionValue(): Option {
    if (this.#takes("[")) {
      const pairs: [string, string][] = [];
      while (this.#takes("(")) {
        const key = this.#next().value;
        this.#expect(",");
        pairs.push([key, this.#next().value]);
        this.#expect(")");
        if (!this.#takes(",")) break;
      }
      this.#expect("]");
      return pairs;
    }
    const token = this.#next();
    if (token.kind === "string") return token.value;
    if (token.kind === "number") return Number(token.text);
    if (/^(TRUE|FALSE)$/i.test(token.text)) return /^TRUE$/i.test(token.text);
    if (/^NULL$/i.test(token.text)) return null;
    throw notImplemented(`an option with the value ${token.text}`);
  }

  /** a.b.c, with dashes in the project: my-project.d.t. */
  #path(): string[] {
    const parts = [this.#dashed()];
    while (this.#takes(".")) parts.push(this.#dashed());
    return parts;
  }

  #dashed(): string {
    let name = this.#name();
    for (let token = this.#peek(); token?.text === "-"; token = this.#peek()) {
      this.#at++;
      name += `-${this.#next().value}`;
    }
    return name;
  }

  #name(): string {
    const token = this.#next();
    if (token.kind !== "word" && token.kind !== "quoted") return this.#unexpected(token);
    return token.value;
  }

  #list<T>(read: () => T): T[] {
    const items = [read()];
    while (this.#takes(",")) items.push(read());
    return items;
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#at];
  }

  #next(): Token {
    const token = this.#tokens[this.#at++];
    return token ?? this.#unexpected();
  }

  #is(text: string, ahead = 0): boolean {
    const token = this.#tokens[this.#at + ahead];
    return (token?.kind === "word" || token?.kind === "punct") && token.text.toUpperCase() === text;
  }

  #takes(...words: string[]): boolean {
    if (!words.every((word, i) => this.#is(word, i))) return false;
    this.#at += words.length;
    return true;
  }

  #expect(text: string): void {
    if (!this.#takes(text)) this.#unexpected();
  }

  #finish<T>(made: T): T {
    if (this.#at < this.#tokens.length) this.#unexpected();
    return made;
  }

  #unexpected(token: Token | undefined = this.#peek()): never {
    if (token === undefined)
      throw invalidQuery(
        `Syntax error: Unexpected end of statement at ${place(this.#text, this.#text.length)}`,
      );
    const what = token.kind === "word" ? `keyword ${token.text.toUpperCase()}` : `"${token.text}"`;
    throw invalidQuery(`Syntax error: Unexpected ${what} at ${place(this.#text, token.start)}`);
  }
}
