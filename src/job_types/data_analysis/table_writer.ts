/**
 * Puts rows into a temporary SQLite file as they arrive: every field as the text it was, and per
 * column a profile of what all its values have in common.
 *
 * @module
 */

import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { stringifyBigIntegers } from "../../json/mod.ts";
import { PermanentJobError } from "../contract.ts";
import { ColumnGatherer } from "./column_gatherer.ts";
import { ColumnNamer } from "./column_names.ts";
import { type Column, ColumnProfile } from "./column_profile.ts";
import type { FieldFormat } from "./field_format.ts";
import { DESCRIBE_MEMORY, GatherBudget } from "./gatherers.ts";
import type { JsonRow } from "./json_rows.ts";
import { RAW_TABLE, typedView } from "./sql_text.ts";

/** SQLite's own bound, less one for the column that marks the end of a query's rows. */
const COLUMNS_MAX = 1_999;

/**
 * Fields bound by one INSERT of several rows. Measured on rows of 10 fields: 100 load a third
 * faster than 10, and 500 are slower again.
 */
const FIELDS_PER_INSERT = 100;

/** What is asked of a {@linkcode TableWriter} beyond storing. */
export interface WriterTerms {
  /** Fields that mean "no value". */
  readonly nullValues?: readonly string[];
  /** How fields write numbers and dates, if not as usual. */
  readonly format?: FieldFormat | undefined;
  /** Whether to gather what `describe` wants of the column. Default: of none. */
  readonly gathers?: (name: string) => boolean;
}

/** Writes the raw table; the database is its own until {@linkcode TableWriter.finish}. */
export class TableWriter {
  readonly #database: DatabaseSync;
  readonly #nullValues: ReadonlySet<string>;
  #namer = new ColumnNamer();
  readonly #names: string[] = [];
  readonly #profiles: ColumnProfile[] = [];
  readonly #format: FieldFormat | undefined;
  readonly #gathers: (name: string) => boolean;
  readonly #gatherers: (ColumnGatherer | undefined)[] = [];
  readonly #budget = new GatherBudget(DESCRIBE_MEMORY);
  /** Of JSON's keys, the columns they became. */
  readonly #indexOfKey = new Map<string, number>();
  #hasTable = false;
  /** For the columns so far. */
  #statements: InsertStatements | undefined;
  #pending: SQLInputValue[] = [];
  #rows = 0;

  constructor(
    database: DatabaseSync,
    { nullValues = [], format, gathers = () => false }: WriterTerms = {},
  ) {
    this.#database = database;
    this.#nullValues = new Set(nullValues);
    this.#format = format;
    this.#gathers = gathers;
    // Lost on a crash, and so is the job's whole directory: nothing to be careful about.
    database.exec(
      "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE; " +
        "PRAGMA cache_size = -2048; BEGIN",
    );
  }

  /** By the columns' positions. */
  get gathered(): readonly (ColumnGatherer | undefined)[] {
    return this.#gatherers;
  }

  get rows(): number {
    return this.#rows;
  }

  /** Names the columns beforehand, as a header line does. */
  declare(writtenNames: readonly string[]): void {
    this.#namer = new ColumnNamer(writtenNames);
    for (const name of writtenNames) this.#addColumn(name);
  }

  /** A row of fields by position; empty and absent ones are nulls. */
  addFields(fields: readonly string[]): void {
    const pending = this.#pending;
    const profiles = this.#profiles;
    const nullValues = this.#nullValues;
    const gatherers = this.#gatherers;
    for (let index = 0; index < profiles.length; index++) {
      const field = fields[index];
      if (
        field === undefined || field === "" || (nullValues.size > 0 && nullValues.has(field))
      ) {
        pending.push(null);
      } else if (gatherers[index]?.addAgain(field)) {
        // Its profile has seen it then.
        pending.push(field);
      } else {
        const profile = profiles[index]!;
        const plain = this.#format === undefined ? field : this.#format.standard(field);
        if (plain === undefined) profile.observeString(field);
        else profile.observe(plain);
        gatherers[index]?.add(field, plain ?? field, profile);
        pending.push(field);
      }
    }
    this.#rowAdded();
  }

  /** A row of values by name; a name not seen before is a new column, null in the rows so far. */
  addObject(row: JsonRow): void {
    if (this.#names.length === 0 && Object.keys(row).length === 0) this.#addColumn("");
    for (const key in row) {
      if (!this.#indexOfKey.has(key)) this.#indexOfKey.set(key, this.#addColumn(key));
    }
    const fields = new Array<SQLInputValue>(this.#profiles.length).fill(null);
    for (const key in row) {
      const index = this.#indexOfKey.get(key)!;
      const profile = this.#profiles[index]!;
      const stored = storedValue(row[key], profile);
      if (stored === undefined) throw tooDeep(this.#rows + 1, key);
      if (typeof stored === "string") this.#gatherers[index]?.add(stored, stored, profile);
      fields[index] = stored;
    }
    for (const field of fields) this.#pending.push(field);
    this.#rowAdded();
  }

  /** Writes what is left, decides the types and creates the view `data`. */
  finish(): Column[] {
    const isEmpty = this.#names.length === 0;
    if (isEmpty) this.#addColumn("");
    this.#flush();
    this.#requireTable();
    const columns = this.#profiles.map((profile, index) =>
      profile.resolve(this.#names[index]!, index)
    );
    this.#database.exec(typedView(columns, this.#format));
    this.#database.exec("COMMIT");
    // A table must have a column in SQLite; nobody is told of this one.
    return isEmpty ? [] : columns;
  }

  #addColumn(written: string): number {
    const index = this.#names.length;
    if (index === COLUMNS_MAX) {
      throw new PermanentJobError(
        `The table has more than ${COLUMNS_MAX} columns (the next is ` +
          `${JSON.stringify(written.slice(0, 100))}), which is the most that can be analysed.`,
      );
    }
    // What is pending has a field for each of the columns so far.
    this.#flush();
    this.#statements = undefined;
    const name = this.#namer.next(written, index + 1);
    this.#names.push(name);
    this.#profiles.push(new ColumnProfile());
    this.#gatherers.push(this.#gathers(name) ? new ColumnGatherer(this.#budget) : undefined);
    // Without a declared type SQLite stores the texts as they are.
    if (this.#hasTable) this.#database.exec(`ALTER TABLE ${RAW_TABLE} ADD COLUMN c${index}`);
    return index;
  }

  #rowAdded(): void {
    this.#rows++;
    const { rowsAtOnce } = this.#statements ??= this.#prepare();
    if (this.#pending.length >= rowsAtOnce * this.#names.length) this.#flush();
  }

  #requireTable(): void {
    if (this.#hasTable) return;
    const columns = this.#names.map((_, index) => `c${index}`);
    this.#database.exec(`CREATE TABLE ${RAW_TABLE} (${columns.join(", ")})`);
    this.#hasTable = true;
  }

  #prepare(): InsertStatements {
    this.#requireTable();
    const row = `(${this.#names.map(() => "?").join(", ")})`;
    const rowsAtOnce = Math.max(1, Math.floor(FIELDS_PER_INSERT / this.#names.length));
    const insert = (rows: number) =>
      this.#database.prepare(`INSERT INTO ${RAW_TABLE} VALUES ${Array(rows).fill(row).join(", ")}`);
    return { rowsAtOnce, many: insert(rowsAtOnce), one: insert(1) };
  }

  #flush(): void {
    const fields = this.#pending;
    if (fields.length === 0) return;
    const { rowsAtOnce, many, one } = this.#statements ??= this.#prepare();
    const width = this.#names.length;
    if (fields.length === rowsAtOnce * width) {
      many.run(...fields);
    } else {
      for (let at = 0; at < fields.length; at += width) one.run(...fields.slice(at, at + width));
    }
    this.#pending = [];
  }
}

interface InsertStatements {
  readonly rowsAtOnce: number;
  readonly many: StatementSync;
  readonly one: StatementSync;
}

/** How a JSON value is stored, its column told of it; undefined: it is nested too deeply. */
function storedValue(value: unknown, profile: ColumnProfile): SQLInputValue | undefined {
  switch (typeof value) {
    case "string":
      profile.observeString(value);
      // SQLite ends a text at its first NUL.
      return value.includes("\0") ? value.replaceAll("\0", "\ufffd") : value;
    case "number":
    case "bigint":
      profile.observeNumber(value);
      return String(value);
    case "boolean":
      profile.observeBoolean();
      return value ? "true" : "false";
    case "object":
      if (value === null) return null;
      profile.observeNested();
      return nestedText(value);
    default:
      return null;
  }
}

function nestedText(value: unknown): string | undefined {
  try {
    return stringifyBigIntegers(value);
  } catch (error) {
    // Of thousands of levels, for which the stack is too short.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function tooDeep(row: number, key: string): PermanentJobError {
  const column = JSON.stringify(key.slice(0, 100));
  return new PermanentJobError(
    `Row ${row}, ${column}: its value is nested too deeply to be read.`,
  );
}
