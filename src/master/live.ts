/**
 * What a master tells those who watch it: the cluster as this node sees it, what happened of late, and
 * which jobs change.
 *
 * @module
 */

import type { ClusterNow, JobChange, LiveSource } from "../api/mod.ts";
import type { JobEvent, Standing } from "../jobs/mod.ts";
import { Activity, type Gauges, INTERVAL_MS } from "./activity.ts";
import type { MasterContext } from "./context.ts";
import { isOwn } from "./sight.ts";
import { raftStateName } from "./status_views.ts";

/** Over how long the latencies of the present are taken, in ms. */
const LATENCY_SPAN_MS = 60_000;
/** Types and queues that one frame names; `GET /queues` has them all. */
const STANDINGS_TOLD_MAX = 100;

export class Live implements LiveSource {
  readonly #context: MasterContext;
  readonly #activity: Activity;
  readonly #watchers = new Set<(change: JobChange) => void>();
  readonly #timer: ReturnType<typeof setInterval>;
  /** When it was last measured: near enough for whoever must not ask the clock for every event. */
  #measuredAtMs: number;

  constructor(context: MasterContext) {
    this.#context = context;
    this.#measuredAtMs = context.now();
    this.#activity = new Activity(this.#measuredAtMs);
    this.#timer = setInterval(() => this.#measure(), INTERVAL_MS);
    Deno.unrefTimer(this.#timer);
  }

  /** A job changed on this node's state. */
  note(event: JobEvent): void {
    this.#activity.note(event, this.#measuredAtMs);
    if (this.#watchers.size === 0) return;
    const { jobId: id, to: status, type, namespace } = event;
    for (const tell of this.#watchers) tell({ id, status, type, namespace });
  }

  onChange(tell: (change: JobChange) => void): () => void {
    this.#watchers.add(tell);
    return () => this.#watchers.delete(tell);
  }

  now(namespaces?: readonly string[]): ClusterNow {
    const { facts, node, machine, now } = this.#context;
    const status = node.status();
    const { byStatus, deadLetters } = machine.counts(namespaces);
    return {
      at: new Date(now()).toISOString(),
      node_id: facts.nodeId,
      cluster_id: facts.clusterId,
      version: facts.version,
      leader_id: status.leaderId ?? "",
      raft_state: raftStateName(status),
      term: status.term,
      commit_index: status.commitIndex,
      applied_index: status.appliedIndex,
      last_log_index: status.lastIndex,
      members: status.members.map(({ id, votes }) => ({
        node_id: id,
        suffrage: votes ? "voter" : "learner",
        is_leader: id === status.leaderId,
        // Of the others their leader knows; that they are silent is not for this node to say.
        ...(id === status.id || id === status.leaderId ? { answers: true } : {}),
      })),
      workers: this.#workers(namespaces),
      jobs: { ...byStatus, dead_letters: deadLetters },
      types: busiest(machine.standings("type", namespaces)),
      queues: busiest(machine.standings("queue", namespaces)),
      ...(namespaces === undefined
        ? {
          latency: this.#activity.quantiles(now(), LATENCY_SPAN_MS),
          point: this.#activity.latest(now()),
        }
        : {}),
    };
  }

  history() {
    const points = this.#activity.points(this.#context.now());
    const names = Object.keys(points[0] ?? {});
    return {
      interval_ms: INTERVAL_MS,
      points: points.length,
      columns: Object.fromEntries(
        names.map((name) => [name, points.map((point) => point[name] ?? null)]),
      ),
    };
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #measure(): void {
    const { machine, now } = this.#context;
    const { byStatus } = machine.counts();
    const { slots, busy } = this.#workers();
    const gauges: Gauges = {
      waiting: byStatus.waiting,
      pending: byStatus.pending,
      running: byStatus.assigned + byStatus.running,
      busy_slots: busy,
      slots,
    };
    this.#measuredAtMs = now();
    this.#activity.measure(gauges, this.#measuredAtMs);
  }

  /** Of a caller with namespaces: those that work for these alone, for the slots of others are others'. */
  #workers(namespaces?: readonly string[]): ClusterNow["workers"] {
    const viewer = { caller: { namespaces } };
    const workers = { total: 0, active: 0, draining: 0, disconnected: 0, slots: 0, busy: 0 };
    for (const worker of this.#context.machine.workers()) {
      const { status, slots, activeJobs } = worker;
      if (!isOwn(worker, viewer)) continue;
      workers.total++;
      workers[status]++;
      workers.busy += activeJobs;
      if (status !== "disconnected") workers.slots += slots;
    }
    return workers;
  }
}

/** Every submitter may be a queue, and all of them in every second's words would be too many. */
function busiest(standings: readonly Standing[]) {
  return standings.map(standingView)
    .sort((a, b) => unfinishedOf(b) - unfinishedOf(a) || (a.name < b.name ? -1 : 1))
    .slice(0, STANDINGS_TOLD_MAX);
}

function unfinishedOf({ waiting, pending, assigned, running }: ReturnType<typeof standingView>) {
  return waiting + pending + assigned + running;
}

function standingView({ name, counts, settings }: Standing) {
  const { waiting, pending, assigned, running } = counts;
  return { name, waiting, pending, assigned, running, paused: settings.paused };
}
