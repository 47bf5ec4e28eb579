/**
 * Gives every column a name that SQL can hold and tell from the others.
 *
 * @module
 */

/** Longest name kept, in UTF-16 units. */
const NAME_LENGTH_MAX = 1_024;

/**
 * Hands out unique names: an empty one becomes `column_<position>`, one that is taken gets `_2`,
 * `_3` ... SQLite tells names apart without regard to the case of a to z, and so does this.
 */
export class ColumnNamer {
  readonly #taken = new Set<string>();

  /** The name for the column at `position`, counted from 1, that the source calls `written`. */
  next(written: string, position: number): string {
    const cleaned = written.trim().slice(0, NAME_LENGTH_MAX).replaceAll("\0", "\ufffd")
      .toWellFormed();
    const wanted = cleaned === "" ? `column_${position}` : cleaned;
    let name = wanted;
    for (let suffix = 2; this.#taken.has(folded(name)); suffix++) name = `${wanted}_${suffix}`;
    this.#taken.add(folded(name));
    return name;
  }
}

function folded(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}
