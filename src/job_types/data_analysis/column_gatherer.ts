/**
 * Gathers the values of a column while the table is being read, so that `describe` need not read
 * them again. A column that turns out to be something else than it seemed, or does not fit in
 * memory, is left to SQLite.
 *
 * @module
 */

import type { StoredValue } from "./cells.ts";
import type { Column, ColumnProfile } from "./column_profile.ts";
import { isoDate } from "./field_format.ts";
import {
  type Findings,
  type FindingsTerms,
  type GatherBudget,
  NumberGatherer,
  TextGatherer,
} from "./gatherers.ts";
import type { DateOrder } from "./field_format.ts";
import { uniformTimestamp } from "./timestamp.ts";

/** See the module's comment. */
export class ColumnGatherer {
  readonly #budget: GatherBudget;
  #numbers: NumberGatherer | undefined;
  #texts: TextGatherer | undefined;
  #isGivenUp = false;

  constructor(budget: GatherBudget) {
    this.#budget = budget;
  }

  /** Counts a value that has come before as a text; false for one that has to be looked at. */
  addAgain(stored: string): boolean {
    return this.#texts?.addAgain(stored) ?? false;
  }

  /**
   * @param stored the value as it is stored.
   * @param plain the same, as this program writes numbers.
   * @param profile of the column, which has seen the value.
   */
  add(stored: string, plain: string, profile: ColumnProfile): void {
    if (this.#texts !== undefined) return this.#texts.add(stored);
    if (this.#isGivenUp) return;
    if (profile.isPlainNumeric) {
      (this.#numbers ??= new NumberGatherer(this.#budget)).add(Number(plain));
    } else if (this.#numbers === undefined) {
      this.#texts = new TextGatherer(this.#budget);
      this.#texts.add(stored);
    } else {
      // Texts after numbers: what those looked like is not known any more.
      this.#numbers.abandon();
      this.#isGivenUp = true;
    }
  }

  /** Undefined when the column has to be read again. */
  finish(column: Column, terms: FindingsTerms & { dates: DateOrder }): Findings | undefined {
    const { type } = column;
    const isNumeric = type === "integer" || type === "real";
    if (this.#numbers !== undefined) return isNumeric ? this.#numbers.finish(terms) : undefined;
    if (this.#texts === undefined) {
      return this.#isGivenUp ? undefined : new TextGatherer(this.#budget).finish(terms);
    }
    return isNumeric ? undefined : this.#texts.finish(terms, foldOf(column, terms.dates));
  }
}

/** What a text stands for in the table, where it is not itself. */
function foldOf(
  { type, uniformDigits }: Column,
  dates: DateOrder,
): ((text: StoredValue) => StoredValue) | undefined {
  const iso = (text: StoredValue) => {
    const written = String(text);
    return dates === "iso" ? written : isoDate(written, dates) ?? written;
  };
  if (type === "boolean") return (text) => Number(String(text).toLowerCase() === "true");
  if (type === "timestamp" && uniformDigits !== undefined) {
    return (text) => uniformTimestamp(iso(text), uniformDigits);
  }
  return (type === "date" || type === "timestamp") && dates !== "iso" ? iso : undefined;
}
