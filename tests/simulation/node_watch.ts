/**
 * Watches one node from outside, by what it shows of itself: its commit index never falls, its
 * pointers keep their order, what it takes in is bounded, and it campaigns when it should.
 */

import type { PeerStatus, RaftBounds, RaftStatus } from "../../src/raft/mod.ts";
import type { DurableView, Oracle } from "./oracle.ts";

/** A slow turn may come between the timer and the campaign. */
const SLACK_TICKS = 20;

/** What is looked at of a node's status. */
export interface Watched
  extends Pick<RaftStatus, "id" | "role" | "term" | "commitIndex" | "appliedIndex" | "lastIndex"> {
  readonly members: readonly Pick<RaftStatus["members"][number], "id" | "votes">[];
  readonly peers: readonly Pick<PeerStatus, "id" | "inflightMessages">[];
}

/** What a {@linkcode NodeWatch} is made of. */
export interface NodeWatchOptions {
  readonly id: string;
  readonly electionTicks: number;
  readonly bounds: Partial<RaftBounds>;
  readonly oracle: Oracle;
  /** Of all nodes that lead, as far as they know. */
  leaders(): readonly RaftStatus[];
  /** Disks of all nodes, as they would be found after a power failure. */
  disks(): ReadonlyMap<string, DurableView>;
}

/** See the module's text. */
export class NodeWatch {
  readonly #options: NodeWatchOptions;
  #commitIndex = 0;
  #appliedIndex = 0;
  /** The term in which it was last seen to lead. */
  #ledTerm = 0;
  /** Entries that were not committed when it began to; they count against no bound. */
  #inherited = 0;
  #ticksWithoutLeader = 0;

  constructor(options: NodeWatchOptions) {
    this.#options = options;
  }

  /** Its process starts, with a log that begins behind `boundaryIndex`. */
  starts(boundaryIndex: number): void {
    this.#commitIndex = boundaryIndex;
    this.#appliedIndex = boundaryIndex;
    this.#ticksWithoutLeader = 0;
  }

  /** It leads. */
  leads({ id, term }: Watched, disk: DurableView): void {
    this.#options.oracle.leads(id, term, disk);
  }

  /** It has a reason to put off an election: its leader lives, or it has asked or voted itself. */
  putsOffElection(): void {
    this.#ticksWithoutLeader = 0;
  }

  /**
   * A voter without a leader for some election timeouts campaigns, whatever else it hears (P8).
   *
   * @param able whether it could: its disk has room, and no slow turn is under way
   */
  ticked(status: Watched, able: boolean): void {
    if (status.role !== "follower" || !able) {
      this.#ticksWithoutLeader = 0;
      return;
    }
    const { oracle, electionTicks } = this.#options;
    const votes = status.members.some(({ id, votes }) => votes && id === status.id);
    const late = ++this.#ticksWithoutLeader > 3 * electionTicks + SLACK_TICKS;
    oracle.check(
      !votes || !late,
      () =>
        `Election timer: ${status.id} heard of no leader for ${this.#ticksWithoutLeader} ticks, ` +
        "and did not campaign",
    );
  }

  /** Something happened to it. */
  moved(status: Watched): void {
    const { oracle } = this.#options;
    const { id, commitIndex, appliedIndex, lastIndex } = status;
    oracle.check(
      commitIndex >= this.#commitIndex,
      () => `Commit monotonicity: that of ${id} fell from ${this.#commitIndex} to ${commitIndex}`,
    );
    oracle.check(
      appliedIndex <= commitIndex && commitIndex <= lastIndex,
      () =>
        `Order of pointers: ${id} applied ${appliedIndex}, committed ${commitIndex}, ` +
        `last ${lastIndex}`,
    );
    if (status.role === "leader") this.#isBounded(status);
    this.#commitIndex = commitIndex;
    // What is committed but not applied may not be on this disk yet.
    if (appliedIndex <= this.#appliedIndex) return;
    // A leader commits under the membership that its own log ends with, which may be a later one.
    const voters = [votersOf(status), ...this.#options.leaders().map(votersOf)];
    const from = this.#appliedIndex + 1;
    oracle.commits(id, from, appliedIndex, this.#options.disks(), voters);
    this.#appliedIndex = appliedIndex;
  }

  /** What a leader holds for others, and what it has taken in, stays within its bounds (P20). */
  #isBounded({ id, term, lastIndex, commitIndex, peers }: Watched): void {
    const { oracle, bounds } = this.#options;
    if (term !== this.#ledTerm) {
      this.#ledTerm = term;
      this.#inherited = lastIndex - commitIndex;
    }
    const { inflightMessagesMax = Infinity, uncommittedEntriesMax = Infinity } = bounds;
    for (const { id: peer, inflightMessages } of peers) {
      oracle.check(
        inflightMessages <= inflightMessagesMax,
        () => `Bounds: ${id} has ${inflightMessages} messages under way to ${peer}`,
      );
    }
    const taken = lastIndex - commitIndex - this.#inherited;
    oracle.check(
      taken <= uncommittedEntriesMax,
      () => `Bounds: ${id} took ${taken} entries that are not committed`,
    );
  }
}

function votersOf(status: Watched): readonly string[] {
  return status.members.filter((each) => each.votes).map(({ id }) => id);
}
