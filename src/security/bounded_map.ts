/**
 * A map that holds at most `entriesMax` entries and lets go of the one that was used longest ago.
 * It rests on a JavaScript `Map` keeping its keys in the order they were put in.
 */
export class BoundedMap<Key, Value> {
  readonly #entries = new Map<Key, Value>();
  readonly #entriesMax: number;

  /** @throws {RangeError} when `entriesMax` is not a positive whole number */
  constructor(entriesMax: number) {
    if (!Number.isSafeInteger(entriesMax) || entriesMax < 1) {
      throw new RangeError(`entriesMax must be a positive whole number, not ${entriesMax}`);
    }
    this.#entriesMax = entriesMax;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The value, which now counts as just used. */
  get(key: Key): Value | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  /** Puts an entry in as just used, and the longest unused one out when there is no room. */
  set(key: Key, value: Value): void {
    this.#entries.delete(key);
    if (this.#entries.size >= this.#entriesMax) {
      const oldest = this.#entries.keys().next();
      if (!oldest.done) this.#entries.delete(oldest.value);
    }
    this.#entries.set(key, value);
  }

  clear(): void {
    this.#entries.clear();
  }

  delete(key: Key): boolean {
    return this.#entries.delete(key);
  }

  /** Entries from the longest unused to the latest used; entries may be deleted on the way. */
  entries(): IterableIterator<[Key, Value]> {
    return this.#entries.entries();
  }
}
