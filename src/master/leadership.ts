/**
 * What follows from who leads: the leader's duties, the way that calls take, what health says, and
 * where workers are sent.
 *
 * @module
 */

import { ProposalRefused, type RaftStatus } from "../raft/mod.ts";
import { type ClusterView, type HealthRegistry, Refusal } from "../rpc/mod.ts";
import type { ClusterClock } from "./cluster_clock.ts";
import { Contact } from "./contact.ts";
import type { MasterContext } from "./context.ts";
import { LeaderDuties } from "./leader.ts";
import type { Router } from "./leader_router.ts";
import { LeaderlessWatch } from "./leaderless.ts";
import type { MemberAddress } from "./member_address.ts";
import { MemberDuties } from "./member_duties.ts";
import type { MasterOptions } from "./options.ts";
import { PolicyDuty } from "./policy_duty.ts";
import { notLeader } from "./proposer.ts";
import { suffrageOf } from "./readiness.ts";
import { Retention } from "./retention.ts";

export interface LeadershipOptions {
  readonly context: MasterContext;
  readonly clock: ClusterClock;
  readonly router: Router;
  readonly health: HealthRegistry;
  /** Where a node is reached; its peers' address is known before the membership tells the other. */
  readonly addressOf: (nodeId: string) => MemberAddress | undefined;
  readonly ownAddress: () => MemberAddress;
  /** Of this master's disk. */
  readonly incarnation: string;
  readonly master: Pick<
    MasterOptions,
    | "scheduling"
    | "leaderTimings"
    | "raftTimings"
    | "deadServers"
    | "retention"
    | "policyFileText"
    | "observer"
    | "log"
  >;
}

/** How long workers of a leader that was deposed wait for the name of the next one, in ms. */
const WORKERS_KEPT_MS = 500;
const CATCH_UP_PAUSE_MS = 100;

export class Leadership {
  readonly #options: LeadershipOptions;
  #isStopping = false;
  /** A confirmed read succeeded under the present leader. */
  #isCaughtUp = false;
  /** Changes with leader and term. */
  #reign = 0;
  #workersTimer: ReturnType<typeof setTimeout> | undefined;
  #onMoved: () => void = () => {};
  #retention: Retention | undefined;
  #policyDuty: PolicyDuty | undefined;
  readonly #leaderless: LeaderlessWatch;
  readonly #contact: Contact;
  /** Made anew after a change, when somebody asks. */
  #view: ClusterView | undefined;

  constructor(options: LeadershipOptions) {
    this.#options = options;
    const { master: { log, raftTimings }, router } = options;
    const { electionTimeoutMs } = raftTimings;
    this.#leaderless = new LeaderlessWatch(log, electionTimeoutMs, () => router.isHindered);
    this.#contact = new Contact({ electionTimeoutMs, now: () => performance.now() });
  }

  /** Whether this node has seen all that was committed when it last found a leader. */
  get isCaughtUp(): boolean {
    return this.#isCaughtUp;
  }

  /** What clients are told of the cluster. */
  get view(): ClusterView {
    return this.#view ??= this.#newView();
  }

  /** A message of that node has come. */
  heardFrom(nodeId: string): void {
    this.#contact.heard(nodeId);
  }

  /** The cluster has let this master in, and was told that it is at that Raft address. */
  letIn(address: string): void {
    const { node } = this.#options.context;
    this.#leaderless.letIn(address, () => node.status());
  }

  /** A step of time: lets go of those who wait for a leader if this master is cut off. */
  tick(): void {
    const { context: { node }, router } = this.#options;
    // Nobody looks while calls have somewhere to go.
    router.setCutOff(router.current === undefined && this.#contact.isLost(node.status()));
  }

  /** Role, term or known leader have changed. */
  roleChanged(status: RaftStatus): void {
    const { context, master: { log, observer } } = this.#options;
    log.info("raft role", { role: status.role, term: status.term, leader_id: status.leaderId });
    observer.roleChanged(status);
    context.roles.changed(status);
    this.#contact.roleChanged(status);
    this.#leaderless.roleChanged(status, () => context.node.status());
    const wasServing = context.duties !== undefined;
    this.#endDuties();
    this.#isCaughtUp = false;
    this.#view = undefined;
    const reign = ++this.#reign;
    if (wasServing) {
      this.#workersTimer = setTimeout(() => this.#sendWorkersOn(), WORKERS_KEPT_MS);
    }
    this.#turn(status);
    this.tick();
    this.#tellHealth(status);
    if (status.role === "leader") {
      this.#takeOffice(status.term, reign).catch((failure) => {
        if (this.#isStopping) return;
        log.error("could not begin the leader's duties", { error: String(failure) });
      });
    } else if (status.leaderId !== undefined) {
      this.#sendWorkersOn();
      this.#onMoved();
    }
    if (status.leaderId !== undefined) {
      this.#catchUp(reign).catch((failure) =>
        log.error("could not find out how far behind this master is", { error: String(failure) })
      );
    }
  }

  /**
   * Resolves once the duties of a leader that was just elected have begun, so that what its peers
   * pass on need not come a second time; at once if this node does not lead.
   *
   * @throws Refusal `unavailable` when they have not within an election timeout, or by `deadlineMs`
   */
  async untilServing(deadlineMs: number, signal: AbortSignal): Promise<void> {
    const { context, router, master } = this.#options;
    if (!context.node.isLeader || context.duties !== undefined) return;
    const untilMs = Math.min(deadlineMs, Date.now() + master.raftTimings.electionTimeoutMs);
    await router.next(untilMs, signal);
  }

  /** Members, or their addresses, have changed. */
  membershipChanged(): void {
    this.#view = undefined;
    const { node, duties } = this.#options.context;
    if (duties !== undefined) return;
    const status = node.status();
    this.#turn(status);
    this.#tellHealth(status);
  }

  /**
   * Gives leadership away, so that whoever calls the cluster next does not have to wait for an
   * election. Calls that arrive meanwhile wait for the next leader, and are passed on to it. Resolves
   * to whether nobody waits for this node any more: false if it leads still, and others could.
   */
  async handOver(): Promise<boolean> {
    this.#isStopping = true;
    const { context, router, master: { log, raftTimings } } = this.#options;
    const { node } = context;
    const { members, id } = node.status();
    const hasHeirs = members.some((each) => each.votes && each.id !== id);
    if (!node.isLeader || !hasHeirs) return true;
    context.duties?.stop();
    router.turn(undefined);
    const { transferTo } = node.status();
    if (transferTo !== undefined) {
      log.info("leadership is being handed over already", { to: transferTo });
      if (await this.#movedWithin(raftTimings.electionTimeoutMs)) return !node.isLeader;
    }
    const moved = this.#movedWithin(raftTimings.electionTimeoutMs);
    try {
      const heir = node.transferLeadership(context.heir());
      log.info("handing leadership over", { to: heir });
      if (!await moved) log.warn("leadership could not be handed over in time", { to: heir });
    } catch (failure) {
      if (!(failure instanceof ProposalRefused)) throw failure;
      log.warn("leadership cannot be handed over", { reason: failure.message });
      this.#onMoved(); // nobody waits for that any more
    }
    return !node.isLeader;
  }

  /** Whether somebody else comes to lead in that time. */
  #movedWithin(timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), timeoutMs);
      this.#onMoved = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }

  /** Ends everything that waits for a leader. */
  stop(): void {
    this.#isStopping = true;
    this.#reign++;
    this.#endDuties();
    this.#leaderless.stop();
    this.#options.router.stop();
    this.#sendWorkersOn();
  }

  #newView(): ClusterView {
    const { context: { node }, addressOf } = this.#options;
    const { term, leaderId, members } = node.status();
    return {
      term,
      leader: leaderId === undefined ? "" : addressOf(leaderId)?.grpc ?? "",
      members: members.map((each) => addressOf(each.id)?.grpc ?? "").filter((each) => each !== ""),
    };
  }

  /** Points calls at whoever leads; at this node only once its duties have begun. */
  #turn({ role, leaderId }: RaftStatus): void {
    const { router, addressOf } = this.#options;
    const address = leaderId === undefined || role === "leader" ? undefined : addressOf(leaderId);
    if (leaderId === undefined || address === undefined || address.raft === "") {
      return router.turn(undefined);
    }
    router.turn({
      kind: "at",
      nodeId: leaderId,
      raftAddress: address.raft,
      grpcAddress: address.grpc,
    });
  }

  /**
   * Serving is who leads and has begun, or votes and knows a leader to pass calls on to. A learner could
   * pass them on too, but whoever asks may stop another master next, which the majority needs still.
   */
  #tellHealth(status: RaftStatus): void {
    const { context, health, incarnation } = this.#options;
    const { role, leaderId } = status;
    const canServe = role === "leader"
      ? context.duties !== undefined
      : leaderId !== undefined && suffrageOf(status, incarnation) === "voter";
    health.setServing(canServe && !this.#isStopping);
  }

  /** Begins the leader's duties once everything committed before its term is applied. */
  async #takeOffice(term: number, reign: number): Promise<void> {
    const { context, router, ownAddress, master } = this.#options;
    const { node, machine, proposer, sessions, log } = context;
    const isConfirmed = await this.#isConfirmedIn(reign);
    const status = node.status();
    const isOver = this.#isStopping || status.role !== "leader" || status.term !== term;
    if (!isConfirmed || isOver) return;
    this.#sendWorkersOn();
    this.#options.clock.begin(machine.nowMs);
    context.duties = new LeaderDuties({
      machine,
      proposer,
      sessions,
      scheduling: master.scheduling,
      timings: master.leaderTimings,
      crashLimit: context.crashLimit,
      watchers: context.watchers,
      now: context.now,
      random: Math.random,
      newJobId: context.newJobId,
      log,
      tracer: context.tracer,
      observer: master.observer,
    }, term);
    context.memberDuties = new MemberDuties(context, master.deadServers, ownAddress());
    this.#retention = new Retention({
      rules: master.retention,
      machine,
      proposer,
      now: context.now,
      monotonicNow: () => performance.now(),
      log,
    });
    this.#retention.start();
    this.#policyDuty = new PolicyDuty({
      fileText: master.policyFileText,
      nodeId: context.facts.nodeId,
      machine,
      proposer,
      log,
    });
    this.#policyDuty.start();
    router.turn({ kind: "here" });
    this.#tellHealth(status);
    log.info("this master leads", { term });
  }

  #endDuties(): void {
    const { context } = this.#options;
    context.duties?.stop();
    context.duties = undefined;
    context.memberDuties?.stop();
    context.memberDuties = undefined;
    this.#retention?.stop();
    this.#retention = undefined;
    this.#policyDuty?.stop();
    this.#policyDuty = undefined;
  }

  /** Workers of a former reign are told who leads, or to look for somebody. */
  #sendWorkersOn(): void {
    if (this.#workersTimer === undefined && !this.#isStopping) return;
    clearTimeout(this.#workersTimer);
    this.#workersTimer = undefined;
    const { context: { node, sessions }, addressOf } = this.#options;
    const { leaderId } = node;
    const isElsewhere = leaderId !== undefined && !node.isLeader;
    const address = isElsewhere ? addressOf(leaderId)?.grpc || undefined : undefined;
    sessions.closeAll(
      address !== undefined
        ? notLeader(leaderId, address)
        : new Refusal("unavailable", "this master leads no more"),
    );
  }

  async #catchUp(reign: number): Promise<void> {
    if (await this.#isConfirmedIn(reign)) this.#isCaughtUp = true;
  }

  /**
   * Whether this node came to hold all that was committed when the reign began, before it ended. A
   * read that is not confirmed in time is tried again: a leader that gave up here would hold its
   * office, and keep everybody else from it, without doing its work.
   */
  async #isConfirmedIn(reign: number): Promise<boolean> {
    const { node } = this.#options.context;
    while (reign === this.#reign) {
      const isConfirmed = await node.readIndex().then(() => true, () => false);
      if (reign === this.#reign && isConfirmed) return true;
      await new Promise((resolve) => setTimeout(resolve, CATCH_UP_PAUSE_MS));
    }
    return false;
  }
}
