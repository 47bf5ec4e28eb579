/**
 * Gives every column a name that SQL can hold and tell from the others.
 *
 * @module
 */

/** Longest name kept, in UTF-16 units. */
const NAME_LENGTH_MAX = 1_024;

/**
 * Hands out unique names: an empty one becomes `column_<position>`, one that is taken gets `_2`,
 * `_3` ... SQLite tells names apart without regard to the case of a to z, and so does this. No name that
 * is made up is one that the source uses for another column, as far as that is known.
 */
export class ColumnNamer {
  readonly #taken = new Set<string>();
  readonly #written: ReadonlySet<string>;

  /** @param written all names that are going to come, where those are known */
  constructor(written: readonly string[] = []) {
    this.#written = new Set(written.map((name) => folded(cleaned(name))));
  }

  /** The name for the column at `position`, counted from 1, that the source calls `written`. */
  next(written: string, position: number): string {
    const own = cleaned(written);
    const wanted = own === "" ? `column_${position}` : own;
    let name = wanted;
    const isAnothers = () => name !== own && this.#written.has(folded(name));
    for (let suffix = 2; this.#taken.has(folded(name)) || isAnothers(); suffix++) {
      name = `${wanted}_${suffix}`;
    }
    this.#taken.add(folded(name));
    return name;
  }
}

function cleaned(written: string): string {
  return written.trim().slice(0, NAME_LENGTH_MAX).replaceAll("\0", "\ufffd").toWellFormed();
}

function folded(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}
