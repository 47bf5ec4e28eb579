/**
 * Judges a run from outside: sees what nodes send, write, commit and apply, and what clients were
 * told. Shares no code with the core.
 */

import type { HardState, Message } from "../../src/raft/mod.ts";
import type { World } from "./world.ts";

/** A promise was broken; the run is over. Its message begins with the name of who noticed. */
export class Violation extends Error {
  override name = "Violation";

  /** The checker that noticed. */
  get checker(): string {
    return this.message.slice(0, Math.max(0, this.message.indexOf(":")));
  }
}

/** A committed entry, as first seen. */
interface Committed {
  readonly term: number;
  /** Not before its commit: the term of who applied it first. Later leaders must have it. */
  readonly knownInTerm: number;
  readonly text: string;
  readonly by: string;
}

/** An entry as somebody first wrote it. */
interface Written {
  readonly by: string;
  readonly text: string;
  /** Term of the entry before it; undefined where a snapshot ends. */
  readonly termBefore: number | undefined;
}

/** What the oracle reads of a node's disk. */
export interface DurableView {
  readonly boundaryIndex: number;
  readonly lastIndex: number;
  readonly hardState: HardState;
  term(index: number): number;
  text(index: number): string;
  membership(index: number): readonly string[] | undefined;
}

/** See the module's text. */
export class Oracle {
  readonly #world: World;
  readonly #committed = new Map<number, Committed>();
  readonly #leaders = new Map<number, string>();
  readonly #votes = new Map<string, string>();
  readonly #hard = new Map<string, HardState>();
  /** By index and term. */
  readonly #written = new Map<string, Written>();
  /** Terms in which somebody voted for itself: no other is ever entered. */
  readonly #campaigned = new Set([0, 1]);
  readonly #hashes = new Map<number, { readonly hash: number; readonly by: string }>();
  /** What disks held that have lost or changed it since: it was promised, and may yet be counted. */
  readonly #lost = new Map<string, DurableView>();
  /** Voters by the committed entry that named them. */
  readonly #voters: { readonly index: number; readonly voters: readonly string[] }[] = [];
  /** The first broken promise. */
  violation: Violation | undefined;
  highestCommitted = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** How many leaders there were. */
  get elections(): number {
    return this.#leaders.size;
  }

  /** Records `sentence` as broken, unless it holds. */
  check(holds: boolean, sentence: () => string): void {
    if (!holds && this.violation === undefined) this.violation = new Violation(sentence());
  }

  /** Election safety and leader completeness. */
  leads(id: string, term: number, disk: DurableView): void {
    const other = this.#leaders.get(term);
    this.check(
      other === undefined || other === id,
      () => `Election safety: ${other} and ${id} both lead term ${term}`,
    );
    this.#leaders.set(term, id);
    for (const [index, entry] of this.#committed) {
      // The news of a leader may come after that of the next one's commits.
      if (index <= disk.boundaryIndex || entry.knownInTerm >= term) continue;
      const has = index <= disk.lastIndex && disk.term(index) === entry.term;
      this.check(
        has,
        () =>
          `Leader completeness: ${id} leads term ${term} without entry ${index} of term ` +
          `${entry.term}, which ${entry.by} committed`,
      );
    }
  }

  /** `id` wrote this durably. */
  wroteHardState(id: string, hard: HardState): void {
    const before = this.#hard.get(id);
    this.check(
      before === undefined || hard.term >= before.term,
      () => `Durable term: that of ${id} fell from ${before?.term} to ${hard.term}`,
    );
    this.check(
      before === undefined || before.vote === null || hard.term > before.term ||
        hard.vote === before.vote,
      () => `One vote a term: ${id} has voted for ${before?.vote} in ${hard.term}, and forgets it`,
    );
    this.#hard.set(id, hard);
    if (hard.vote === id) this.#campaigned.add(hard.term);
    this.check(
      this.#campaigned.has(hard.term),
      () => `Terms: ${id} is in ${hard.term}, in which nobody campaigned`,
    );
    if (hard.vote !== null) this.#voted(id, hard.term, hard.vote);
  }

  /**
   * Log matching, entry by entry: whoever writes an entry of the same index and term writes the same,
   * behind an entry of the same term. And nobody overwrites what it held of the committed log.
   *
   * @param disk as it was before
   */
  wroteEntries(
    id: string,
    entries: readonly { index: number; term: number; text: string }[],
    disk: DurableView,
  ): void {
    const first = entries[0];
    if (first === undefined) return;
    this.#overwrites(id, first.index, disk);
    const before = first.index - 1;
    let termBefore = before > disk.boundaryIndex ? disk.term(before) : undefined;
    for (const { index, term, text } of entries) {
      const key = `${index}@${term}`;
      const known = this.#written.get(key);
      const position = { by: id, text, termBefore };
      if (known === undefined) this.#written.set(key, position);
      else this.#matches(known, position, key);
      termBefore = term;
    }
  }

  #overwrites(id: string, from: number, disk: DurableView): void {
    for (let index = from; index <= disk.lastIndex; index++) {
      const term = disk.term(index);
      this.check(
        this.#committed.get(index)?.term !== term,
        () => `Committed entries stay: ${id} overwrites entry ${index} of term ${term}`,
      );
    }
  }

  #matches(known: Written, found: Written, key: string): void {
    const { by } = found;
    this.check(
      known.text === found.text,
      () => `Log matching: entry ${key} of ${by} is not that of ${known.by}`,
    );
    const terms = [known.termBefore, found.termBefore];
    this.check(
      terms.includes(undefined) || terms[0] === terms[1],
      () => `Log matching: before entry ${key} ${by} has another term than ${known.by}`,
    );
  }

  /** A snapshot replaced the state of `id`: its hash is that of whoever applied as much. */
  installed(id: string, index: number, hash: number): void {
    let at = index;
    // What is not a command changes no hash.
    while (at > 0 && !this.#hashes.has(at)) at--;
    const known = this.#hashes.get(at);
    this.check(
      (known?.hash ?? 0) === hash,
      () => `State machine safety: ${id} installed another state at ${index} than ${known?.by} had`,
    );
  }

  /** The disk of `id` lied: it held `before`; or (undefined) it is a member again, with what it has. */
  lied(id: string, before: DurableView | undefined): void {
    if (before === undefined) this.#lost.delete(id);
    else this.#lost.set(id, before);
  }

  /** A node was given a new disk: nothing is held against it. */
  forget(id: string): void {
    this.#hard.delete(id);
    for (const key of this.#votes.keys()) {
      if (key.startsWith(`${id}@`)) this.#votes.delete(key);
    }
  }

  /** What leaves a node must be durable there already (thesis §3.8). */
  sends(message: Message, disk: DurableView): void {
    const { from, to, term } = message;
    const hard = disk.hardState;
    switch (message.kind) {
      case "vote_response":
        if (message.pre || !message.granted) return;
        this.check(
          hard.term > term || (hard.term === term && hard.vote === to),
          () =>
            `Persist before answering: ${from} promises its vote of term ${term} to ${to}, but its disk says ${hard.vote} in ` +
            `term ${hard.term}`,
        );
        this.#voted(from, term, to);
        return;
      case "vote_request":
        if (message.pre) return;
        this.check(
          hard.term > term || (hard.term === term && hard.vote === from),
          () =>
            `Persist before answering: ${from} campaigns in term ${term}, but its disk says ` +
            `${hard.vote} in ${hard.term}`,
        );
        this.#voted(from, term, from);
        return;
      case "append_accepted":
        // Unless a leader of a later term has cut it in the same write.
        this.check(
          hard.term > term || disk.lastIndex >= message.match,
          () =>
            `Persist before answering: ${from} acknowledges entry ${message.match}, but its disk ends at ${disk.lastIndex}`,
        );
        this.check(
          hard.term >= term,
          () =>
            `Persist before answering: ${from} speaks of term ${term}, its disk of ${hard.term}`,
        );
        return;
      case "append_rejected":
      case "heartbeat_response":
        this.check(
          hard.term >= term,
          () =>
            `Persist before answering: ${from} speaks of term ${term}, its disk of ${hard.term}`,
        );
    }
  }

  /**
   * `id` applied what is committed up to `through`; `from` is the first it had not before. What was
   * committed once stays, is the same for all, and is durable at a majority.
   */
  commits(
    id: string,
    from: number,
    through: number,
    disks: ReadonlyMap<string, DurableView>,
    voters: readonly (readonly string[])[],
  ): void {
    const disk = disks.get(id);
    if (disk === undefined) return;
    for (let index = Math.max(from, disk.boundaryIndex + 1); index <= through; index++) {
      if (index > disk.lastIndex) return;
      const term = disk.term(index);
      const known = this.#committed.get(index);
      if (known !== undefined) {
        this.check(
          known.term === term,
          () =>
            `State machine safety: ${known.by} committed entry ${index} of term ${known.term}, ` +
            `${id} of term ${term}`,
        );
        continue;
      }
      const knownInTerm = disk.hardState.term;
      this.#committed.set(index, { term, knownInTerm, text: disk.text(index), by: id });
      this.highestCommitted = Math.max(this.highestCommitted, index);
      const named = disk.membership(index);
      if (named !== undefined) this.#voters.push({ index, voters: named });
      this.#checkQuorum(id, index, term, disks, voters);
    }
  }

  /** Replicas that applied the same entries have the same state. */
  applied(id: string, index: number, hash: number): void {
    const known = this.#hashes.get(index);
    if (known === undefined) this.#hashes.set(index, { hash, by: id });
    this.check(
      known === undefined || known.hash === hash,
      () => `State machine safety: ${known?.by} and ${id} differ after entry ${index}`,
    );
  }

  #voted(id: string, term: number, vote: string): void {
    const key = `${id}@${term}`;
    const before = this.#votes.get(key);
    this.check(
      before === undefined || before === vote,
      () => `One vote a term: ${id} votes for ${before} and for ${vote} in term ${term}`,
    );
    this.#votes.set(key, vote);
  }

  #checkQuorum(
    id: string,
    index: number,
    term: number,
    disks: ReadonlyMap<string, DurableView>,
    voters: readonly (readonly string[])[],
  ): void {
    const holders = [...disks, ...this.#lost].filter(([, disk]) =>
      disk.boundaryIndex >= index || (disk.lastIndex >= index && disk.term(index) === term)
    ).map(([holder]) => holder);
    const majorityOf = (group: readonly string[]) =>
      group.filter((each) => holders.includes(each)).length * 2 > group.length;
    // A membership is in force from when it is appended; this one may be committed under it.
    const before = this.#voters.findLast((each) => each.index <= index)?.voters ?? [];
    this.check(
      [...voters, before].some(majorityOf),
      () =>
        `Commit: ${id} commits entry ${index} of term ${term}, which only ${
          holders.join(", ")
        } of ` +
        `${voters.map((group) => group.join("+")).join(" or ")} hold durably at ${
          this.#world.nowMs.toFixed(1)
        } ms`,
    );
  }
}
