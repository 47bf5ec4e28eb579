/**
 * Judges a run from outside: sees what nodes send, write, commit and apply, and what clients were
 * told. Shares no code with the core.
 */

import type { HardState, Message, RaftStatus } from "../../src/raft/mod.ts";
import type { World } from "./world.ts";

/** A promise was broken; the run is over. */
export class Violation extends Error {
  override name = "Violation";
}

/** A committed entry, as first seen. */
interface Committed {
  readonly term: number;
  readonly text: string;
  readonly by: string;
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
  /** Terms in which somebody voted for itself: no other is ever entered. */
  readonly #campaigned = new Set([0, 1]);
  readonly #hashes = new Map<number, { readonly hash: number; readonly by: string }>();
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
  leads(id: string, status: RaftStatus, disk: DurableView): void {
    const { term } = status;
    const other = this.#leaders.get(term);
    this.check(
      other === undefined || other === id,
      () => `Election safety: ${other} and ${id} both lead term ${term}`,
    );
    this.#leaders.set(term, id);
    for (const [index, entry] of this.#committed) {
      if (index <= disk.boundaryIndex) continue;
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
      () => `Term of ${id} fell from ${before?.term} to ${hard.term}`,
    );
    this.#hard.set(id, hard);
    if (hard.vote === id) this.#campaigned.add(hard.term);
    this.check(
      this.#campaigned.has(hard.term),
      () => `${id} is in term ${hard.term}, in which nobody campaigned`,
    );
    if (hard.vote !== null) this.#voted(id, hard.term, hard.vote);
  }

  /** A node was given a new disk and a new name: nothing is held against it. */
  forget(id: string): void {
    this.#hard.delete(id);
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
            `${from} promises its vote of term ${term} to ${to}, but its disk says ${hard.vote} in ` +
            `term ${hard.term}`,
        );
        this.#voted(from, term, to);
        return;
      case "vote_request":
        if (message.pre) return;
        this.check(
          hard.term > term || (hard.term === term && hard.vote === from),
          () => `${from} campaigns in term ${term}, but its disk says ${hard.vote} in ${hard.term}`,
        );
        this.#voted(from, term, from);
        return;
      case "append_accepted":
        // Unless a leader of a later term has cut it in the same write.
        this.check(
          hard.term > term || disk.lastIndex >= message.match,
          () =>
            `${from} acknowledges entry ${message.match}, but its disk ends at ${disk.lastIndex}`,
        );
        this.check(
          hard.term >= term,
          () => `${from} speaks of term ${term}, its disk of ${hard.term}`,
        );
        return;
      case "append_rejected":
      case "heartbeat_response":
        this.check(
          hard.term >= term,
          () => `${from} speaks of term ${term}, its disk of ${hard.term}`,
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
      this.#committed.set(index, { term, text: disk.text(index), by: id });
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
      () => `${id} votes for ${before} and for ${vote} in term ${term}`,
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
    const holders = [...disks].filter(([, disk]) =>
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
