import type {
  Assignment,
  Limit,
  PendingJob,
  PendingPlace,
  QueueShare,
  SchedulingView,
} from "../jobs/mod.ts";
import type { NextJob } from "./open_jobs.ts";
import { Candidate, type Demand } from "./policy.ts";

/** Above every number of an assignment in the state, and below 2^53 with room to count on. */
const laterThanAll = 2 ** 52;
const NOTHING: Demand = { type: "", cpuMillis: 0, memoryBytes: 0 };

/** What the assignments on their way, and those planned so far, take. */
export class Tally {
  readonly view: SchedulingView;
  readonly #takenJobs = new Set<string>();
  readonly #passes = new Map<string, number>();
  readonly #meters = new Map<object, number>();
  readonly #onTheWay = new Map<string, { readonly demand: Demand; readonly place: number }[]>();
  #clock: number;
  #assignments = 0;
  /** Changes with everything that is taken. */
  version = 0;

  constructor(view: SchedulingView, inFlight: readonly Assignment[]) {
    this.view = view;
    this.#clock = view.clock;
    for (const { jobId, workerId } of inFlight) {
      const place = view.placeOf(jobId);
      // Applied since, so the state has counted it; but the worker has not been told yet, and how
      // many more it may be given (`WorkerLink.room`) is known only then.
      const demand = place?.class.shape ?? NOTHING;
      const coming = { demand, place: this.nextAssignment() };
      const others = this.#onTheWay.get(workerId);
      if (others === undefined) this.#onTheWay.set(workerId, [coming]);
      else others.push(coming);
      if (place === undefined || this.#takenJobs.has(jobId)) continue;
      this.#takenJobs.add(jobId);
      this.#charge(place);
    }
  }

  /** The view's workers, with what is on its way to them. */
  *candidates(): Generator<Candidate> {
    for (const worker of this.view.workers) {
      const candidate = new Candidate(worker);
      for (const { demand, place } of this.#onTheWay.get(worker.id) ?? []) {
        candidate.take(demand, place);
      }
      yield candidate;
    }
  }

  nextAssignment(): number {
    return laterThanAll + this.#assignments++;
  }

  take({ job, ...place }: NextJob): void {
    this.#takenJobs.add(job.id);
    this.#charge(place);
  }

  isTaken(job: PendingJob): boolean {
    return this.#takenJobs.has(job.id);
  }

  passOf(share: QueueShare): number {
    return this.#passes.get(share.name) ?? share.pass;
  }

  allows(limits: readonly Limit[]): boolean {
    return limits.length === 0 ||
      limits.every(({ meter, left }) => (this.#meters.get(meter) ?? 0) <= left);
  }

  #charge({ lane, class: { share, shape, limits } }: PendingPlace): void {
    const start = Math.max(this.passOf(share), this.#clock);
    this.#clock = start;
    this.#passes.set(share.name, start + share.stride);
    for (const list of [lane.limits, limits, shape.limits]) {
      for (const { meter, cost } of list) {
        this.#meters.set(meter, (this.#meters.get(meter) ?? 0) + cost);
      }
    }
    this.version++;
  }
}
