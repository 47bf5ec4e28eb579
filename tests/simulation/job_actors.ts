/** Those around the masters: the leader's duties, workers that die and come back, and submitters. */

import type {
  Command,
  Job,
  JobMachine,
  Outcome,
  OutcomeOf,
  Report,
  ReportOutcome,
  ScheduleFire,
} from "../../src/jobs/mod.ts";
import { ScheduleDuty } from "../../src/master/schedule_duty.ts";
import { ProposalRefused } from "../../src/raft/mod.ts";
import type { RaftNode } from "../../src/raft/mod.ts";
import { plan } from "../../src/scheduler/mod.ts";
import type { SimulatedCluster } from "./cluster.ts";
import { GraphSubmitter, isOfGraph } from "./graph_submitter.ts";
import { JobHistory, keyOf } from "./job_history.ts";
import type { Random } from "./random.ts";
import { encodeProposal } from "./simulated_machine.ts";
import type { ProposalOutcome } from "./simulated_machine.ts";
import type { SimulatedNode } from "./simulated_node.ts";
import { TICK_MS } from "./simulated_node.ts";
import { Submitter } from "./submitter.ts";
import type { World } from "./world.ts";

/** A silent worker loses its lease after this, in ms. */
export const LEASE_MS = 400;
const ATTEMPT_LIMITS = { assignmentTimeoutMs: 300, graceMs: 50, limit: 50 };
const DUTY_INTERVAL_MS = 25;
/** As README states it. */
const CRASH_LIMIT = 3;
const EPOCH_MS = 1_700_000_000_000;

/** All job actors of one run. */
export class JobWorld {
  readonly world: World;
  readonly cluster: SimulatedCluster;
  readonly history: JobHistory;
  readonly #duties = new Map<string, Duties>();
  readonly workers: readonly SimulatedWorker[];
  readonly submitters: readonly (Submitter | GraphSubmitter)[];

  constructor(cluster: SimulatedCluster, workers: number, submitters: number) {
    this.world = cluster.world;
    this.cluster = cluster;
    this.history = new JobHistory(cluster.world);
    this.#watch();
    const names = (prefix: string, count: number) =>
      Array.from({ length: count }, (_, at) => `${prefix}${at + 1}`);
    this.workers = names("w", workers).map((id) => new SimulatedWorker(id, this));
    this.submitters = [
      ...names("s", submitters).map((id) => new Submitter(id, this)),
      new GraphSubmitter("g1", this),
    ];
  }

  /** The duties that run at `node`, if it believes to lead. */
  dutiesAt(node: string): Duties | undefined {
    return this.#duties.get(node);
  }

  /** A command goes to some master, and again, until one answers. */
  propose(random: Random, make: MakeCommand, done: (outcome: Outcome) => void): void {
    const tryOnce = () => {
      const { leader, ids } = this.cluster;
      const target = leader !== undefined && random.chance(0.8) ? leader.id : random.pick(ids);
      let answered = false;
      const again = (delayMs: number) => {
        if (answered) return;
        answered = true;
        this.world.after(delayMs, tryOnce);
      };
      const reached = this.cluster.node(target).call((raft, machine) => {
        const command = this.#stamped(target, make, machine.jobs);
        raft.propose(encodeProposal({ kind: "job", command })).then((outcome) => {
          this.world.after(1 + random.next(), () => {
            if (answered || "position" in outcome) return;
            answered = true;
            done(outcome);
          });
        }, (error: unknown) => {
          if (!(error instanceof ProposalRefused)) throw error;
          again(5 + random.below(30));
        });
      });
      if (!reached) again(20);
      this.world.after(500, () => again(0));
    };
    this.world.after(random.next() * 2, tryOnce);
  }

  /** Stamped with the time of the node that takes it, by its own clock if it does not lead. */
  #stamped(node: string, make: MakeCommand, machine: JobMachine): Command {
    const ownMs = Math.floor(EPOCH_MS + this.world.nowMs + this.cluster.node(node).clockSkewMs);
    const duties = this.#duties.get(node);
    const atMs = duties?.ready === true ? duties.nowMs() : Math.max(ownMs, machine.nowMs);
    return { ...make(atMs, machine), atMs } as Command;
  }

  /** Begins and ends duties as nodes win and lose leadership. */
  #watch(): void {
    this.world.after(TICK_MS, () => {
      for (const node of this.cluster.nodes.values()) {
        const status = this.cluster.statusOf(node.id);
        const duties = this.#duties.get(node.id);
        // A stopped process does not notice; a dead one has no duties left.
        if (node.state === "paused") continue;
        if (status?.role === "leader") {
          if (duties?.term === status.term) continue;
          duties?.stop();
          this.#duties.set(node.id, new Duties(this, node, status.term));
        } else if (duties !== undefined) {
          this.#duties.delete(node.id);
          // What was decided before the news is still on its way.
          this.world.after(3 * DUTY_INTERVAL_MS, () => duties.stop());
        }
      }
      this.#watch();
    });
  }
}

/** A command before its leader's time is on it. */
export type Unstamped = Command extends infer C ? C extends Command ? Omit<C, "atMs"> : never
  : never;

/** Makes a command on the node that takes it, from its time and its state. */
export type MakeCommand = (nowMs: number, machine: JobMachine) => Unstamped;

/** What the leader of one term does, as `master/leader.ts` does it. */
class Duties {
  readonly term: number;
  readonly #jobs: JobWorld;
  readonly #node: SimulatedNode;
  readonly #sessions = new Map<string, { readonly sessionId: string; heardAtMs: number }>();
  #ready = false;
  #stopped = false;
  #baseMs = 0;
  #startedMs: number;
  #assigning = false;
  readonly #schedules: ScheduleDuty;
  #runs = 0;

  constructor(jobs: JobWorld, node: SimulatedNode, term: number) {
    this.#jobs = jobs;
    this.#node = node;
    this.term = term;
    this.#startedMs = jobs.world.nowMs;
    this.#schedules = new ScheduleDuty({
      machine: {
        schedulesInDueOrder: () => this.#node.machine?.jobs.schedulesInDueOrder() ?? [],
      },
      term,
      fire: (fires, leaderTerm) => this.#fire(fires, leaderTerm),
      now: () => this.nowMs(),
      newJobId: () => `run-${term}-${node.id}-${++this.#runs}`,
      log: { warn() {}, error() {} },
      onFired: () => {},
      after: (delayMs, run) => {
        let isCancelled = false;
        jobs.world.after(delayMs / node.clockRate, () => {
          if (!isCancelled && !this.#stopped) node.call(run);
        });
        return () => isCancelled = true;
      },
      guard: (_duty, run) =>
        void run().catch((error) => {
          if (!(error instanceof ProposalRefused)) throw error;
        }),
    });
    this.#begin();
  }

  /** Nothing is decided on a state that may lag (J12). */
  #begin(): void {
    const { world } = this.#jobs;
    this.#node.call((raft, machine) => {
      raft.readIndex().then(() => {
        // The clock goes on from the replicated time, whatever this node's own clock says.
        const ownMs = EPOCH_MS + world.nowMs + this.#node.clockSkewMs;
        this.#baseMs = Math.max(ownMs, machine.jobs.nowMs);
        this.#startedMs = world.nowMs;
        for (const { id, sessionId, status } of machine.jobs.workers()) {
          if (status === "disconnected") continue;
          this.#sessions.set(id, { sessionId, heardAtMs: world.nowMs });
        }
        this.#ready = true;
        this.#loop();
      }, () => {
        if (!this.#stopped) world.after(DUTY_INTERVAL_MS, () => this.#begin());
      });
    });
  }

  nowMs(): number {
    const elapsedMs = this.#jobs.world.nowMs - this.#startedMs;
    return Math.floor(this.#baseMs + elapsedMs * this.#node.clockRate);
  }

  stop(): void {
    this.#stopped = true;
    this.#schedules.stop();
  }

  /** What a worker should be doing; `undefined` when it has to register. */
  heartbeat(workerId: string, sessionId: string, machine: JobMachine): readonly Job[] | undefined {
    if (!this.#ready || this.#stopped) return undefined;
    const known = machine.worker(workerId);
    if (known?.sessionId !== sessionId || known.status === "disconnected") return undefined;
    this.#sessions.set(workerId, { sessionId, heardAtMs: this.#jobs.world.nowMs });
    return machine.heldBy(workerId);
  }

  get ready(): boolean {
    return this.#ready && !this.#stopped;
  }

  #loop(): void {
    if (this.#stopped || this.#node.state === "down" || this.#node.state === "refused") return;
    this.#node.call((raft, machine) => {
      if (!this.#stopped) this.#work(raft, machine.jobs);
    });
    this.#jobs.world.after(DUTY_INTERVAL_MS, () => this.#loop());
  }

  #work(raft: RaftNode<ProposalOutcome>, machine: JobMachine): void {
    const { world } = this.#jobs;
    const nowMs = this.nowMs();
    const leaderTerm = this.term;
    for (const [workerId, { sessionId, heardAtMs }] of this.#sessions) {
      if (world.nowMs - heardAtMs <= LEASE_MS) continue;
      this.#sessions.delete(workerId);
      this.#propose(raft, {
        kind: "expire_worker",
        workerId,
        sessionId,
        reason: "silent",
        leaderTerm,
        crashLimit: CRASH_LIMIT,
      });
    }
    const attempts = machine.dueAttempts(nowMs, ATTEMPT_LIMITS);
    if (attempts.length > 0) this.#propose(raft, { kind: "expire_attempts", attempts, leaderTerm });
    if ((machine.nextDueMs ?? Infinity) <= nowMs) this.#propose(raft, { kind: "advance" });
    this.#schedules.wake();
    if (this.#assigning) return;
    const assignments = plan(machine.view(), { policy: "least-loaded", random: () => 0.5 });
    if (assignments.length === 0) return;
    this.#assigning = true;
    this.#propose(raft, { kind: "assign", assignments }, () => {
      this.#assigning = false;
    });
  }

  #fire(fires: readonly ScheduleFire[], leaderTerm: number) {
    return new Promise<OutcomeOf["fire_schedule"]>((resolve, reject) => {
      this.#node.call((raft) =>
        this.#propose(
          raft,
          { kind: "fire_schedule", fires, leaderTerm, replacesIfAccepted: true },
          (outcome) => {
            if (outcome instanceof ProposalRefused) reject(outcome);
            else if ("kind" in outcome && outcome.kind === "fire_schedule") resolve(outcome);
          },
        )
      );
    });
  }

  /** As the real proposer does, hands on to the leader what this node may not append itself. */
  #propose(
    raft: RaftNode<ProposalOutcome>,
    command: Unstamped,
    done: (outcome: ProposalOutcome | ProposalRefused) => void = () => {},
  ): void {
    const { world, cluster } = this.#jobs;
    const stamped = { ...command, atMs: this.nowMs() } as Command;
    const data = encodeProposal({ kind: "job", command: stamped });
    const refused = (error: unknown) => {
      if (!(error instanceof ProposalRefused)) throw error;
      done(error);
      return error;
    };
    raft.propose(data).then(done, (error: unknown) => {
      const { reason } = refused(error);
      if (reason !== "not_leader") return;
      world.after(
        2,
        () => cluster.leader?.call((other) => void other.propose(data).catch(refused)),
      );
    });
  }
}

interface Running {
  readonly token: number;
  readonly endsAtMs: number;
  readonly fails: boolean;
  started: boolean;
  reporting: boolean;
  /** An earlier process of the worker reported it, and this one found it on its disk. */
  readonly isFromDisk?: boolean;
}

/** Fewer than slots, so that it is the type that fills a worker now and then. */
const TYPE_SLOTS = { a: 2 };

/** A worker that may die, stall, and come back as if nothing had happened. */
class SimulatedWorker {
  readonly id: string;
  readonly #jobs: JobWorld;
  readonly #random: Random;
  readonly #running = new Map<string, Running>();
  /** Empty: it has to register. */
  #sessionId = "";
  #process = 1;
  #registering = false;
  #stalledUntilMs = 0;
  troubled = true;

  constructor(id: string, jobs: JobWorld) {
    this.id = id;
    this.#jobs = jobs;
    this.#random = jobs.world.random.fork();
    this.#loop();
  }

  #loop(): void {
    const { world } = this.#jobs;
    world.after(15 + this.#random.below(20), () => {
      if (this.troubled) this.#maybeFail();
      if (world.nowMs >= this.#stalledUntilMs) this.#work();
      this.#loop();
    });
  }

  #maybeFail(): void {
    const { world } = this.#jobs;
    if (this.#random.chance(0.003)) {
      world.trace(`${this.id} dies`);
      this.#process++;
      this.#sessionId = "";
      for (const [jobId, running] of this.#running) {
        // What was being reported is on its disk, and the next process reports it again.
        if (!running.reporting) this.#running.delete(jobId);
        else this.#running.set(jobId, { ...running, reporting: false, isFromDisk: true });
      }
    } else if (this.#random.chance(0.006)) {
      this.#stalledUntilMs = world.nowMs + this.#random.next() * 4 * LEASE_MS;
      world.trace(`${this.id} stalls`);
    }
  }

  #work(): void {
    const { world, cluster } = this.#jobs;
    // What has ended is reported first: after a stall, that is what a zombie does.
    for (const [jobId, running] of this.#running) {
      if (!running.started) this.#start(jobId, running);
      if (world.nowMs >= running.endsAtMs && !running.reporting) this.#finish(jobId, running);
    }
    if (this.#sessionId === "") {
      if (!this.#registering) this.#register();
      return;
    }
    const target = cluster.leader;
    const duties = target === undefined ? undefined : this.#jobs.dutiesAt(target.id);
    const sessionId = this.#sessionId;
    target?.call((_, machine) => {
      if (duties === undefined || !duties.ready) return;
      const held = duties.heartbeat(this.id, sessionId, machine.jobs);
      world.after(1 + this.#random.next(), () => {
        if (this.#sessionId !== sessionId) return;
        if (held === undefined) this.#sessionId = "";
        else this.#take(held);
      });
    });
  }

  #register(): void {
    this.#registering = true;
    const process = this.#process;
    const sessionId = `${this.id}-${process}`;
    const running = [...this.#running].map(([jobId, { token }]) => ({ jobId, token }));
    this.#jobs.propose(this.#random, () => ({
      kind: "register_worker",
      worker: {
        id: this.id,
        sessionId,
        address: "",
        slots: 4,
        jobTypes: null,
        typeSlots: TYPE_SLOTS,
        tags: {},
        version: "",
      },
      runningAttempts: running,
      crashLimit: CRASH_LIMIT,
    }), (outcome) => {
      this.#registering = false;
      if (process !== this.#process) return; // it died since
      if (outcome.kind !== "register_worker" || outcome.status !== "registered") return;
      this.#sessionId = sessionId;
      for (const { jobId } of outcome.foreign) this.#running.delete(jobId);
    });
  }

  #take(held: readonly Job[]): void {
    const { world } = this.#jobs;
    const ids = new Set(held.map(({ id }) => id));
    for (const [jobId, { reporting }] of this.#running) {
      // A child is killed when its lease is gone; now and then it ends before that.
      if (!ids.has(jobId) && !reporting && this.#random.chance(0.8)) this.#running.delete(jobId);
    }
    for (const { id, token } of held) {
      const mine = this.#running.get(id);
      if (mine?.token === token) continue;
      // An old attempt of the same job goes on beside the new one until it is reported.
      if (mine !== undefined && mine.reporting) continue;
      this.#running.set(id, {
        token,
        endsAtMs: world.nowMs + 5 + this.#random.next() * 250,
        fails: this.#random.chance(0.2),
        started: false,
        reporting: false,
      });
    }
  }

  #start(jobId: string, running: Running): void {
    running.started = true;
    this.#report({ kind: "started", jobId, token: running.token, workerId: this.id }, () => {});
  }

  #finish(jobId: string, running: Running): void {
    running.reporting = true;
    const about = { jobId, token: running.token, workerId: this.id, durationMs: 5 };
    const report: Report = running.fails
      ? { ...about, kind: "failed", error: "it failed", permanent: false }
      : { ...about, kind: "completed", output: new Uint8Array([1]), contentType: "" };
    const { history } = this.#jobs;
    // Of runs of schedules and jobs of graphs, nobody here asked for the submission.
    const isAsked = jobId.includes(".") && !isOfGraph(jobId);
    const call = running.fails || !isAsked || running.isFromDisk === true
      ? undefined
      : history.begin(keyOf(jobId), "complete", jobId);
    this.#report(report, (outcome) => {
      if (call !== undefined) {
        history.end(call, outcome?.status === "accepted" ? "completed" : "refused");
      }
      if (this.#running.get(jobId) === running) this.#running.delete(jobId);
    });
  }

  #report(report: Report, done: (outcome: ReportOutcome | undefined) => void): void {
    this.#jobs.propose(this.#random, () => ({ kind: "report", reports: [report] }), (outcome) => {
      done(outcome.kind === "report" ? outcome.results[0] : undefined);
    });
  }
}
