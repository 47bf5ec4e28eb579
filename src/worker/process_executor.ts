/**
 * Runs each attempt in a process of its own, so that a crash, a runaway loop or memory without end
 * takes only that attempt down. A process that ended its attempt well is kept for the next one, and some
 * are started ahead, so that attempts need not wait for one.
 *
 * @module
 */

import { removeAttempt } from "./attempt_directories.ts";
import type {
  AttemptEnd,
  AttemptListener,
  AttemptTask,
  Executor,
  ExecutorFault,
} from "./attempt.ts";
import { ExecutorChild, type ExecutorChildOptions, ExecutorDeath } from "./executor_child.ts";

/** Told what becomes of executor processes, for metrics. */
export interface ExecutorObserver {
  started(): void;
  /** `worn`: by its attempts; `idle`: not needed; `stopped`: with its attempt, or the worker. */
  ended(why: "worn" | "idle" | "stopped" | ExecutorFault): void;
}

/** A pool of executor processes, all started in the same way. */
export interface ProcessExecutorOptions extends ExecutorChildOptions {
  /** Processes kept ready before anybody needs them. */
  readonly spares: number;
  /** Types for which the spares make ready. */
  readonly prepares: readonly string[];
  /** Idle processes kept for a while after they were needed. */
  readonly idleMax: () => number;
  /** Attempts after which a process is replaced, so that leaks in foreign code stay small. */
  readonly attemptsMax: number;
  readonly observer?: ExecutorObserver;
}

/** Processes beyond the spares that nobody needed for this long are ended, in ms. */
const IDLE_MS_MAX = 60_000;

export class ProcessExecutor implements Executor {
  readonly #options: ProcessExecutorOptions;
  /** Most recently used last. */
  readonly #idle: { readonly child: ExecutorChild; readonly sinceMs: number }[] = [];
  readonly #all = new Set<ExecutorChild>();
  readonly #reaper: ReturnType<typeof setInterval>;
  #isClosed = false;

  constructor(options: ProcessExecutorOptions) {
    this.#options = options;
    this.#reaper = setInterval(() => this.#endIdle(), IDLE_MS_MAX / 4);
    Deno.unrefTimer(this.#reaper);
  }

  /** Processes, idle ones too. */
  get processes(): number {
    return this.#all.size;
  }

  /** Starts the spares. */
  warm(): void {
    while (!this.#isClosed && this.#idle.length < this.#options.spares) {
      const child = this.#start();
      child.prepare(this.#options.prepares);
      this.#idle.unshift({ child, sinceMs: performance.now() });
    }
  }

  async run(
    task: AttemptTask,
    listener: AttemptListener,
    signal: AbortSignal,
  ): Promise<AttemptEnd> {
    let child: ExecutorChild;
    try {
      if (this.#isClosed) throw new Error("the worker is shutting down");
      child = this.#takeIdle() ?? this.#start();
    } catch (failure) {
      const error = `an executor process could not be started: ${(failure as Error).message}`;
      return { ok: false, error, permanent: false, fault: "not_started" };
    }
    try {
      const end = await child.run(task, listener, signal);
      await this.#giveBack(child, listener, signal);
      return signal.aborted ? endOfAborted(signal) : end;
    } catch (failure) {
      const fault = failure instanceof ExecutorDeath ? failure.fault : "not_started";
      this.#end(child, signal.aborted ? "stopped" : fault);
      await child.ended;
      if (signal.aborted) return endOfAborted(signal);
      return { ok: false, error: (failure as Error).message, permanent: false, fault };
    } finally {
      // A directory that stays behind changes nothing about how the attempt ended.
      await removeAttempt(task.tempDir).catch((failure) =>
        listener.log(`cannot remove ${task.tempDir}: ${String(failure)}`)
      );
      this.warm();
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#reaper);
    for (const child of this.#all) child.kill();
    await Promise.all([...this.#all].map((child) => child.ended));
  }

  #takeIdle(): ExecutorChild | undefined {
    for (;;) {
      const child = this.#idle.pop()?.child;
      if (child?.isHaunted !== true) return child;
      this.#end(child, "worn");
    }
  }

  #start(): ExecutorChild {
    const child = new ExecutorChild(this.#options);
    this.#options.observer?.started();
    this.#all.add(child);
    child.ended.then(() => {
      this.#all.delete(child);
      const position = this.#idle.findIndex((each) => each.child === child);
      if (position < 0) return;
      this.#idle.splice(position, 1);
      this.#options.observer?.ended("crashed");
    });
    return child;
  }

  async #giveBack(
    child: ExecutorChild,
    listener: AttemptListener,
    signal: AbortSignal,
  ): Promise<void> {
    const leftovers = child.leftovers();
    if (leftovers > 0) listener.log(`it left ${leftovers} processes, which were ended`);
    if (this.#isClosed || signal.aborted || leftovers > 0) {
      this.#end(child, "stopped");
      // Nothing may write into the attempt's directory while that is removed.
      await child.ended;
    } else if (
      child.attempts >= this.#options.attemptsMax || child.isHaunted || child.isBloated()
    ) {
      this.#end(child, "worn");
    } else if (this.#idle.length >= this.#options.idleMax()) this.#end(child, "idle");
    else this.#idle.push({ child, sinceMs: performance.now() });
  }

  #end(child: ExecutorChild, why: Parameters<ExecutorObserver["ended"]>[0]): void {
    child.kill();
    this.#options.observer?.ended(why);
  }

  #endIdle(): void {
    const longAgoMs = performance.now() - IDLE_MS_MAX;
    while (this.#idle.length > this.#options.spares && this.#idle[0]!.sinceMs < longAgoMs) {
      this.#end(this.#idle.shift()!.child, "idle");
    }
  }
}

function endOfAborted(signal: AbortSignal): AttemptEnd {
  const reason: unknown = signal.reason;
  return {
    ok: false,
    error: reason instanceof Error ? reason.message : String(reason),
    permanent: false,
  };
}
