/**
 * Who watches which job, and what is known of running jobs beside the replicated state: progress and
 * the latest log lines. All of it lives and dies with the process.
 *
 * @module
 */

import type { AttemptProgressView, JobEventView } from "../rpc/mod.ts";

/** What a running attempt has said last. */
export interface LiveProgress {
  readonly token: number;
  fraction: number;
  message: string;
  /** The latest lines, oldest first. */
  readonly logTail: string[];
}

const LOG_LINES_KEPT = 200;
/** Events that wait for a slow watcher; then progress and log lines are dropped, never states. */
const WAITING_EVENTS_MAX = 256;

/** Events for one watcher, in order, at its own pace. */
export class Watcher {
  readonly #queue: JobEventView[] = [];
  #wake: () => void = () => {};

  push(event: JobEventView): void {
    if (event.kind !== "state" && this.#queue.length >= WAITING_EVENTS_MAX) return;
    this.#queue.push(event);
    this.#wake();
  }

  /** Resolves to the next event; rejects when `signal` aborts. */
  next(signal: AbortSignal): Promise<JobEventView> {
    const event = this.#queue.shift();
    if (event !== undefined) return Promise.resolve(event);
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const aborted = () => {
        // An event that comes now is for whoever asks next.
        this.#wake = () => {};
        reject(signal.reason);
      };
      signal.addEventListener("abort", aborted, { once: true });
      this.#wake = () => {
        signal.removeEventListener("abort", aborted);
        this.#wake = () => {};
        resolve(this.#queue.shift()!);
      };
    });
  }
}

export class JobWatchers {
  readonly #watchers = new Map<string, Set<Watcher>>();
  readonly #progress = new Map<string, LiveProgress>();

  /** Whether anybody watches the job. */
  has(jobId: string): boolean {
    return this.#watchers.has(jobId);
  }

  add(jobId: string): Watcher {
    const watcher = new Watcher();
    const watchers = this.#watchers.get(jobId) ?? new Set();
    this.#watchers.set(jobId, watchers.add(watcher));
    return watcher;
  }

  remove(jobId: string, watcher: Watcher): void {
    const watchers = this.#watchers.get(jobId);
    watchers?.delete(watcher);
    if (watchers?.size === 0) this.#watchers.delete(jobId);
  }

  tell(jobId: string, event: JobEventView): void {
    for (const watcher of this.#watchers.get(jobId) ?? []) watcher.push(event);
  }

  /** What the running attempt has said last, if anything. */
  progressOf(jobId: string, token: number): LiveProgress | undefined {
    const known = this.#progress.get(jobId);
    return known?.token === token ? known : undefined;
  }

  /** Takes news of a running attempt; the caller has checked its token. */
  take(news: AttemptProgressView, atMs: number): void {
    let known = this.progressOf(news.jobId, news.token);
    if (known === undefined) {
      known = { token: news.token, fraction: 0, message: "", logTail: [] };
      this.#progress.set(news.jobId, known);
    }
    if (news.fraction !== known.fraction || news.message !== known.message) {
      known.fraction = news.fraction;
      known.message = news.message;
      this.tell(news.jobId, {
        kind: "progress",
        atMs,
        fraction: news.fraction,
        message: news.message,
      });
    }
    if (news.logLines.length > 0) {
      known.logTail.push(...news.logLines);
      known.logTail.splice(0, known.logTail.length - LOG_LINES_KEPT);
      this.tell(news.jobId, { kind: "log", atMs, lines: news.logLines });
    }
  }

  /** The job is finished, or its attempt is: what it said is in the replicated state now. */
  forget(jobId: string): void {
    this.#progress.delete(jobId);
  }
}
