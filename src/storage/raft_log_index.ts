/** What of the log is kept in memory: every term, how large it is, and the newest entries. */

import { entryBytes } from "../raft/mod.ts";
import type { Entry } from "../raft/mod.ts";

/** Terms of all entries as runs: few, however long the log. */
export class TermRuns {
  #runs: { readonly from: number; readonly term: number }[] = [];

  /** An entry at `index`, behind all others. */
  add(index: number, term: number): void {
    if (this.#runs.at(-1)?.term !== term) this.#runs.push({ from: index, term });
  }

  /** Term at `index`, which must lie within the log. */
  at(index: number): number | undefined {
    let low = 0;
    let high = this.#runs.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#runs[middle]?.from ?? Infinity) <= index) low = middle;
      else high = middle - 1;
    }
    const run = this.#runs[low];
    return run !== undefined && run.from <= index ? run.term : undefined;
  }

  /** Forgets `index` and all behind it. */
  cutFrom(index: number): void {
    while ((this.#runs.at(-1)?.from ?? -1) >= index) this.#runs.pop();
  }

  /** Forgets what lies below `index`. */
  dropBelow(index: number): void {
    const keep = this.#runs.findLastIndex((run) => run.from <= index);
    if (keep > 0) this.#runs = this.#runs.slice(keep);
  }

  clear(): void {
    this.#runs = [];
  }
}

/** Bytes of all entries, by appends: compaction asks for those of what it leaves, and reads no rows. */
export class RetainedBytes {
  #parts: { readonly lastIndex: number; readonly bytes: number }[] = [];
  #total = 0;

  get total(): number {
    return this.#total;
  }

  /** Entries that were appended, the last of them at `lastIndex`. */
  add(lastIndex: number, bytes: number): void {
    this.#parts.push({ lastIndex, bytes });
    this.#total += bytes;
  }

  /** Forgets `index` and all behind it, which have `bytes`. */
  cutFrom(index: number, bytes: number): void {
    let kept = -bytes;
    while ((this.#parts.at(-1)?.lastIndex ?? -1) >= index) kept += this.#parts.pop()?.bytes ?? 0;
    this.#total -= bytes;
    if (kept > 0) this.#parts.push({ lastIndex: index - 1, bytes: kept });
  }

  /** Forgets what lies at `index` and below; of the append that `index` is amid, nothing. */
  dropThrough(index: number): void {
    const kept = this.#parts.findIndex(({ lastIndex }) => lastIndex > index);
    const dropped = this.#parts.splice(0, kept < 0 ? this.#parts.length : kept);
    this.#total -= dropped.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  clear(): void {
    this.#parts = [];
    this.#total = 0;
  }
}

/** The newest entries, so that applying and sending do not read the disk. */
export class TailCache {
  readonly #bytesMax: number;
  #entries: Entry[] = [];
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Index of the oldest cached entry; `Infinity` while there is none. */
  get firstIndex(): number {
    return this.#entries[0]?.index ?? Infinity;
  }

  /**
   * Entries that follow the newest. Forgets the older half when there are too many bytes, but none
   * from `keptFrom` on.
   */
  add(entries: readonly Entry[], keptFrom = Infinity): void {
    for (const entry of entries) {
      this.#entries.push(entry);
      this.#bytes += entryBytes(entry);
    }
    if (this.#bytes <= this.#bytesMax) return;
    let drop = 0;
    while (this.#bytes > this.#bytesMax / 2 && drop < this.#entries.length - 1) {
      const entry = this.#entries[drop];
      if (entry === undefined || entry.index >= keptFrom) break;
      this.#bytes -= entryBytes(entry);
      drop++;
    }
    this.#entries = this.#entries.slice(drop);
  }

  /** Entries `from` to `through`, both cached, within `bytesMax`, at least one. */
  read(from: number, through: number, bytesMax: number): readonly Entry[] {
    const start = from - this.firstIndex;
    let end = start;
    let bytes = 0;
    while (end <= through - this.firstIndex) {
      const entry = this.#entries[end];
      if (entry === undefined) break;
      bytes += entryBytes(entry);
      if (bytes > bytesMax && end > start) break;
      end++;
    }
    return this.#entries.slice(start, end);
  }

  /** Forgets `index` and all behind it. */
  cutFrom(index: number): void {
    this.#resize(0, Math.max(0, index - this.firstIndex));
  }

  /** Forgets what lies below `index`. */
  dropBelow(index: number): void {
    this.#resize(Math.min(this.#entries.length, Math.max(0, index - this.firstIndex)));
  }

  clear(): void {
    this.#entries = [];
    this.#bytes = 0;
  }

  #resize(start: number, end?: number): void {
    if (this.#entries.length === 0) return;
    this.#entries = this.#entries.slice(start, end);
    this.#bytes = this.#entries.reduce((sum, entry) => sum + entryBytes(entry), 0);
  }
}
