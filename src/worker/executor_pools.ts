/**
 * One pool of executor processes for each kind of job that needs other permissions, so that no job runs
 * in a process that may do more than its type needs.
 *
 * @module
 */

import type { AttemptEnd, AttemptListener, AttemptTask, Executor } from "./attempt.ts";
import type { ProcessExecutor } from "./process_executor.ts";

/** The pools by name, and which one a job type belongs to. */
export class ExecutorPools implements Executor {
  readonly #pools: ReadonlyMap<string, ProcessExecutor>;
  readonly #poolOf: (jobType: string) => string;

  constructor(
    pools: ReadonlyMap<string, ProcessExecutor>,
    poolOf: (jobType: string) => string,
  ) {
    this.#pools = pools;
    this.#poolOf = poolOf;
  }

  /** Processes of all pools, idle ones too. */
  get processes(): number {
    return [...this.#pools.values()].reduce((sum, pool) => sum + pool.processes, 0);
  }

  /** Starts the spares of all pools. */
  warm(): void {
    for (const pool of this.#pools.values()) pool.warm();
  }

  run(task: AttemptTask, listener: AttemptListener, signal: AbortSignal): Promise<AttemptEnd> {
    const name = this.#poolOf(task.jobType);
    const pool = this.#pools.get(name);
    if (pool !== undefined) return pool.run(task, listener, signal);
    const error = `this worker has no executor processes for ${name}`;
    return Promise.resolve({ ok: false, error, permanent: true });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.close()));
  }
}
