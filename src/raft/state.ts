/** The state that the core's parts share, and the one way from any role back to follower. */

import type { HardState, NodeId } from "./entry.ts";
import { invariant } from "./invariant.ts";
import { RaftLog } from "./log.ts";
import type { MembershipHistory } from "./membership.ts";
import { isVoter, memberOf } from "./membership.ts";
import type { Unaddressed } from "./message.ts";
import type { LogReader } from "./ports.ts";
import type { Progress, Window } from "./progress.ts";
import type { ReadRounds } from "./read_index.ts";
import type { Front } from "./spares.ts";
import type { OutgoingMessage, ReadState } from "./ready.ts";

/** Bounds and timings. Ticks are whatever the driver makes them; sizes are bytes. */
export interface RaftTimings {
  /** A follower campaigns after this many ticks without a leader, or up to half as many more. */
  readonly electionTicks: number;
  /** Much smaller than `electionTicks`. */
  readonly heartbeatTicks: number;
  /**
   * When followers are told that something was committed, if no entries follow that could tell it
   * along: `at_once` (the default), or `by_tick`, with the leader's next tick. The latter saves a
   * message each way for every commit of a quiet cluster; followers apply up to a tick later.
   */
  readonly commitNews?: "at_once" | "by_tick";
  /**
   * When those get an entry whom no majority needs for it: `at_once` (the default), or `later`, after
   * some pauses that the driver makes, with the leader's next heartbeat at the latest. The latter
   * saves two messages and a write an append. See `spares.ts`.
   */
  readonly spares?: "at_once" | "later";
}

/** Every queue and message of the core is bounded by one of these. */
export interface RaftBounds {
  /** Entries of one append, in bytes; one entry that is larger goes alone. */
  readonly messageBytesMax: number;
  readonly inflightMessagesMax: number;
  readonly inflightBytesMax: number;
  /** Proposals beyond this, not yet committed, are refused as overload. */
  readonly uncommittedBytesMax: number;
  readonly uncommittedEntriesMax: number;
  /** Larger proposals are refused. */
  readonly proposalBytesMax: number;
  /** Entries handed to one apply. */
  readonly applyBytesMax: number;
  /** A learner further behind than this many entries is not promoted. */
  readonly promotionLagMax: number;
  /** Nor one that lacks more than this, in bytes: it would take long, and commits would wait for it. */
  readonly promotionLagBytesMax: number;
}

/** For masters with small commands on a local network. */
export const DEFAULT_BOUNDS: RaftBounds = {
  messageBytesMax: 1024 * 1024,
  inflightMessagesMax: 256,
  inflightBytesMax: 4 * 1024 * 1024, // what a follower may have to write in one turn
  uncommittedBytesMax: 64 * 1024 * 1024,
  uncommittedEntriesMax: 65_536,
  proposalBytesMax: 8 * 1024 * 1024,
  applyBytesMax: 4 * 1024 * 1024,
  promotionLagMax: 1_000,
  promotionLagBytesMax: 4 * 1024 * 1024,
};

/** What a core starts from. */
export interface CoreOptions {
  readonly id: NodeId;
  readonly log: LogReader;
  readonly hardState: HardState;
  readonly memberships: MembershipHistory;
  /** Where the state machine stands. */
  readonly appliedIndex: number;
  readonly timings: RaftTimings;
  readonly bounds: RaftBounds;
  /** Chance: at least 0, below 1. */
  readonly random: () => number;
}

/** A leader's own knowledge; lost with the role. */
export interface Leader {
  readonly kind: "leader";
  /** One for each member, this node included. */
  readonly peers: Map<NodeId, Progress>;
  readonly reads: ReadRounds;
  readonly uncommitted: Window;
  /** Those whose acknowledgements commits wait for, if others may be spared. */
  readonly front: Front;
  /** Followers are told what is committed, though there be nothing else to tell them. */
  commitNewsIsDue: boolean;
  transfer: NodeId | undefined;
}

/** What a node is. Changed by `becomeX` alone. */
export type Role =
  | { readonly kind: "follower"; leaderId: NodeId | undefined }
  | { readonly kind: "pre_candidate"; readonly votes: Map<NodeId, boolean> }
  | { readonly kind: "candidate"; readonly votes: Map<NodeId, boolean> }
  | Leader;

/** See the module's text. */
export class CoreState {
  readonly options: CoreOptions;
  readonly id: NodeId;
  readonly log: RaftLog;
  readonly memberships: MembershipHistory;
  term: number;
  vote: NodeId | null;
  role: Role = { kind: "follower", leaderId: undefined };
  /** Ticks since the leader was heard of; of a leader: since it won, or began to hand over; counted anew each election timeout. */
  electionElapsedTicks = 0;
  heartbeatElapsedTicks = 0;
  /** Drawn anew with every change of role, so that rivals part (paper §5.2). */
  electionTimeoutTicks = 0;
  /** Withdrew a campaign in favour of a rival, since there was a leader. */
  hasGivenWay = false;
  hardStateChanged = false;
  messages: OutgoingMessage[] = [];
  messagesAfterWrite: OutgoingMessage[] = [];
  reads: ReadState[] = [];
  snapshotsToSend: NodeId[] = [];

  constructor(options: CoreOptions) {
    this.options = options;
    this.id = options.id;
    this.log = new RaftLog(options.log, options.appliedIndex, options.hardState.commit);
    this.memberships = options.memberships;
    this.term = options.hardState.term;
    this.vote = options.hardState.vote;
    invariant(
      this.log.lastTerm <= this.term,
      () => `The log ends in term ${this.log.lastTerm}, the hard state is of ${this.term}`,
    );
    this.resetElectionTimer();
  }

  get leaderId(): NodeId | undefined {
    if (this.role.kind === "leader") return this.id;
    return this.role.kind === "follower" ? this.role.leaderId : undefined;
  }

  /** Whether this node votes under the membership in force. */
  get votes(): boolean {
    return isVoter(this.memberships.current, this.id);
  }

  get voterIds(): readonly NodeId[] {
    return this.memberships.current.voters.map((each) => each.id);
  }

  /** A leader was heard of so lately that nobody should be elected in its place (thesis §4.2.3). */
  get inLease(): boolean {
    return this.leaderId !== undefined &&
      this.electionElapsedTicks < this.options.timings.electionTicks;
  }

  /** To `follower`, in `term`, which is not below the current one. */
  becomeFollower(term: number, leaderId: NodeId | undefined): void {
    invariant(term >= this.term, () => `Term would fall from ${this.term} to ${term}`);
    if (term > this.term) this.setTermAndVote(term, null);
    // A higher term alone resets no timer: a node that cannot win would keep those that can from
    // trying (etcd #12959).
    const reset = leaderId !== undefined || this.role.kind === "leader";
    if (reset) this.hasGivenWay = false;
    this.role = { kind: "follower", leaderId };
    if (reset) this.resetElectionTimer();
  }

  /** The vote of a term is given once, and only a new term clears it (paper §5.2). */
  setTermAndVote(term: number, vote: NodeId | null): void {
    invariant(
      term > this.term || (term === this.term && (this.vote === null || this.vote === vote)),
      () => `Vote for ${vote} in ${term}, but ${this.vote} has it in ${this.term}`,
    );
    this.term = term;
    this.vote = vote;
    this.hardStateChanged = true;
  }

  resetElectionTimer(): void {
    const { electionTicks } = this.options.timings;
    this.electionElapsedTicks = 0;
    this.heartbeatElapsedTicks = 0;
    // The paper draws from a whole further timeout, so that rivals seldom meet. PreVote makes a
    // meeting cheap, so half of one is enough, and ends the silence of a dead leader sooner.
    this.electionTimeoutTicks = electionTicks +
      Math.floor(this.options.random() * Math.ceil(electionTicks / 2));
  }

  /**
   * The connection to the leader broke: nothing speaks for its being alive, so this node stops
   * shielding it (see {@linkcode inLease}) and may campaign.
   *
   * Safe, because a lease guards nothing but the peace of a working leader: votes and logs alone
   * decide who is elected and what is committed, and no read relies on a lease (thesis §6.4 by
   * rounds). Harmless if the leader lives: PreVote changes no term, the leader itself and those who
   * still hear of it ignore the question, and its next message makes it this node's leader again.
   */
  forgetLeader(): void {
    if (this.role.kind === "follower") this.role = { kind: "follower", leaderId: undefined };
  }

  /** Sends in parallel with the write: only what a leader's role lets it say, or a question. */
  send(message: Unaddressed<OutgoingMessage>): void {
    this.messages.push(this.#addressed(message));
  }

  /** Sends once everything up to now is durable. */
  sendAfterWrite(message: Unaddressed<OutgoingMessage>): void {
    this.messagesAfterWrite.push(this.#addressed(message));
  }

  #addressed(message: Unaddressed<OutgoingMessage>): OutgoingMessage {
    const toIncarnation = memberOf(this.memberships.current, message.to)?.incarnation ?? "";
    return { ...message, from: this.id, toIncarnation };
  }
}
