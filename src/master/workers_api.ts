/**
 * The calls about workers, by stream and by heartbeat.
 *
 * @module
 */

import type {
  DeregisterWorkerCommand,
  DrainWorkerCommand,
  RegisterWorkerCommand,
  Worker,
} from "../jobs/mod.ts";
import {
  type AttemptReportView,
  type CallContext,
  type DrainOrder,
  type HeartbeatAnswer,
  type HeartbeatView,
  Refusal,
  type ReportAckView,
  type WorkerAnnouncement,
  type WorkerCalls,
  type WorkerDetails,
  type WorkerLink,
  type WorkerNews,
  type WorkerPage,
  type WorkerQuery,
  type WorkerSession,
  type WorkerWelcomeView,
} from "../rpc/mod.ts";
import { DURATION_MS_MAX } from "./admission_options.ts";
import { refuseTalkative } from "./announced.ts";
import { dutiesOf, type MasterContext } from "./context.ts";
import { portionOf } from "./heartbeat_portion.ts";
import { isOfLeadership } from "./proposer.ts";
import type { Road, Session } from "./sessions.ts";
import { isOwn, servedBy, type Viewer } from "./sight.ts";
import { unknownJob } from "./views.ts";
import { callableAddress } from "./worker_address.ts";
import { refuseUnbounded } from "./worker_bounds.ts";
import { heldAttemptView, workerView } from "./worker_views.ts";

const WORKER_STATUSES = ["active", "draining", "disconnected"];

export class WorkersApi implements WorkerCalls {
  readonly #context: MasterContext;
  readonly #onHeartbeat: (workerId: string, accepted: boolean) => void;

  constructor(
    context: MasterContext,
    onHeartbeat: (workerId: string, accepted: boolean) => void,
  ) {
    this.#context = context;
    this.#onHeartbeat = onHeartbeat;
  }

  async registerWorker(
    told: WorkerAnnouncement,
    call: Viewer & Pick<CallContext, "peerAddress">,
  ): Promise<WorkerWelcomeView> {
    refuseUnbounded(told);
    const announcement = { ...told, namespaces: servedBy(told, call) };
    const sessionId = crypto.randomUUID();
    // One of the unary road that was started again leaves no sign that its former life is over.
    const isUnary = this.#context.machine.worker(told.workerId)?.unary === true;
    if (!isUnary) this.#refuseRival(told.workerId, sessionId);
    if (announcement.pushed === true) {
      const address = callableAddress(announcement.address, call.peerAddress);
      await this.#register({ ...announcement, address }, sessionId, { kind: "push", address });
    } else {
      await this.#register(announcement, sessionId, { kind: "mailbox" });
    }
    return this.#welcome(sessionId);
  }

  async openWorkerSession(
    told: WorkerAnnouncement,
    link: WorkerLink,
    call: Viewer,
  ): Promise<WorkerSession> {
    refuseUnbounded(told);
    this.#refuseStray(told);
    const announcement = { ...told, namespaces: servedBy(told, call) };
    const sessionId = announcement.incarnation;
    this.#refuseRival(announcement.workerId, sessionId);
    const session = await this.#register(announcement, sessionId, { kind: "stream", link });
    const welcome = this.#welcome(sessionId);
    let known = welcome.masterAddresses;
    return {
      welcome,
      onNews: (news) => {
        // With each heartbeat, so that a worker that knew one master survives the loss of that one.
        if (news.stats !== undefined) known = this.#tellMasters(link, known);
        this.#news(session, news);
      },
      onClosed: (reason) => {
        if (session.link === link) session.link = undefined;
        this.#context.log.info("a worker's stream ended", {
          worker_id: session.workerId,
          reason,
        });
      },
    };
  }

  async heartbeat(heartbeat: HeartbeatView, signal: AbortSignal): Promise<HeartbeatAnswer> {
    const { machine, inbox } = this.#context;
    dutiesOf(this.#context);
    const session = await this.#revived(heartbeat) ??
      this.#sessionOf(heartbeat.workerId, heartbeat.sessionId);
    this.#heard(session, heartbeat.stats);
    const acks = await inbox.takeAll(heartbeat.workerId, heartbeat.reports);
    const isWaiting = () =>
      session.mailbox.assignments.length === 0 && session.mailbox.cancellations.length === 0;
    // Who waits says nothing: it is answered in time to be heard of again before its lease is over.
    const waitMs = Math.min(heartbeat.waitMs, this.#context.heartbeatTimeoutMs / 2);
    if (waitMs > 0 && isWaiting()) await this.#orders(session, waitMs, signal);
    // It may be over by now, or be another leader's.
    dutiesOf(this.#context);
    if (this.#context.sessions.get(session.workerId) !== session) {
      this.#sessionOf(session.workerId, session.sessionId);
    }
    return {
      ...await this.#takeOrders(session, signal),
      acks,
      assignedJobs: machine.worker(session.workerId)?.activeJobs ?? 0,
    };
  }

  /**
   * What waits for a heartbeat, whose jobs count as started from now on. A caller that hung up meanwhile
   * has not heard of them, and would let them take up their time: they wait for its next heartbeat.
   */
  async #takeOrders(
    session: Session,
    signal: AbortSignal,
  ): Promise<Pick<HeartbeatAnswer, "assignments" | "cancellations">> {
    signal.throwIfAborted();
    const { mailbox, workerId } = session;
    const assignments = mailbox.assignments.splice(0, portionOf(mailbox.assignments));
    const cancellations = mailbox.cancellations.splice(0);
    const started = assignments.map(({ id: jobId, fencingToken: token }) => ({
      kind: "started" as const,
      jobId,
      token,
    }));
    try {
      const acks = await this.#context.inbox.takeAll(workerId, started);
      signal.throwIfAborted();
      return { assignments: assignments.filter((_, at) => acks[at]!.accepted), cancellations };
    } catch (failure) {
      mailbox.assignments.unshift(...assignments);
      mailbox.cancellations.unshift(...cancellations);
      throw failure;
    }
  }

  async reportResult(workerId: string, report: AttemptReportView): Promise<ReportAckView> {
    dutiesOf(this.#context);
    const session = this.#context.sessions.get(workerId);
    if (session !== undefined) this.#heard(session, undefined);
    const ack = await this.#context.inbox.take(workerId, report);
    this.#context.duties?.schedule();
    if (!ack.accepted && this.#context.machine.get(report.jobId) === undefined) {
      throw unknownJob(report.jobId);
    }
    return ack;
  }

  async deregisterWorker(workerId: string, sessionId: string): Promise<{ releasedJobs: number }> {
    const duties = dutiesOf(this.#context);
    const session = this.#sessionOf(workerId, sessionId);
    const releasedJobs = await this.#deregister(session);
    duties.schedule();
    return { releasedJobs };
  }

  async drainWorker(
    workerId: string,
    { draining, graceMs }: DrainOrder,
    call: Viewer,
  ): Promise<{ message: string }> {
    const duties = dutiesOf(this.#context);
    if (graceMs !== undefined && !(graceMs >= 0 && graceMs <= DURATION_MS_MAX)) {
      throw new Refusal("invalid", `grace_ms is ${graceMs}; it may be 0 to ${DURATION_MS_MAX}`);
    }
    if (call.caller.namespaces !== undefined) this.#known(workerId, call);
    const outcome = await this.#context.proposer.propose<DrainWorkerCommand>({
      kind: "drain_worker",
      workerId,
      draining,
      by: "operator",
      ...(graceMs === undefined ? {} : { handBackAtMs: this.#context.now() + graceMs }),
    });
    if (outcome.status === "refused") throw new Refusal("not_found", outcome.message);
    duties.schedule();
    const rest = graceMs === undefined
      ? ""
      : `, and hands back what it runs ${graceMs} ms from now`;
    const what = draining ? `gets no new jobs${rest}` : "gets jobs again";
    return { message: `worker ${workerId} ${what}` };
  }

  async listWorkers(
    { status, limit, cursor, stale }: WorkerQuery,
    call: Viewer,
  ): Promise<WorkerPage> {
    if (status !== "" && !WORKER_STATUSES.includes(status)) {
      throw new Refusal(
        "invalid",
        `status_filter is ${JSON.stringify(status)}; it may be one of ${
          WORKER_STATUSES.join(", ")
        }`,
      );
    }
    const { machine, sessions, proposer, barrierTimeoutMs } = this.#context;
    if (!stale) await proposer.readBarrier(barrierTimeoutMs);
    const all = machine.workers().filter((each) =>
      (status === "" || each.status === status) && isOwn(each, call)
    );
    const rest = cursor === "" ? all : all.filter((each) => each.id > cursor);
    const page = limit === 0 ? rest : rest.slice(0, limit);
    return {
      workers: page.map((worker) => workerView(worker, sessions.get(worker.id))),
      total: all.length,
      nextCursor: rest.length > page.length ? page.at(-1)!.id : "",
    };
  }

  async getWorker(workerId: string, call: Viewer): Promise<WorkerDetails> {
    const { machine, sessions, watchers, proposer, barrierTimeoutMs } = this.#context;
    await proposer.readBarrier(barrierTimeoutMs);
    const worker = this.#known(workerId, call);
    const held = machine.heldBy(workerId).map((job) =>
      heldAttemptView(job, watchers.progressOf(job.id, job.token)?.fraction ?? 0)
    );
    return { worker: workerView(worker, sessions.get(workerId)), held };
  }

  /** @throws Refusal `not_found`, also for one that does not work for the caller alone */
  #known(workerId: string, call: Viewer): Worker {
    const worker = this.#context.machine.worker(workerId);
    if (worker !== undefined && isOwn(worker, call)) return worker;
    throw new Refusal("not_found", `there is no worker ${JSON.stringify(workerId)}`);
  }

  /**
   * Two processes of one name would take the session from each other for ever, and neither would
   * finish a job. So the first keeps it while there is a road to it and it is heard of; a worker that
   * was started again is let in as soon as the connection of its former life is known to be gone.
   */
  #refuseRival(workerId: string, sessionId: string): void {
    const { sessions, now, heartbeatTimeoutMs } = this.#context;
    const held = sessions.get(workerId);
    const isReached = held !== undefined && (held.link !== undefined || held.hasMailbox);
    const isAlive = isReached && now() - held.lastHeardMs <= heartbeatTimeoutMs;
    if (!isAlive || held.sessionId === sessionId) return;
    throw new Refusal(
      "already_exists",
      `a worker called ${JSON.stringify(workerId)} is connected already; give this one a name of ` +
        "its own (--worker-id), or stop the other",
    );
  }

  /**
   * A worker that comes back must not begin to work for another cluster, such as one that a master has
   * founded that lost its disk, because its own was not there for a moment.
   */
  #refuseStray({ workerId, clusterId = "" }: WorkerAnnouncement): void {
    const own = this.#context.facts.clusterId;
    if (clusterId === "" || clusterId === own) return;
    throw new Refusal(
      "failed_precondition",
      `this master is of cluster ${own}, and worker ${JSON.stringify(workerId)} comes back to ` +
        `cluster ${clusterId}`,
    );
  }

  async #register(
    announcement: WorkerAnnouncement,
    sessionId: string,
    road: Road,
  ): Promise<Session> {
    refuseTalkative(announcement);
    const duties = dutiesOf(this.#context);
    const { proposer, sessions, log, now, crashLimit } = this.#context;
    const { workerId, address, slots, jobTypes, tags, version, running } = announcement;
    const { cpuMillis, memoryBytes, typeSlots = {}, namespaces = [] } = announcement;
    const outcome = await proposer.propose<RegisterWorkerCommand>({
      kind: "register_worker",
      worker: {
        id: workerId,
        sessionId,
        address,
        slots,
        jobTypes,
        tags,
        version,
        ...(cpuMillis > 0 ? { cpuMillis } : {}),
        ...(memoryBytes > 0 ? { memoryBytes } : {}),
        ...(Object.keys(typeSlots).length > 0 ? { typeSlots } : {}),
        ...(namespaces.length > 0 ? { namespaces } : {}),
        unary: road.kind !== "stream",
        ...(road.kind === "push" ? { pushed: true } : {}),
      },
      runningAttempts: running,
      crashLimit,
    });
    if (outcome.status === "refused") throw new Refusal("invalid", outcome.message);
    if (this.#context.duties !== duties) dutiesOf(this.#context);
    const session = sessions.open(workerId, sessionId, road, now());
    log.info("a worker registered", {
      worker_id: workerId,
      slots,
      road: road.kind,
      job_types: jobTypes.join(","),
      kept_attempts: outcome.kept.length,
      lost_attempts: outcome.lost.length,
      foreign_attempts: outcome.foreign.length,
      ...(outcome.forgiven.length > 0 ? { forgiven_losses: outcome.forgiven.length } : {}),
      ...(outcome.confirmed.length > 0 ? { confirmed_crashes: outcome.confirmed.length } : {}),
    });
    for (const { jobId, token } of outcome.foreign) {
      sessions.cancel(workerId, { jobId, token, reason: "reassigned" });
    }
    duties.schedule();
    return session;
  }

  /** Tells a worker where the masters are if that is not what it knows; gives what it knows by then. */
  #tellMasters(link: WorkerLink, known: readonly string[]): readonly string[] {
    const masterAddresses = this.#masterAddresses();
    if (masterAddresses.join() === known.join()) return known;
    link.send({ masterAddresses });
    return masterAddresses;
  }

  #masterAddresses(): readonly string[] {
    const { node, addressOf } = this.#context;
    return node.status().members.map((each) => addressOf(each.id))
      .filter((address) => address !== undefined);
  }

  #welcome(sessionId: string): WorkerWelcomeView {
    const { facts, heartbeatIntervalMs, heartbeatTimeoutMs } = this.#context;
    return {
      sessionId,
      heartbeatIntervalMs,
      heartbeatTimeoutMs,
      leaderId: facts.nodeId,
      clusterId: facts.clusterId,
      masterAddresses: this.#masterAddresses(),
    };
  }

  #news(session: Session, news: WorkerNews): void {
    const { inbox, sessions, machine, watchers, now, log } = this.#context;
    this.#heard(session, news.stats);
    for (const progress of news.progress) {
      const job = machine.get(progress.jobId);
      const isOwner = job?.token === progress.token && job.assignedTo === session.workerId;
      if (isOwner) watchers.take(progress, job.attempt, now());
    }
    if (news.reports.length > 0) {
      inbox.takeAll(session.workerId, news.reports).then(
        (acks) => {
          sessions.acknowledge(session.workerId, acks, news.number);
          this.#context.duties?.schedule();
        },
        (failure) => {
          log[isOfLeadership(failure) ? "debug" : "warn"](
            "reports could not be taken; the worker will send them again",
            { worker_id: session.workerId, error: String(failure) },
          );
          // A new session sends every unacknowledged report again.
          session.link?.close(new Refusal("unavailable", "reports could not be taken"));
        },
      );
    }
    if (news.draining) this.#drainByWorker(session);
    if (news.goodbye) {
      this.#deregister(session).catch((failure) =>
        log.warn("a worker could not be deregistered; its lease will end", {
          worker_id: session.workerId,
          error: String(failure),
        })
      );
    }
  }

  #drainByWorker(session: Session): void {
    const { machine, proposer, log } = this.#context;
    if (machine.worker(session.workerId)?.status !== "active") return;
    proposer.propose<DrainWorkerCommand>({
      kind: "drain_worker",
      workerId: session.workerId,
      draining: true,
      by: "worker",
    }).catch((failure) =>
      log.warn("a worker's request to drain failed", {
        worker_id: session.workerId,
        error: String(failure),
      })
    );
  }

  async #deregister(session: Session): Promise<number> {
    const { proposer, sessions, log } = this.#context;
    const { workerId, sessionId } = session;
    const outcome = await proposer.propose<DeregisterWorkerCommand>({
      kind: "deregister_worker",
      workerId,
      sessionId,
    });
    sessions.end(workerId, sessionId);
    const releasedJobs = outcome.status === "ended" ? outcome.ended.length : 0;
    log.info("a worker left", { worker_id: workerId, released_jobs: releasedJobs });
    this.#context.duties?.schedule();
    return releasedJobs;
  }

  #heard(session: Session, stats: Session["stats"]): void {
    const { sessions, duties, now } = this.#context;
    if (sessions.heard(session, now())) duties?.schedule();
    if (stats !== undefined) {
      session.stats = stats;
      this.#onHeartbeat(session.workerId, true);
    }
  }

  /**
   * The original's workers register once in their lives: one that was taken for dead, and whose
   * heartbeats come again, is let in as it registered.
   */
  async #revived({ workerId, sessionId }: HeartbeatView): Promise<Session | undefined> {
    const { machine, sessions, log } = this.#context;
    const worker = machine.worker(workerId);
    const isGone = worker?.pushed === true && sessions.get(workerId) === undefined;
    if (!isGone || sessionId !== "") return undefined;
    log.info("a worker that was taken for dead is heard of again", { worker_id: workerId });
    const { address, slots, tags, version, cpuMillis, memoryBytes } = worker;
    const jobTypes = worker.jobTypes ?? [];
    const { namespaces = [] } = worker;
    const jobsOf = { jobTypes, tags, namespaces };
    const described = { address, slots, ...jobsOf, version, cpuMillis, memoryBytes };
    // In the same session: it is the same process, which was only out of reach.
    return await this.#register(
      { workerId, incarnation: "", ...described, running: [] },
      worker.sessionId,
      { kind: "push", address },
    );
  }

  #sessionOf(workerId: string, sessionId: string): Session {
    const session = this.#context.sessions.get(workerId);
    const isKnown = session !== undefined &&
      (sessionId === "" || session.sessionId === sessionId);
    if (isKnown) return session;
    this.#onHeartbeat(workerId, false);
    throw new Refusal(
      "failed_precondition",
      `worker ${JSON.stringify(workerId)} has no session here; call RegisterWorker`,
    );
  }

  /** Resolves when there are orders, the session ended, `ms` are over or the caller hung up. */
  #orders(session: Session, ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        session.wake = () => {};
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener("abort", done, { once: true });
      session.wake = done;
    });
  }
}
