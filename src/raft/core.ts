/**
 * Raft as a pure state machine (Ongaro's thesis; shaped like etcd-io/raft). Ticks, messages and
 * proposals go in; what must be written, sent and applied comes out of {@linkcode RaftCore.takeReady}
 * in an order that its fields state. No time, chance, disk or network of its own.
 *
 * Read next: `election.ts`, `leader.ts`, `follower.ts`. `DESIGN.md` explains each extension.
 *
 * @module
 */

import { handleTimeoutNow, handleVoteRequest, handleVoteResponse } from "./election.ts";
import { maybeCampaign, ownVoteIsDurable, tickPreCandidate } from "./election.ts";
import type { NodeId } from "./entry.ts";
import { handleAppend, handleHeartbeat, handleSnapshot } from "./follower.ts";
import { invariant } from "./invariant.ts";
import * as leading from "./leader.ts";
import type { MembershipChange } from "./membership.ts";
import { changed, encodeMembership, isVoter } from "./membership.ts";
import type { CoreMessage } from "./message.ts";
import type { Progress } from "./progress.ts";
import type { Ready, Write, WriteTicket } from "./ready.ts";
import { someLackEntries } from "./spares.ts";
import type { CoreOptions, Leader, Role } from "./state.ts";
import { CoreState } from "./state.ts";

/** Why a proposal was not appended. */
export type RefusalReason = "not_leader" | "overloaded" | "transferring" | "too_large";

/** A proposal's index, or why there is none. */
export type ProposeResult =
  | { readonly kind: "appended"; readonly index: number }
  | { readonly kind: "refused"; readonly reason: RefusalReason };

/** Why the membership was not changed, beside the reasons of any proposal. */
export type ChangeRefusalReason =
  | RefusalReason
  | "change_in_progress"
  | "not_ready"
  | "not_caught_up"
  | "invalid";

/** A membership change's index, or why there is none, with a sentence for the operator. */
export type ChangeResult =
  | { readonly kind: "appended"; readonly index: number }
  | { readonly kind: "refused"; readonly reason: ChangeRefusalReason; readonly message: string };

/** See the module's text. */
export class RaftCore {
  readonly #state: CoreState;

  constructor(options: CoreOptions) {
    this.#state = new CoreState(options);
  }

  /** A step of time. */
  tick(): void {
    const state = this.#state;
    if (state.role.kind === "leader") {
      leading.tickLeader(state, state.role);
      return;
    }
    state.electionElapsedTicks++;
    // A lone voter has nobody to wait for.
    const alone = state.voterIds.length === 1 && state.votes;
    if (alone || state.electionElapsedTicks >= state.electionTimeoutTicks) maybeCampaign(state);
    else tickPreCandidate(state);
  }

  /** Campaigns now, with PreVote, instead of waiting for the election timer. */
  campaign(): void {
    maybeCampaign(this.#state);
  }

  /** Takes a message addressed to this node. */
  step(message: CoreMessage): void {
    const state = this.#state;
    invariant(message.to === state.id, () => `${state.id} got a message to ${message.to}`);
    if (message.term > state.term && !this.#admitHigherTerm(message)) return;
    if (message.term < state.term) {
      this.#answerLowerTerm(message);
      return;
    }
    this.#dispatch(message);
  }

  /** Appends a command if this node leads and there is room. Cheap; sent and written by batches. */
  propose(data: Uint8Array): ProposeResult {
    const { role, options: { bounds } } = this.#state;
    const refused = this.#cannotAppend();
    if (refused !== undefined) return { kind: "refused", reason: refused };
    if (data.byteLength > bounds.proposalBytesMax) return { kind: "refused", reason: "too_large" };
    const leader = role as Leader;
    return {
      kind: "appended",
      index: leading.appendOwn(this.#state, leader, "command", data),
    };
  }

  /**
   * Appends a membership, in force at once, that differs from the last one by `change`. Declined
   * until the last one is committed, and until an entry of this leader's term is: without the second
   * rule two leaders could each commit a change (Ongaro, raft-dev, July 2015).
   */
  changeMembership(change: MembershipChange): ChangeResult {
    const state = this.#state;
    const refused = this.#cannotChange(change);
    if (refused !== undefined) return refused;
    const next = changed(state.memberships.current, change);
    if ("refusal" in next) {
      return { kind: "refused", reason: "invalid", message: next.refusal };
    }
    const data = encodeMembership(next);
    const index = leading.appendOwn(state, state.role as Leader, "membership", data);
    return { kind: "appended", index };
  }

  /**
   * Asks for a read index under `requestId`, which its node never used before. The answer comes in a
   * `Ready`, or never: the driver gives up when leader or term change.
   *
   * @returns false when no leader is known
   */
  requestRead(requestId: number): boolean {
    const state = this.#state;
    if (state.role.kind === "leader") {
      state.role.reads.add({ from: undefined, requestId });
      return true;
    }
    const to = state.leaderId;
    if (to === undefined) return false;
    state.send({ kind: "read_index_request", to, term: state.term, requestId });
    return true;
  }

  /** Hands leadership to `target`, by default the voter that is furthest. Returns whom, or why not. */
  transferLeadership(target?: NodeId): { readonly to: NodeId } | { readonly refusal: string } {
    const state = this.#state;
    if (state.role.kind !== "leader") return { refusal: "this node does not lead" };
    const leader = state.role;
    const isThere = (peer: Progress) => Number(leading.isInReach(state, peer));
    const furthest = [...leader.peers.values()]
      .filter((peer) => peer.id !== state.id && state.voterIds.includes(peer.id))
      .sort((a, b) => isThere(b) - isThere(a) || b.match - a.match)[0];
    const to = target ?? furthest?.id;
    if (to === undefined) return { refusal: "there is no other voter" };
    if (leader.transfer !== undefined) {
      return { refusal: `leadership is being transferred to "${leader.transfer}" already` };
    }
    if (to === state.id) return { refusal: `"${to}" leads already` };
    if (!state.voterIds.includes(to)) return { refusal: `"${to}" does not vote` };
    leading.beginTransfer(state, leader, to);
    return { to };
  }

  /** Gives up leadership without a change of term; for a node that can no longer write. */
  stepDown(): void {
    const state = this.#state;
    if (state.role.kind === "leader") state.becomeFollower(state.term, undefined);
  }

  /** The write of that ticket, and all before it, are durable. */
  wrote(ticket: WriteTicket): void {
    const state = this.#state;
    // A write of an older term may have been overtaken by another that cut what it wrote; that of
    // this term, which every change of term brings, confirms all that is left (etcd: "ABA").
    if (ticket.term !== state.term) return;
    state.log.wrote({ index: ticket.lastIndex, term: ticket.lastTerm });
    ownVoteIsDurable(state);
    if (state.role.kind === "leader") leading.ownLogIsDurable(state, state.role);
  }

  /** The state machine holds the effects of all up to `index`. */
  applied(index: number): void {
    this.#state.log.appliedTo(index);
  }

  /** `snapshotToInstall` is in force in state machine and log store. */
  snapshotInstalled(): void {
    this.#state.log.restored();
  }

  /** The store compacted the log up to `index`. */
  compacted(index: number): void {
    this.#state.memberships.compactThrough(index);
  }

  /** A snapshot transfer to `peer` ended: installed at `index`, or failed (`undefined`). */
  reportSnapshot(peer: NodeId, index: number | undefined): void {
    const { role } = this.#state;
    if (role.kind === "leader") role.peers.get(peer)?.snapshotEnded(index);
  }

  /**
   * The transport lost its connection to `peer`, and with it perhaps what was under way. Returns
   * whether that was the leader: then this node has none any more, and campaigning soon may help.
   */
  reportUnreachable(peer: NodeId): boolean {
    const state = this.#state;
    if (state.role.kind === "leader") {
      const progress = state.role.peers.get(peer);
      if (progress?.state === "replicate") progress.becomeProbe();
      return false;
    }
    if (state.leaderId !== peer) return false;
    state.forgetLeader();
    return true;
  }

  /**
   * The transport has a new connection from `peer`: an answer on an older one may be lost, so what is
   * under way is sent again at once, not after the next heartbeat.
   */
  reportConnected(peer: NodeId): void {
    const { role } = this.#state;
    if (role.kind === "leader") role.peers.get(peer)?.answersLost();
  }

  /** Whether this node leads and keeps from somebody for now what others have (`spares.ts`). */
  get hasSparesBehind(): boolean {
    const { role } = this.#state;
    return role.kind === "leader" && !role.front.sparesAreDue &&
      someLackEntries(this.#state, role);
  }

  /** A pause of the driver's went by: that later may be now. */
  pausePassed(): void {
    const { role, log } = this.#state;
    if (role.kind === "leader") role.front.pausePassed(log.committed, log.lastIndex);
  }

  /** All that is to be done now, or `undefined`. See {@linkcode Ready}. */
  takeReady(): Ready | undefined {
    const state = this.#state;
    if (state.role.kind === "leader") leading.replicate(state, state.role);
    const ready: Ready = {
      messages: state.messages,
      snapshotToInstall: state.log.snapshotToInstall,
      write: this.#takeWrite(),
      messagesAfterWrite: state.messagesAfterWrite,
      committed: state.log.takeToApply(state.options.bounds.applyBytesMax),
      reads: state.reads,
      snapshotsToSend: state.snapshotsToSend,
    };
    state.messages = [];
    state.messagesAfterWrite = [];
    state.reads = [];
    state.snapshotsToSend = [];
    const something = ready.write !== undefined || ready.snapshotToInstall !== undefined ||
      [ready.messages, ready.messagesAfterWrite, ready.committed, ready.reads].some((list) =>
        list.length > 0
      ) || ready.snapshotsToSend.length > 0;
    return something ? ready : undefined;
  }

  /** Whether more committed entries wait than one `Ready` holds. */
  get hasToApply(): boolean {
    return this.#state.log.hasToApply;
  }

  /** What the core knows; the same object on every call, for reading only. */
  get view(): Readonly<CoreState> {
    return this.#state;
  }

  #takeWrite(): Write | undefined {
    const state = this.#state;
    const { log, term, vote } = state;
    if (!state.hardStateChanged && !log.hasUnwritten) return undefined;
    state.hardStateChanged = false;
    return {
      hardState: { term, vote, commit: log.committed },
      entries: log.takeUnwritten(),
      ticket: { term, lastIndex: log.lastIndex, lastTerm: log.lastTerm },
    };
  }

  /** Follows a higher term, except where that would let a bystander disturb the cluster. */
  #admitHigherTerm(message: CoreMessage): boolean {
    const state = this.#state;
    const { term } = message;
    switch (message.kind) {
      case "vote_request":
        // With a leader in contact nobody is elected (thesis §4.2.3), unless it asked for it.
        if (state.inLease && !message.transfer) return false;
        // A pre-vote changes no term: that is what it is for.
        if (!message.pre) state.becomeFollower(term, undefined);
        return true;
      case "vote_response":
        // Granted, it carries the term that was asked about, not one that anybody is in.
        if (!(message.pre && message.granted)) state.becomeFollower(term, undefined);
        return true;
      case "append_request":
      case "heartbeat_request":
      case "snapshot_received":
      case "timeout_now":
        state.becomeFollower(term, message.from);
        return true;
      default:
        state.becomeFollower(term, undefined);
        return true;
    }
  }

  /** Tells a sender of an older term what it missed, where silence would keep it stuck. */
  #answerLowerTerm(message: CoreMessage): void {
    const state = this.#state;
    const { from: to } = message;
    const { term } = state;
    if (message.kind === "append_request" || message.kind === "heartbeat_request") {
      // A leader that was passed over would otherwise never learn it: this node may be unable to be
      // elected and, having a higher term, to follow.
      const none = { prevIndex: 0, hintIndex: 0, hintTerm: 0 };
      state.sendAfterWrite({ kind: "append_rejected", to, term, ...none });
    } else if (message.kind === "vote_request" && message.pre) {
      state.sendAfterWrite({ kind: "vote_response", to, term, pre: true, granted: false });
    }
  }

  #dispatch(message: CoreMessage): void {
    const state = this.#state;
    switch (message.kind) {
      case "vote_request":
        return handleVoteRequest(state, message);
      case "vote_response":
        return handleVoteResponse(state, message);
      case "append_request":
        this.#follow(message.from);
        return handleAppend(state, message);
      case "heartbeat_request":
        this.#follow(message.from);
        return handleHeartbeat(state, message);
      case "snapshot_received":
        this.#follow(message.from);
        return handleSnapshot(state, message);
      case "timeout_now":
        return handleTimeoutNow(state, message);
      case "read_index_response": {
        const { requestId, index } = message;
        if (message.from === state.leaderId) state.reads.push({ requestId, index });
        return;
      }
      default:
        if (state.role.kind === "leader") this.#dispatchToLeader(message, state.role);
    }
  }

  #dispatchToLeader(message: CoreMessage, leader: Leader): void {
    const state = this.#state;
    switch (message.kind) {
      case "append_accepted":
        return leading.handleAccepted(state, leader, message);
      case "append_rejected":
        return leading.handleRejected(state, leader, message);
      case "heartbeat_response":
        return leading.handleHeartbeatResponse(state, leader, message);
      case "read_index_request":
        // Beyond the bound the asker's deadline answers.
        if (leader.reads.size < state.options.bounds.uncommittedEntriesMax) {
          leader.reads.add({ from: message.from, requestId: message.requestId });
        }
        return;
    }
  }

  /** The leader of the current term was heard of. */
  #follow(leaderId: NodeId): void {
    const state = this.#state;
    invariant(
      state.role.kind !== "leader",
      () => `${leaderId} leads term ${state.term}, and so does ${state.id}`,
    );
    if (state.role.kind !== "follower" || state.role.leaderId !== leaderId) {
      state.becomeFollower(state.term, leaderId);
    } else {
      state.electionElapsedTicks = 0;
    }
  }

  #cannotAppend(): RefusalReason | undefined {
    const { role } = this.#state;
    if (role.kind !== "leader") return "not_leader";
    if (role.transfer !== undefined) return "transferring";
    return role.uncommitted.full ? "overloaded" : undefined;
  }

  #cannotChange(change: MembershipChange): ChangeResult | undefined {
    const state = this.#state;
    const refuse = (reason: ChangeRefusalReason, message: string): ChangeResult => {
      return { kind: "refused", reason, message };
    };
    const reason = this.#cannotAppend();
    if (reason !== undefined) return refuse(reason, "this node does not take proposals now");
    if (!leading.hasCommittedInTerm(state)) {
      return refuse("not_ready", `the leader has committed nothing in term ${state.term} yet`);
    }
    const { currentIndex } = state.memberships;
    if (currentIndex > state.log.committed) {
      return refuse("change_in_progress", `the change at index ${currentIndex} is not committed`);
    }
    if (change.kind === "promote" && !isVoter(state.memberships.current, change.id)) {
      const learner = (state.role as Leader).peers.get(change.id);
      const isHere = leading.isInReach(state, learner);
      if (learner !== undefined && (!isHere || this.#isFarBehind(learner.match))) {
        const lag = state.log.lastIndex - learner.match;
        return refuse("not_caught_up", `"${change.id}" is ${lag} entries behind or silent`);
      }
    }
    return undefined;
  }

  /** Whether what follows `match` is so much that a node which lacks it should not vote yet. */
  #isFarBehind(match: number): boolean {
    const { log, options: { bounds } } = this.#state;
    if (log.lastIndex - match > bounds.promotionLagMax || match + 1 < log.firstIndex) return true;
    const fitting = log.entries(match + 1, log.lastIndex, bounds.promotionLagBytesMax);
    return match < log.lastIndex && fitting.at(-1)?.index !== log.lastIndex;
  }
}

/** One word for the role, for status and logs. */
export type RoleName = Role["kind"];

export type { CoreOptions, Ready, Write };
