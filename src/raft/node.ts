/**
 * Drives a {@linkcode RaftCore} through its ports: writes, sends and applies what each `Ready` asks
 * for, and keeps the promises made to callers. All that arrives in one turn of the event loop shares
 * one write, one message to each peer and one apply (group commit).
 *
 * @module
 */

import { RaftCore } from "./core.ts";
import type { ChangeResult } from "./core.ts";
import type { NodeId } from "./entry.ts";
import type { MembershipChange } from "./membership.ts";
import { memberOf } from "./membership.ts";
import type { Message } from "./message.ts";
import { isAnswer } from "./message.ts";
import { faultOf } from "./message_check.ts";
import type { RaftNodeOptions } from "./node_options.ts";
import { PendingProposals, PendingReads } from "./pending.ts";
import { DiskFull } from "./ports.ts";
import type { Transport } from "./ports.ts";
import type { Ready } from "./ready.ts";
import { answers, ReadyWork, replicates } from "./ready_work.ts";
import { ProposalRefused, ReadRefused } from "./refusal.ts";
import { DEFAULT_SNAPSHOT_BOUNDS, SnapshotDriver } from "./snapshot_driver.ts";
import { openMemberships } from "./start.ts";
import type { RaftBounds } from "./state.ts";
import { DEFAULT_BOUNDS } from "./state.ts";
import { statusOf } from "./status.ts";
import type { RaftStatus } from "./status.ts";

/** Rounds of work in one turn, after which ticks and messages get their turn. */
const ROUNDS_PER_TURN_MAX = 16;

/** See the module's text. */
export class RaftNode<Outcome> {
  readonly #options: RaftNodeOptions<Outcome>;
  readonly #core: RaftCore;
  readonly #proposals = new PendingProposals<Outcome>();
  readonly #reads: PendingReads;
  readonly #bounds: RaftBounds;
  readonly #snapshots: SnapshotDriver;
  #state: "running" | "stopped" | "failed" = "running";
  #flushIsDue = false;
  /** A pause runs, after which those may get what they lack who need not have it at once. */
  #isPausing = false;
  /** What the next turn goes on with: it is yet to be written, or only to be applied. */
  #begun: { readonly ready: Ready; readonly isWritten: boolean } | undefined;
  /** Of those who asked something, as they said; a log that lags behind knows former ones. */
  readonly #askers = new Map<NodeId, string>();
  readonly #work: ReadyWork<Outcome>;
  /** Who was heard to lead while the disk is full, when nothing is taken in. */
  #overheard: { readonly leaderId: NodeId; readonly term: number } | undefined;
  #seen: { term: number; role: string; leaderId: NodeId | undefined; membershipIndex: number };

  /** @throws {StartRefused} when log and state machine do not belong together */
  constructor(options: RaftNodeOptions<Outcome>) {
    this.#options = options;
    this.#bounds = { ...DEFAULT_BOUNDS, ...options.bounds };
    const { log, stateMachine } = options;
    const memberships = openMemberships(log, stateMachine);
    const transport: Transport = {
      send: (messages) => options.transport.send(messages.map((each) => this.#returned(each))),
    };
    this.#core = new RaftCore({
      id: options.id,
      log,
      hardState: log.hardState,
      memberships,
      appliedIndex: stateMachine.appliedIndex,
      timings: options.timings,
      bounds: this.#bounds,
      random: options.random,
    });
    this.#snapshots = new SnapshotDriver({
      id: options.id,
      core: this.#core,
      log,
      stateMachine,
      transport,
      bounds: { ...DEFAULT_SNAPSHOT_BOUNDS, ...options.snapshotBounds },
      schedule: () => this.#schedule(),
      takeAgain: (chunk) => this.step(chunk),
      failed: (error) => options.observer.snapshotFailed?.(error),
    });
    const firstRequestId = 1 + Math.floor(options.random() * 2 ** 40);
    this.#reads = new PendingReads(firstRequestId, 2 * options.timings.electionTicks);
    this.#work = new ReadyWork({
      core: this.#core,
      log,
      transport,
      stateMachine,
      snapshots: this.#snapshots,
      proposals: this.#proposals,
      reads: this.#reads,
      retryTicks: options.timings.electionTicks,
      fullChanged: (full) => options.observer.diskFullChanged?.(full),
    });
    this.#seen = this.#glance();
    this.#schedule();
  }

  /** A step of time; call at an even pace. */
  tick(): void {
    if (this.#state !== "running") return;
    this.#guarded(() => {
      if (this.#work.isBlocked) {
        if (this.#work.tick()) this.#schedule();
        return;
      }
      this.#core.tick();
      this.#reads.tick(this.leaderId);
      this.#snapshots.tick();
      this.#schedule();
    });
  }

  /**
   * Takes a message from the transport. Its sender's identity must have been verified.
   *
   * @param senderIncarnation as the sender's data directory has it; empty: unknown, and unchecked
   */
  step(message: Message, senderIncarnation = ""): void {
    if (this.#state !== "running") return;
    const refusal = this.#faultOf(message, senderIncarnation);
    if (this.#work.isBlocked) {
      if (refusal === undefined) this.#overhear(message);
      return;
    }
    if (refusal !== undefined) {
      this.#options.observer.messageRefused?.(message, refusal);
      return;
    }
    if (senderIncarnation !== "" && !isAnswer(message)) {
      this.#askers.set(message.from, senderIncarnation);
    }
    this.#guarded(() => {
      if (message.kind === "snapshot_chunk") this.#snapshots.take(message);
      else if (message.kind === "snapshot_chunk_ack") this.#snapshots.acknowledged(message);
      else this.#core.step(message);
      this.#schedule();
    });
  }

  /**
   * Replicates a command. Resolves with its outcome once it is applied here.
   *
   * @throws {ProposalRefused} rejects with it; only `outcome_unknown` may have been carried out
   */
  propose(data: Uint8Array): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const refusal = this.#notWritable();
      if (refusal !== undefined) return reject(refusal);
      const result = this.#core.propose(data);
      if (result.kind === "refused") {
        return reject(new ProposalRefused(result.reason, this.leaderId));
      }
      // Commands always have an outcome; `undefined` stands for a membership change's.
      this.#proposals.add(result.index, resolve as (outcome: Outcome | undefined) => void, reject);
      this.#schedule();
    });
  }

  /**
   * Makes sure that a read sees every write that was acknowledged before: when it resolves, this
   * node leads or is confirmed by who does, and has applied all that was committed then.
   *
   * @returns the read index
   * @throws {ReadRefused} rejects with it
   */
  readIndex(): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.#state !== "running") return reject(new ReadRefused("stopped", undefined));
      if (this.#work.isBlocked) return reject(new ReadRefused("disk_full", this.leaderId));
      if (this.#reads.size >= this.#bounds.uncommittedEntriesMax) {
        return reject(new ReadRefused("overloaded", this.leaderId));
      }
      this.#reads.add(resolve, reject, (requestId) => this.#core.requestRead(requestId));
      this.#schedule();
    });
  }

  /** Lets a learner vote. Resolves when committed. */
  promote(id: NodeId): Promise<void> {
    return this.changeMembership({ kind: "promote", id });
  }

  /** Takes a node out. Resolves when committed; a leader that removed itself steps down then. */
  remove(id: NodeId): Promise<void> {
    return this.changeMembership({ kind: "remove", id });
  }

  /**
   * Any {@linkcode MembershipChange}. Resolves when committed.
   *
   * @throws {ProposalRefused} rejects with it
   */
  changeMembership(change: MembershipChange): Promise<void> {
    return new Promise((resolve, reject) => {
      const refusal = this.#notWritable();
      if (refusal !== undefined) return reject(refusal);
      const result: ChangeResult = this.#core.changeMembership(change);
      if (result.kind === "refused") {
        return reject(new ProposalRefused(result.reason, this.leaderId, result.message));
      }
      this.#proposals.add(result.index, () => resolve(), reject);
      this.#schedule();
    });
  }

  /**
   * Begins to hand leadership over; watch `roleChanged` for the end, or try again after an election
   * timeout. Returns to whom.
   *
   * @throws {ProposalRefused} with reason `invalid` and a sentence
   */
  transferLeadership(target?: NodeId): NodeId {
    const result = this.#core.transferLeadership(target);
    if ("refusal" in result) {
      const message = `Cannot transfer leadership: ${result.refusal}`;
      throw new ProposalRefused("invalid", this.leaderId, message);
    }
    this.#schedule();
    return result.to;
  }

  /** Campaigns now instead of when the election timer runs out. */
  campaign(): void {
    this.#guarded(() => this.#core.campaign());
    this.#schedule();
  }

  /**
   * Compacts the log now, up to what the state machine holds durably; returns that index.
   *
   * @throws {ProposalRefused} when this node cannot write
   */
  compactNow(): number {
    const refusal = this.#notWritable();
    if (refusal !== undefined) throw refusal;
    try {
      return this.#snapshots.compactNow();
    } catch (error) {
      if (error instanceof DiskFull) throw new ProposalRefused("disk_full", this.leaderId);
      this.#guarded(() => {
        throw error;
      });
      throw new ProposalRefused("stopped", undefined);
    }
  }

  /**
   * The transport lost its connection to `peer`. Returns whether that was the leader: campaigning
   * soon, after a pause that differs from the others', then ends the silence early.
   */
  reportUnreachable(peer: NodeId): boolean {
    const wasLeader = this.#core.reportUnreachable(peer);
    if (this.#overheard?.leaderId === peer) this.#overheard = undefined;
    this.#schedule();
    return wasLeader;
  }

  /** The transport has a new connection from `peer`, on which it will answer. */
  reportConnected(peer: NodeId): void {
    this.#core.reportConnected(peer);
    this.#schedule();
  }

  /** Who leads, as far as this node knows. */
  get leaderId(): NodeId | undefined {
    return this.#overheard?.leaderId ?? this.#core.view.leaderId;
  }

  /** Proposals of this node that are not applied yet. */
  get pendingProposals(): number {
    return this.#proposals.size;
  }

  /** Whether this node leads. It may have been passed over without knowing: use `readIndex`. */
  get isLeader(): boolean {
    return this.#core.view.role.kind === "leader";
  }

  /** A picture of now. */
  status(): RaftStatus {
    const status = statusOf(this.#core.view, this.#options.stateMachine.appliedIndex);
    return { ...status, leaderId: this.leaderId };
  }

  /** Ends: breaks all promises, and touches no port again. Hand leadership over first. */
  stop(): void {
    if (this.#state === "running") this.#state = "stopped";
    this.#abandonAll();
  }

  /**
   * A node that cannot write takes no message in: it could keep nothing of what it would have to answer. But
   * whom it may pass calls on to it need not keep, and may have forgotten with a connection.
   */
  #overhear({ kind, from, term }: Message): void {
    const isOfLeader = kind === "heartbeat_request" || kind === "append_request";
    const knownTerm = this.#overheard?.term ?? this.#core.view.term;
    if (!isOfLeader || term < knownTerm || this.leaderId === from) return;
    this.#overheard = { leaderId: from, term };
    this.#schedule();
  }

  #faultOf(message: Message, senderIncarnation: string): string | undefined {
    const { id, incarnation } = this.#options;
    const sender = memberOf(this.#core.view.memberships.current, message.from);
    const known = sender?.incarnation ?? "";
    // Only answers: a request may come from a leader whose incarnation this node has yet to learn.
    if (
      isAnswer(message) && known !== "" && senderIncarnation !== "" && known !== senderIncarnation
    ) return `it answers for incarnation ${senderIncarnation} of "${message.from}", not ${known}`;
    if (message.to !== id) return `it is for "${message.to}"`;
    const wanted = message.toIncarnation;
    if (wanted !== "" && incarnation !== "" && wanted !== incarnation) {
      return `it is for incarnation ${wanted} of "${id}", whose disk this is not; this node joins ` +
        "as a new member, in the place of that one when it is dead";
    }
    return faultOf(message);
  }

  /**
   * An answer goes to the incarnation that asked. By this node's own membership it could go to a
   * former one of a leader that lost its disk once, and the leader, who never heard of how far this
   * node has come, would never send what tells of its present one.
   */
  #returned(message: Message): Message {
    const asker = isAnswer(message) ? this.#askers.get(message.to) : undefined;
    return asker === undefined ? message : { ...message, toIncarnation: asker };
  }

  #notWritable(): ProposalRefused | undefined {
    if (this.#state !== "running") return new ProposalRefused("stopped", undefined);
    if (this.#work.isBlocked) return new ProposalRefused("disk_full", this.leaderId);
    return undefined;
  }

  #schedule(): void {
    if (this.#flushIsDue || this.#state !== "running") return;
    this.#flushIsDue = true;
    this.#options.defer(() => {
      this.#flushIsDue = false;
      if (this.#state === "running") this.#guarded(() => this.#flush());
    });
  }

  /** Works off what the core wants, round by round: a write may commit, a commit is to be applied. */
  #flush(): void {
    if (!this.#work.resume()) return this.#stepAside();
    this.#overheard = undefined;
    this.#reads.close();
    let isAtLeisure = false;
    for (let round = 0; round < ROUNDS_PER_TURN_MAX; round++) {
      const begun = this.#begun;
      this.#begun = undefined;
      const ready = begun?.ready ?? this.#core.takeReady();
      if (ready === undefined) break;
      if (begun === undefined) {
        this.#work.send(ready);
        this.#pauseForSpares();
        if (replicates(ready)) return this.#goOnLater(ready, false);
      }
      if (begun?.isWritten !== true) {
        if (!this.#work.write(ready)) return this.#stepAside();
        if (answers(ready)) return this.#goOnLater(ready, true);
        isAtLeisure ||= begun !== undefined;
      }
      if (!this.#work.apply(ready)) return this.#stepAside();
      if (ready.committed.length > 0) isAtLeisure = !this.isLeader;
      this.#noticeChanges();
      if (round === ROUNDS_PER_TURN_MAX - 1) this.#schedule();
    }
    this.#noticeChanges();
    if (isAtLeisure) this.#options.stateMachine.atLeisure?.();
    this.#compact();
  }

  /** The disk is full: nothing is heard until there is room, so nobody shall wait for it. */
  #stepAside(): void {
    this.#reads.refuseAll("disk_full", this.leaderId);
    this.#noticeChanges();
  }

  /** Makes pauses while spares lack something. */
  #pauseForSpares(): void {
    const { pause } = this.#options;
    if (pause === undefined || this.#isPausing || !this.#core.hasSparesBehind) return;
    this.#isPausing = true;
    pause(() => {
      this.#isPausing = false;
      this.#core.pausePassed();
      this.#pauseForSpares(); // nothing else may come that would
      this.#schedule();
    });
  }

  /** Leaves the rest of `ready` to the next turn, so that what was said leaves with this one. */
  #goOnLater(ready: Ready, isWritten: boolean): void {
    this.#begun = { ready, isWritten };
    this.#noticeChanges();
    this.#schedule();
  }

  #compact(): void {
    try {
      this.#snapshots.compactWhenDue();
    } catch (error) {
      // Nothing was promised that needs it; the next append meets the full disk too, and says so.
      if (!(error instanceof DiskFull)) throw error;
    }
  }

  #noticeChanges(): void {
    const now = this.#glance();
    const before = this.#seen;
    this.#seen = now;
    if (before.membershipIndex !== now.membershipIndex) {
      this.#options.observer.membershipChanged?.(this.#core.view.memberships.current);
    }
    if (
      before.term === now.term && before.role === now.role && before.leaderId === now.leaderId
    ) return;
    this.#reads.leaderChanged(now.leaderId);
    this.#snapshots.leaderChanged();
    if (now.role !== "leader" || now.term !== before.term) this.#proposals.abandon(now.leaderId);
    this.#options.observer.roleChanged?.(this.status());
  }

  #glance() {
    const { term, role, memberships } = this.#core.view;
    return {
      term,
      role: role.kind,
      leaderId: this.leaderId,
      membershipIndex: memberships.currentIndex,
    };
  }

  /** A broken invariant or a failed port ends this node: it must not answer anybody any more. */
  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#state = "failed";
      this.#abandonAll();
      this.#options.observer.failed(error);
    }
  }

  #abandonAll(): void {
    this.#snapshots.stop();
    this.#proposals.abandon(undefined);
    this.#reads.refuseAll("stopped", undefined);
  }
}
