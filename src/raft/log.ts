/**
 * The log as the core sees it: what the store holds durably, with entries on top that are not
 * written yet, and the pointers into it. Always
 *
 *     boundary <= applied <= handedToApply <= committed <= last, and handedToApply <= stable <= last
 *
 * where `stable` is the last index known to be durable here.
 */

import type { Entry, SnapshotMetadata } from "./entry.ts";
import { entryBytes } from "./entry.ts";
import { invariant } from "./invariant.ts";
import type { LogReader } from "./ports.ts";

/** Proof that what a `Ready` asked to write up to (`lastIndex`, `lastTerm`) is durable. */
export interface LogPosition {
  readonly index: number;
  readonly term: number;
}

/** See the module's text. */
export class RaftLog {
  readonly #store: LogReader;
  /** Not known to be durable; contiguous, the first one at `#stable + 1`. */
  #unstable: Entry[] = [];
  #stable: number;
  /** Highest index already given out to be written. */
  #handedToWrite: number;
  #committed: number;
  #handedToApply: number;
  #applied: number;
  /** A snapshot that replaces the whole store as soon as the driver installed it. */
  #snapshot: SnapshotMetadata | undefined;

  /**
   * @param appliedIndex where the state machine stands; everything up to it is committed
   * @param commit a commit index that was once known, or 0
   */
  constructor(store: LogReader, appliedIndex: number, commit: number) {
    this.#store = store;
    this.#stable = store.lastIndex;
    this.#handedToWrite = store.lastIndex;
    invariant(
      appliedIndex >= store.boundary.index && appliedIndex <= store.lastIndex,
      () =>
        `The state machine stands at ${appliedIndex}, the log holds ` +
        `${store.boundary.index + 1} to ${store.lastIndex}`,
    );
    this.#committed = Math.max(appliedIndex, Math.min(commit, store.lastIndex));
    this.#handedToApply = appliedIndex;
    this.#applied = appliedIndex;
  }

  /** Index and term that stand before the first entry. */
  get boundary(): LogPosition {
    return this.#snapshot ?? this.#store.boundary;
  }

  get firstIndex(): number {
    return this.boundary.index + 1;
  }

  get lastIndex(): number {
    return this.#unstable.at(-1)?.index ?? this.#stable;
  }

  get lastTerm(): number {
    return this.#unstable.at(-1)?.term ?? this.#stableTerm(this.#stable);
  }

  /** Last index known to be durable here. */
  get stableIndex(): number {
    return this.#stable;
  }

  get committed(): number {
    return this.#committed;
  }

  get applied(): number {
    return this.#applied;
  }

  /** The snapshot that waits to be installed. */
  get snapshotToInstall(): SnapshotMetadata | undefined {
    return this.#snapshot;
  }

  /** Term at `index`, or `undefined` outside of the boundary and the last entry. */
  term(index: number): number | undefined {
    if (index > this.lastIndex || index < this.boundary.index) return undefined;
    if (index > this.#stable) return this.#unstable[index - this.#stable - 1]?.term;
    return this.#stableTerm(index);
  }

  /** Whether the log holds (`index`, `term`): if so it equals every such log up to there. */
  matches(index: number, term: number): boolean {
    return this.term(index) === term;
  }

  /** The vote's comparison (paper §5.4.1): whether a log ending there has all that this one has. */
  isUpToDate(lastIndex: number, lastTerm: number): boolean {
    return lastTerm > this.lastTerm ||
      (lastTerm === this.lastTerm && lastIndex >= this.lastIndex);
  }

  /** Entries `from` to at most `through`, up to `bytesMax`, at least one if there is any. */
  entries(from: number, through: number, bytesMax: number): readonly Entry[] {
    invariant(
      from >= this.firstIndex,
      () => `Entry ${from} was compacted; first is ${this.firstIndex}`,
    );
    const to = Math.min(through, this.lastIndex);
    if (from > to) return [];
    if (from <= this.#stable) {
      const stored = this.#store.entries(from, Math.min(to, this.#stable), bytesMax);
      const last = stored.at(-1)?.index ?? 0;
      if (last < this.#stable || last >= to) return stored;
      const used = stored.reduce((sum, entry) => sum + entryBytes(entry), 0);
      return used >= bytesMax
        ? stored
        : [...stored, ...this.#bounded(last + 1, to, bytesMax - used)];
    }
    const taken = this.#bounded(from, to, bytesMax);
    const first = this.#unstable[from - this.#stable - 1];
    return taken.length === 0 && first !== undefined ? [first] : taken;
  }

  /** A leader appends: entries that follow the last one. */
  append(entries: readonly Entry[]): void {
    for (const entry of entries) {
      invariant(
        entry.index === this.lastIndex + 1,
        () => `Entry ${entry.index} appended behind ${this.lastIndex}`,
      );
      this.#unstable.push(entry);
    }
  }

  /**
   * A follower appends what a leader sent (paper, figure 2, AppendEntries steps 2 to 4). Entries it
   * has stay: only a real conflict cuts the log, so an old request cannot shorten it.
   *
   * @returns undefined if (`prevIndex`, `prevTerm`) is not in the log; else where it was cut, if so
   */
  tryAppend(
    prevIndex: number,
    prevTerm: number,
    entries: readonly Entry[],
  ): { readonly cutFrom: number | undefined; readonly added: readonly Entry[] } | undefined {
    if (!this.matches(prevIndex, prevTerm)) return undefined;
    const position = entries.findIndex((entry) => !this.matches(entry.index, entry.term));
    if (position < 0) return { cutFrom: undefined, added: [] };
    const added = entries.slice(position);
    const firstAdded = added[0];
    invariant(firstAdded !== undefined, "An entry that does not match was found");
    const cut = firstAdded.index <= this.lastIndex;
    if (cut) this.#cutFrom(firstAdded.index);
    this.append(added);
    return { cutFrom: cut ? firstAdded.index : undefined, added };
  }

  /**
   * Largest index up to `index` whose term is at most `term`, or the boundary: where two logs may
   * still agree, given that they differ at `index`. Skips a whole term a round trip (paper §5.3).
   */
  lastIndexWithTermAtMost(index: number, term: number): LogPosition {
    for (let at = Math.min(index, this.lastIndex); at > this.boundary.index; at--) {
      const here = this.term(at);
      if (here !== undefined && here <= term) return { index: at, term: here };
    }
    return this.boundary;
  }

  /** Moves the commit index up, never down. Returns whether it moved. */
  commitTo(index: number): boolean {
    if (index <= this.#committed) return false;
    invariant(
      index <= this.lastIndex,
      () => `Commit ${index} is above the log's last index ${this.lastIndex}; was the log lost?`,
    );
    this.#committed = index;
    return true;
  }

  /** Entries to write that were not given out yet. */
  takeUnwritten(): readonly Entry[] {
    const from = Math.max(this.#handedToWrite, this.#stable);
    const entries = this.#unstable.slice(from - this.#stable);
    this.#handedToWrite = this.lastIndex;
    return entries;
  }

  /** Whether {@linkcode takeUnwritten} would give any. */
  get hasUnwritten(): boolean {
    return Math.max(this.#handedToWrite, this.#stable) < this.lastIndex;
  }

  /**
   * The store wrote everything up to `position`. Ignored if another entry took its place meanwhile:
   * a later write will be confirmed on its own.
   */
  wrote(position: LogPosition): void {
    if (position.index <= this.#stable || !this.matches(position.index, position.term)) return;
    this.#unstable = this.#unstable.slice(position.index - this.#stable);
    this.#stable = position.index;
    this.#handedToWrite = Math.max(this.#handedToWrite, this.#stable);
  }

  /** Committed and durable entries, in order, each once. */
  takeToApply(bytesMax: number): readonly Entry[] {
    if (!this.hasToApply) return [];
    const through = Math.min(this.#committed, this.#stable);
    const entries = this.entries(this.#handedToApply + 1, through, bytesMax);
    this.#handedToApply = entries.at(-1)?.index ?? this.#handedToApply;
    return entries;
  }

  get hasToApply(): boolean {
    return this.#snapshot === undefined &&
      this.#handedToApply < Math.min(this.#committed, this.#stable);
  }

  /** The state machine holds the effects of everything up to `index`. */
  appliedTo(index: number): void {
    invariant(
      index >= this.#applied && index <= this.#handedToApply,
      () => `Applied ${index}, but ${this.#applied} was applied and ${this.#handedToApply} given`,
    );
    this.#applied = index;
  }

  /** A snapshot replaces the whole log (paper §7: what conflicts with it is discarded). */
  restore(snapshot: SnapshotMetadata): void {
    invariant(
      snapshot.index > this.#committed,
      () => `Snapshot ${snapshot.index} is not above the committed ${this.#committed}`,
    );
    this.#snapshot = snapshot;
    this.#unstable = [];
    this.#stable = snapshot.index;
    this.#handedToWrite = snapshot.index;
    this.#committed = snapshot.index;
  }

  /** The driver installed what {@linkcode restore} announced: state and store stand at it. */
  restored(): void {
    const snapshot = this.#snapshot;
    invariant(snapshot !== undefined, "No snapshot was to be installed");
    invariant(
      this.#store.boundary.index === snapshot.index,
      () => `The store begins at ${this.#store.boundary.index}, the snapshot is ${snapshot.index}`,
    );
    this.#snapshot = undefined;
    this.#handedToApply = snapshot.index;
    this.#applied = snapshot.index;
  }

  #cutFrom(index: number): void {
    invariant(
      index > this.#committed,
      () => `Entry ${index} conflicts, but everything up to ${this.#committed} is committed`,
    );
    if (index > this.#stable) {
      this.#unstable = this.#unstable.slice(0, index - this.#stable - 1);
    } else {
      this.#unstable = [];
      this.#stable = index - 1;
    }
    this.#handedToWrite = Math.min(this.#handedToWrite, index - 1);
  }

  #bounded(from: number, to: number, bytesMax: number): readonly Entry[] {
    const start = from - this.#stable - 1;
    let end = start;
    let bytes = 0;
    for (; end <= to - this.#stable - 1; end++) {
      const entry = this.#unstable[end];
      if (entry === undefined) break;
      bytes += entryBytes(entry);
      if (bytes > bytesMax) break;
    }
    return this.#unstable.slice(start, end);
  }

  #stableTerm(index: number): number {
    const snapshot = this.#snapshot;
    if (snapshot !== undefined && index === snapshot.index) return snapshot.term;
    return this.#store.term(index);
  }
}
