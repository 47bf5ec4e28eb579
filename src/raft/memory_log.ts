/** A log store without a disk: for tests, and to measure the core alone. */

import type { Entry, HardState, SnapshotMetadata } from "./entry.ts";
import { entryBytes } from "./entry.ts";
import { invariant } from "./invariant.ts";
import { NO_MEMBERSHIP } from "./membership.ts";
import type { LogStore } from "./ports.ts";

/** Forgets everything with its process. */
export class MemoryLog implements LogStore {
  hardState: HardState = { term: 0, vote: null, commit: 0 };
  boundary: SnapshotMetadata = { index: 0, term: 0, membership: NO_MEMBERSHIP };
  installing: SnapshotMetadata | undefined;
  /** Those behind the boundary. */
  #entries: Entry[] = [];
  #retainedBytes = 0;

  get lastIndex(): number {
    return this.boundary.index + this.#entries.length;
  }

  get retainedBytes(): number {
    return this.#retainedBytes;
  }

  membershipEntries(): readonly Entry[] {
    return this.#entries.filter((entry) => entry.kind === "membership");
  }

  term(index: number): number {
    if (index === this.boundary.index) return this.boundary.term;
    const entry = this.#entries[index - this.boundary.index - 1];
    invariant(entry !== undefined, () => `Entry ${index} is not in the log`);
    return entry.term;
  }

  entries(from: number, through: number, bytesMax: number): readonly Entry[] {
    invariant(
      from > this.boundary.index && through <= this.lastIndex && from <= through,
      () => `Entries ${from} to ${through} are not in the log`,
    );
    const start = from - this.boundary.index - 1;
    let end = start;
    let bytes = 0;
    while (end < through - this.boundary.index) {
      const entry = this.#entries[end];
      if (entry === undefined) break;
      bytes += entryBytes(entry);
      if (bytes > bytesMax && end > start) break;
      end++;
    }
    return this.#entries.slice(start, end);
  }

  append(entries: readonly Entry[], hardState: HardState): void {
    this.hardState = hardState;
    const first = entries[0];
    if (first === undefined) return;
    invariant(
      first.index > this.boundary.index && first.index <= this.lastIndex + 1,
      () => `Entry ${first.index} does not fit behind ${this.lastIndex}`,
    );
    const kept = first.index - this.boundary.index - 1;
    this.#retainedBytes += bytesOf(entries) - bytesOf(this.#entries.slice(kept));
    this.#entries.length = kept;
    for (const entry of entries) this.#entries.push(entry);
  }

  compact(boundary: SnapshotMetadata): void {
    if (boundary.index <= this.boundary.index) return;
    invariant(boundary.index <= this.lastIndex, () => `Cannot compact to ${boundary.index}`);
    const removed = boundary.index - this.boundary.index;
    this.#retainedBytes -= bytesOf(this.#entries.slice(0, removed));
    this.#entries = this.#entries.slice(removed);
    this.boundary = boundary;
  }

  setInstalling(snapshot: SnapshotMetadata | undefined): void {
    this.installing = snapshot;
  }

  reset(boundary: SnapshotMetadata, hardState: HardState): void {
    this.#entries = [];
    this.#retainedBytes = 0;
    this.boundary = boundary;
    this.hardState = hardState;
    this.installing = undefined;
  }
}

function bytesOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, entry) => sum + entryBytes(entry), 0);
}
