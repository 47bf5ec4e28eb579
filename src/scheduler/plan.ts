/**
 * From the replicated truth, which job goes to which worker.
 *
 * Jobs that the same workers may run wait in one queue, and workers that may run the same jobs are
 * one pool, so the work is that of the assignments made: no job and no worker is looked at twice,
 * and a queue that nobody can serve costs one look.
 *
 * @module
 */

import {
  type Assignment,
  type HeapItem,
  IndexedHeap,
  type PendingJob,
  type PendingQueue,
  type SchedulingView,
  type WorkerSlots,
} from "../jobs/mod.ts";
import {
  Candidate,
  type CandidatePool,
  chooseAmong,
  type Policy,
  poolOf,
  type Random,
} from "./policy.ts";
import { mayRun } from "./eligible.ts";

/** What one call of {@linkcode plan} may do, and what is already on its way. */
export interface PlanLimits {
  /** Assignments in one plan. Default 1,000. */
  readonly assignmentsMax?: number;
  /** Assignments proposed and not yet applied: their jobs and slots are taken. */
  readonly inFlight?: readonly Assignment[];
}

const assignmentsMaxDefault = 1000;

/**
 * The next assignments: pending jobs by priority, then by submission, each to the worker that the
 * policy names among those that offer its type, have its tags, do not drain and have a slot free.
 * Depends on its arguments alone. `nowMs` is for what time decides about placement; the policies so
 * far do not ask, since a job that is not due is not pending.
 */
export function plan(
  view: SchedulingView,
  _nowMs: number,
  policy: Policy,
  random: Random,
  limits: PlanLimits = {},
): Assignment[] {
  const inFlight = limits.inFlight ?? [];
  const assignmentsMax = limits.assignmentsMax ?? assignmentsMaxDefault;
  const pools = poolsOf(view.workers, inFlight, policy, random);
  if (pools.length === 0) return [];
  const takenJobs = new Set(inFlight.map(({ jobId }) => jobId));
  const queues = openQueues(view.queues, pools, takenJobs);

  const assignments: Assignment[] = [];
  while (assignments.length < assignmentsMax) {
    const queue = queues.peek();
    if (queue === undefined) break;
    const chosen = chooseAmong(queue.pools, policy, random);
    if (chosen === undefined) {
      queues.remove(queue);
      continue;
    }
    const { pool, candidate } = chosen;
    const { id: workerId, sessionId } = candidate.worker;
    assignments.push({ jobId: queue.head.id, workerId, sessionId });
    candidate.activeJobs++;
    candidate.lastAssignment = laterThanAll + inFlight.length + assignments.length;
    pool.reposition(candidate);
    queues.remove(queue);
    if (queue.advance(takenJobs)) queues.push(queue);
  }
  return assignments;
}

/** Above every number of an assignment in the state, and below 2^53 with room to count on. */
const laterThanAll = 2 ** 52;

/** Free workers, in pools of those that may run the same jobs. */
function poolsOf(
  workers: Iterable<WorkerSlots>,
  inFlight: readonly Assignment[],
  policy: Policy,
  random: Random,
): CandidatePool[] {
  const onTheWay = new Map<string, { jobs: number; last: number }>();
  inFlight.forEach(({ workerId }, place) => {
    const jobs = (onTheWay.get(workerId)?.jobs ?? 0) + 1;
    onTheWay.set(workerId, { jobs, last: laterThanAll + place });
  });
  const byCapability = new Map<string, Candidate[]>();
  for (const worker of workers) {
    if (worker.draining) continue;
    const candidate = new Candidate(worker);
    const coming = onTheWay.get(worker.id);
    if (coming !== undefined) {
      candidate.activeJobs += coming.jobs;
      candidate.lastAssignment = coming.last;
    }
    if (candidate.freeSlots <= 0) continue;
    const alike = byCapability.get(worker.capabilityKey);
    if (alike === undefined) byCapability.set(worker.capabilityKey, [candidate]);
    else alike.push(candidate);
  }
  // In the order of their keys: which pool is asked first must not depend on the order of arrival.
  return [...byCapability]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, candidates]) => poolOf(candidates, policy, random));
}

/** The queues that some pool may serve; the one whose first job comes first is first. */
function openQueues(
  queues: Iterable<PendingQueue>,
  pools: readonly CandidatePool[],
  takenJobs: ReadonlySet<string>,
): IndexedHeap<OpenQueue> {
  const open = new IndexedHeap<OpenQueue>((a, b) =>
    a.head.priority !== b.head.priority
      ? a.head.priority > b.head.priority
      : a.head.seq < b.head.seq
  );
  for (const queue of queues) {
    const able = pools.filter((pool) => mayRun(pool.sample, queue));
    if (able.length === 0) continue;
    const opened = OpenQueue.open(queue, able, takenJobs);
    if (opened !== undefined) open.push(opened);
  }
  return open;
}

/** A queue while it is read, and who may serve it. */
class OpenQueue implements HeapItem {
  heapIndex = -1;
  head: PendingJob;
  readonly pools: readonly CandidatePool[];
  readonly #jobs: Iterator<PendingJob>;

  private constructor(
    head: PendingJob,
    jobs: Iterator<PendingJob>,
    pools: readonly CandidatePool[],
  ) {
    this.head = head;
    this.#jobs = jobs;
    this.pools = pools;
  }

  /** Undefined when all jobs of the queue are taken. */
  static open(
    queue: PendingQueue,
    pools: readonly CandidatePool[],
    takenJobs: ReadonlySet<string>,
  ): OpenQueue | undefined {
    const jobs = queue.inOrder();
    const head = nextFree(jobs, takenJobs);
    return head === undefined ? undefined : new OpenQueue(head, jobs, pools);
  }

  /** Goes on to the next job; false when there is none. */
  advance(takenJobs: ReadonlySet<string>): boolean {
    const next = nextFree(this.#jobs, takenJobs);
    if (next !== undefined) this.head = next;
    return next !== undefined;
  }
}

function nextFree(
  jobs: Iterator<PendingJob>,
  takenJobs: ReadonlySet<string>,
): PendingJob | undefined {
  for (;;) {
    const step = jobs.next();
    if (step.done === true) return undefined;
    if (!takenJobs.has(step.value.id)) return step.value;
  }
}
