/**
 * What those have in common who ask the job machine for one thing after the other: they think, act,
 * remember which jobs they made, and know how much of what they asked has no answer yet.
 */

import type { Outcome } from "../../src/jobs/mod.ts";
import type { JobWorld, MakeCommand } from "./job_actors.ts";
import type { Random } from "./random.ts";

/** Time between two acts, in ms. */
export interface Pace {
  readonly atLeastMs: number;
  readonly spreadMs: number;
}

/** See the module's text. */
export class Asker {
  readonly jobs: JobWorld;
  readonly random: Random;
  /** Ids that are known here. */
  readonly made: string[] = [];
  readonly #pace: Pace;
  readonly #act: () => void;
  #stopped = false;
  /** What has no answer yet. */
  busy = 0;

  constructor(jobs: JobWorld, pace: Pace, act: () => void) {
    this.jobs = jobs;
    this.random = jobs.world.random.fork();
    this.#pace = pace;
    this.#act = act;
    this.#next();
  }

  /** Begins nothing new. */
  stop(): void {
    this.#stopped = true;
  }

  /** Asks until there is an answer. */
  ask(make: MakeCommand, done: (outcome: Outcome) => void = () => {}): void {
    this.busy++;
    this.jobs.propose(this.random, make, (outcome) => {
      this.busy--;
      done(outcome);
    });
  }

  /** It was told that the job was taken under this id. */
  knows(jobId: string): void {
    this.made.push(jobId);
    this.jobs.cluster.jobOracle.acknowledge(jobId);
  }

  #next(): void {
    const { world, cluster } = this.jobs;
    world.after(this.#pace.atLeastMs + this.random.next() * this.#pace.spreadMs, () => {
      if (this.#stopped) return;
      if (world.nowMs >= cluster.quietUntilMs) this.#act();
      this.#next();
    });
  }
}
