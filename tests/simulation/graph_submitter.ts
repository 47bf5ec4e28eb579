/**
 * A client whose jobs depend on each other, expire, are unique and come in batches, and which cancels,
 * redrives and forgets many at once. Their history is
 * judged by `relation_oracle.ts` alone: nobody asks for their end, so they are no registers.
 */

import type { DependencyCondition, Job, JobOptions, SubmitSpec } from "../../src/jobs/mod.ts";
import { Asker } from "./asker.ts";
import type { JobWorld, Unstamped } from "./job_actors.ts";
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
  readonly #asker: Asker;
  readonly #random: Random;
  #count = 0;
  #tries = 0;

  constructor(id: string, jobs: JobWorld) {
    this.#id = id;
    this.#asker = new Asker(jobs, { atLeastMs: 30, spreadMs: 200 }, () => this.#act());
    this.#random = this.#asker.random;
  }

  get busy(): number {
    return this.#asker.busy;
  }

  /** Begins nothing new. */
  stop(): void {
    this.#asker.stop();
  }

  #act(): void {
    const known = this.#asker.made.length > 0;
    if (known && this.#random.chance(0.15)) this.#redrive();
    else if (known && this.#random.chance(0.1)) this.#cancel();
    else if (known && this.#random.chance(0.12)) this.#toMany();
    else this.#submit();
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
    this.#asker.ask(() => {
      const attempt = ++this.#tries;
      const idAt = (place: number) => `${drawn[place]!.key}.${attempt}`;
      return {
        kind: "submit",
        keysOfExisting: true,
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
      if (outcome.kind !== "submit") return;
      for (const result of outcome.results) {
        if (result.status !== "refused") this.#asker.knows(result.jobId);
      }
    });
  }

  /** A place is a job of the same command. */
  #drawParents(place: number): { parent: number | string; on: DependencyCondition }[] {
    const parents = new Map<number | string, DependencyCondition>();
    for (let draw = this.#random.below(3); draw > 0; draw--) {
      const isOld = this.#asker.made.length > 0 && (place === 0 || this.#random.chance(0.3));
      if (!isOld && place === 0) continue;
      const parent = isOld
        ? this.#random.pick(this.#asker.made.slice(-10))
        : this.#random.below(place);
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
    const jobIds = [this.#random.pick(this.#asker.made)];
    this.#asker.ask(() => ({ kind: "redrive", jobIds, newPlace: true }));
  }

  #cancel(): void {
    const jobIds = [this.#random.pick(this.#asker.made.slice(-6))];
    this.#asker.ask(() => ({ kind: "cancel", jobIds, reason: "", by: this.#id }));
  }

  /**
   * What a master makes of a call about many jobs: whoever takes it chooses them from its own state,
   * which may lag. What is forgotten is offered with what must stay: the unfinished, and the parents
   * that somebody waits for.
   */
  #toMany(): void {
    const draw = this.#random.next();
    const batchId = `${this.#id}-b${this.#random.below(3)}`;
    const ofGraphs = (jobs: readonly Job[]) => jobs.filter(({ id }) => isOfGraph(id));
    this.#asker.ask((_, machine): Unstamped => {
      if (draw < 0.25) {
        const { jobs } = machine.list({ batchId, isFinished: false, limit: 50 });
        return { kind: "cancel", jobIds: jobs.map(({ id }) => id), reason: "", by: this.#id };
      }
      if (draw < 0.5) {
        const { jobs } = machine.list({ deadLetter: true, limit: 50 });
        return { kind: "redrive", jobIds: ofGraphs(jobs).map(({ id }) => id), newPlace: true };
      }
      const { jobs } = machine.list({ order: "oldest", limit: 200 });
      const jobSeqs = ofGraphs(jobs).slice(0, 20).map(({ seq }) => seq);
      return { kind: "prune", jobSeqs, ...(draw < 0.7 && { deadLettersOnly: true }) };
    });
  }
}
