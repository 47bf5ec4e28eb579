/**
 * A client whose jobs depend on each other, expire, are unique and come in batches. Their history is
 * judged by `relation_oracle.ts` alone: nobody asks for their end, so they are no registers.
 */

import type { DependencyCondition, JobOptions, SubmitSpec } from "../../src/jobs/mod.ts";
import type { JobWorld } from "./job_actors.ts";
import type { Random } from "./random.ts";

/** Ids of these jobs begin so. */
const PREFIX = "graph-";
const JOBS_MAX = 5;
const CONDITIONS: readonly DependencyCondition[] = ["success", "success", "completion", "failure"];

/** Whether a {@linkcode GraphSubmitter} made the job. */
export function isOfGraph(jobId: string): boolean {
  return jobId.startsWith(PREFIX);
}

/** See the module's text. */
export class GraphSubmitter {
  readonly #id: string;
  readonly #jobs: JobWorld;
  readonly #random: Random;
  /** Ids that are known here. */
  readonly #made: string[] = [];
  #count = 0;
  #tries = 0;
  #stopped = false;
  busy = 0;

  constructor(id: string, jobs: JobWorld) {
    this.#id = id;
    this.#jobs = jobs;
    this.#random = jobs.world.random.fork();
    this.#next();
  }

  /** Begins nothing new. */
  stop(): void {
    this.#stopped = true;
  }

  #next(): void {
    this.#jobs.world.after(30 + this.#random.next() * 200, () => {
      if (this.#stopped) return;
      if (this.#jobs.world.nowMs < this.#jobs.cluster.quietUntilMs) return this.#next();
      const known = this.#made.length > 0;
      if (known && this.#random.chance(0.15)) this.#redrive();
      else if (known && this.#random.chance(0.1)) this.#cancel();
      else this.#submit();
      this.#next();
    });
  }

  /** Some jobs in one command, each after some of those before it or of those that there are. */
  #submit(): void {
    const drawn = Array.from({ length: 1 + this.#random.below(JOBS_MAX) }, (_, place) => ({
      key: `${PREFIX}${this.#id}-${++this.#count}`,
      parents: this.#drawParents(place),
      options: this.#drawOptions(),
      maxRetries: this.#random.below(2),
    }));
    const allOrNothing = this.#random.chance(0.3);
    this.busy++;
    this.#jobs.propose(this.#random, () => {
      const attempt = ++this.#tries;
      const idAt = (place: number) => `${drawn[place]!.key}.${attempt}`;
      return {
        kind: "submit",
        allOrNothing,
        jobs: drawn.map(({ key, parents, options, maxRetries }, place): SubmitSpec => ({
          id: idAt(place),
          type: "a",
          payload: new Uint8Array([place]),
          fingerprint: key,
          priority: 0,
          maxRetries,
          timeoutMs: 0,
          retryDelayMs: 20,
          idempotencyKey: key,
          submittedBy: this.#id,
          options: {
            ...options,
            dependencies: parents.map(({ parent, on }) => ({
              jobId: typeof parent === "number" ? idAt(parent) : parent,
              on,
            })),
          },
        })),
      };
    }, (outcome) => {
      this.busy--;
      if (outcome.kind !== "submit") return;
      for (const result of outcome.results) {
        if (result.status === "refused") continue;
        this.#made.push(result.jobId);
        this.#jobs.cluster.jobOracle.acknowledge(result.jobId);
      }
    });
  }

  /** A place is a job of the same command. */
  #drawParents(place: number): { parent: number | string; on: DependencyCondition }[] {
    const parents = new Map<number | string, DependencyCondition>();
    for (let draw = this.#random.below(3); draw > 0; draw--) {
      const isOld = this.#made.length > 0 && (place === 0 || this.#random.chance(0.3));
      if (!isOld && place === 0) continue;
      const parent = isOld ? this.#random.pick(this.#made.slice(-10)) : this.#random.below(place);
      parents.set(parent, this.#random.pick(CONDITIONS));
    }
    return [...parents].map(([parent, on]) => ({ parent, on }));
  }

  #drawOptions(): Partial<JobOptions> {
    const whenDependencyFails = this.#random.pick(["cancel", "fail", "wait"] as const);
    // Who waits for a parent that nobody redrives would wait for ever.
    const mustExpire = whenDependencyFails === "wait";
    return {
      whenDependencyFails,
      expireAfterMs: mustExpire ? 600 : this.#random.pick([0, 0, 80, 500]),
      ...(this.#random.chance(0.3) && {
        uniqueKey: `u${this.#random.below(3)}`,
        uniqueMode: this.#random.pick(["reject", "existing", "replace"] as const),
      }),
      ...(this.#random.chance(0.6) && { batchId: `${this.#id}-b${this.#random.below(3)}` }),
    };
  }

  #redrive(): void {
    const jobIds = [this.#random.pick(this.#made)];
    this.busy++;
    this.#jobs.propose(this.#random, () => ({ kind: "redrive", jobIds }), () => this.busy--);
  }

  #cancel(): void {
    const jobIds = [this.#random.pick(this.#made.slice(-6))];
    this.busy++;
    this.#jobs.propose(
      this.#random,
      () => ({ kind: "cancel", jobIds, reason: "", by: this.#id }),
      () => this.busy--,
    );
  }
}
