/**
 * Who watches which job, and what is known of running jobs beside the replicated state: progress and
 * the latest log lines. All of it lives and dies with the process.
 *
 * @module
 */

import { LOG_BOUNDS, LogTail } from "../jobs/mod.ts";
import type { AttemptProgressView, JobEventView } from "../rpc/mod.ts";

/** What a running attempt has said last. */
export interface LiveProgress {
  readonly token: number;
  fraction: number;
  message: string;
  readonly log: LogTail;
}

/** Characters of all logs that are kept; each of many running jobs may have its part of them. */
const LOG_CHARACTERS_MAX = 64 * 1024 * 1024;
/** Characters that every running job may have, however many there are. */
const LOG_CHARACTERS_MIN = 4 * 1024;
/** Events that wait for a slow watcher; then progress and log lines are dropped, never states. */
const WAITING_EVENTS_MAX = 256;
/** Characters of those, since a worker may put megabytes into one. */
const WAITING_CHARACTERS_MAX = 4 * 1024 * 1024;
/** Of a message of progress; that of an encrypted one of 4,096 is shorter yet. */
const MESSAGE_CHARACTERS_MAX = 32 * 1024;

/** Events for one watcher, in order, at its own pace. */
export class Watcher {
  readonly #queue: JobEventView[] = [];
  #charactersWaiting = 0;
  #wake: () => void = () => {};

  push(event: JobEventView): void {
    const characters = charactersOf(event);
    const isFull = this.#queue.length >= WAITING_EVENTS_MAX ||
      this.#charactersWaiting + characters > WAITING_CHARACTERS_MAX && this.#queue.length > 0;
    if (event.kind !== "state" && isFull) return;
    this.#queue.push(event);
    this.#charactersWaiting += characters;
    this.#wake();
  }

  #shift(): JobEventView | undefined {
    const event = this.#queue.shift();
    if (event !== undefined) this.#charactersWaiting -= charactersOf(event);
    return event;
  }

  /** Resolves to the next event; rejects when `signal` aborts. */
  next(signal: AbortSignal): Promise<JobEventView> {
    const event = this.#shift();
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
        resolve(this.#shift()!);
      };
    });
  }
}

/** Of what is dropped for those who read slowly; states are not. */
function charactersOf(event: JobEventView): number {
  switch (event.kind) {
    case "log":
      return event.lines.reduce((sum, line) => sum + line.length, 0);
    case "progress":
      return event.message.length;
    default:
      return 0;
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
  take(news: AttemptProgressView, attempt: number, atMs: number): void {
    let known = this.progressOf(news.jobId, news.token);
    if (known === undefined) {
      known = { token: news.token, fraction: 0, message: "", log: new LogTail() };
      this.#progress.set(news.jobId, known);
    }
    const { fraction } = news;
    const message = news.message.slice(0, MESSAGE_CHARACTERS_MAX);
    if (fraction !== known.fraction || message !== known.message) {
      known.fraction = fraction;
      known.message = message;
      this.tell(news.jobId, { kind: "progress", atMs, fraction, message });
    }
    const lines = newLines(known.log, news);
    if (lines.length === 0) return;
    const { nextLine: firstLine } = known.log;
    const bounds = { ...LOG_BOUNDS, charactersMax: this.#charactersMax() };
    for (const line of lines) known.log.add(line, bounds);
    this.tell(news.jobId, { kind: "log", atMs, lines, firstLine, attempt });
  }

  #charactersMax(): number {
    const share = Math.floor(LOG_CHARACTERS_MAX / Math.max(1, this.#progress.size));
    return Math.max(LOG_CHARACTERS_MIN, Math.min(share, LOG_BOUNDS.charactersMax));
  }

  /** The job is finished, or its attempt is: what it said is in the replicated state now. */
  forget(jobId: string): void {
    this.#progress.delete(jobId);
  }
}

/** What is new of these lines: some may have been sent before, on another session. */
function newLines(
  log: LogTail,
  { logLines, firstLine }: AttemptProgressView,
): readonly string[] {
  if (firstLine > log.nextLine) log.restartAt(firstLine);
  return logLines.slice(firstLine === 0 ? 0 : log.nextLine - firstLine);
}
