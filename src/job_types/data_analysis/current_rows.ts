/**
 * The rows that an operation works on: the table, less what the filters before it took away, in the
 * order that the last sort before it gave.
 *
 * @module
 */

import type { SortKey } from "./payload.ts";
import { identifier } from "./sql_text.ts";

/** See the module's comment. A value: each filter or sort makes another. */
export class CurrentRows {
  readonly #conditions: readonly string[];
  readonly #keys: readonly SortKey[];

  constructor(conditions: readonly string[] = [], keys: readonly SortKey[] = []) {
    this.#conditions = conditions;
    this.#keys = keys;
  }

  get isFiltered(): boolean {
    return this.#conditions.length > 0;
  }

  /** What follows FROM. */
  get from(): string {
    return this.isFiltered ? `(SELECT * FROM main.data${this.where})` : "main.data";
  }

  /** A WHERE clause with a space before it, or nothing. */
  get where(): string {
    return this.isFiltered ? ` WHERE ${this.#conditions.join(" AND ")}` : "";
  }

  /** An ORDER BY clause with a space before it, or nothing: then rows keep the source's order. */
  get orderBy(): string {
    return this.#keys.length > 0 ? ` ORDER BY ${orderSql(this.#keys)}` : "";
  }

  filteredBy(condition: string): CurrentRows {
    return new CurrentRows([...this.#conditions, condition], this.#keys);
  }

  sortedBy(keys: readonly SortKey[]): CurrentRows {
    return new CurrentRows(this.#conditions, keys);
  }
}

/** What follows ORDER BY. Nulls come last, whichever way the order goes. */
export function orderSql(keys: readonly SortKey[]): string {
  return keys.map(({ column, descending }) =>
    `${identifier(column)} ${descending ? "DESC" : "ASC"} NULLS LAST`
  ).join(", ");
}
