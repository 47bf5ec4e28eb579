/**
 * One attempt at one job: from its bytes to its end, wherever it runs. The inline executor calls this
 * in the worker's own event loop, the executor process in its own.
 *
 * @module
 */

import { mkdirSync, rmSync } from "node:fs";
import { inspect } from "node:util";
import {
  encodeResult,
  type FetchPolicy,
  type FileAccess,
  type GuardedFetch,
  type JobContext,
  type JobLimits,
  type JobType,
  type ParentJob,
  type ParentResult,
  type ParsedPayload,
  PermanentJobError,
  type SpanValues,
} from "../job_types/light.ts";
import { JOB_LIMITS } from "../jobs/mod.ts";
import { SpanTeller, type ToldSpan } from "./attempt_spans.ts";
import { guardListeners } from "./guarded_signal.ts";

/** An attempt, ready to run. */
export interface AttemptTask {
  readonly jobId: string;
  readonly jobType: string;
  readonly attempt: number;
  readonly payload: Uint8Array;
  /** What the job depends on. */
  readonly parents: readonly ParentJob[];
  /** A directory of this attempt alone; made when the job first asks for it. */
  readonly tempDir: string;
  /** Whether its trace is recorded, and so wants to hear of its parts. */
  readonly traced: boolean;
}

/** What an attempt says, and asks, while it runs. */
export interface AttemptListener {
  parentResult(jobId: string): Promise<ParentResult>;
  progress(fraction: number, message: string): void;
  log(line: string): void;
  /** So many lines came before the next one, of which nothing is kept. */
  skippedLog?(lines: number): void;
  /** A part of it began or ended. */
  span(told: ToldSpan): void;
}

/**
 * What an attempt did to the process that it ran in. `crashed`: that ended by itself; `memory`,
 * `processes` and `disk`: it was ended because the attempt took more than it may; `not_started`: there was no process to run it in.
 */
export type ExecutorFault = "crashed" | "memory" | "processes" | "disk" | "not_started";

/** How an attempt ended. */
export type AttemptEnd =
  | { readonly ok: true; readonly output: Uint8Array; readonly contentType: string }
  | {
    readonly ok: false;
    readonly error: string;
    readonly permanent: boolean;
    readonly fault?: ExecutorFault;
  };

/**
 * When an attempt that was told to stop has ended: at once, whatever its type still does, or when the
 * type's function has returned, so that it can put away what it began.
 */
export type Settling = "at once" | "when it returns";

/** What bounds every attempt of a worker, and what attempts may reach. */
export interface AttemptEnvironment {
  readonly limits: JobLimits;
  readonly files: FileAccess;
  readonly fetchPolicy: FetchPolicy;
}

/** Two implementations: in the worker's own event loop, and in a process of its own. */
export interface Executor {
  /** Never rejects: whatever goes wrong is how the attempt ended. */
  run(task: AttemptTask, listener: AttemptListener, signal: AbortSignal): Promise<AttemptEnd>;
  close(): Promise<void>;
}

/** A type as far as it takes to run it. */
export type RunnableType = Pick<JobType, "name" | "isolation" | "run">;

/** The types that are offered: a `JobTypeRegistry`, or what stands in for one. */
export interface OfferedTypes {
  get(name: string): RunnableType | undefined;
  parsePayload(type: RunnableType, bytes: Uint8Array): ParsedPayload | Promise<ParsedPayload>;
  /** The road to the network that its types are given. */
  fetchUnder(policy: FetchPolicy): GuardedFetch;
}

/** Runs attempts in this event loop: for types that only wait. */
export class InlineExecutor implements Executor {
  readonly #registry: OfferedTypes;
  readonly #environment: AttemptEnvironment;

  constructor(registry: OfferedTypes, environment: AttemptEnvironment) {
    this.#registry = registry;
    this.#environment = environment;
  }

  run(task: AttemptTask, listener: AttemptListener, signal: AbortSignal): Promise<AttemptEnd> {
    return runAttempt(this.#registry, this.#environment, task, listener, signal);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Validates the payload, runs the type, encodes what it returns. Never rejects. */
export async function runAttempt(
  registry: OfferedTypes,
  environment: AttemptEnvironment,
  task: AttemptTask,
  listener: AttemptListener,
  signal: AbortSignal,
  settling: Settling = "at once",
): Promise<AttemptEnd> {
  const type = registry.get(task.jobType);
  if (type === undefined) {
    return failed(`this worker does not offer job type "${task.jobType}"`, true);
  }
  let parsed: ParsedPayload;
  try {
    parsed = await registry.parsePayload(type, task.payload);
  } catch (failure) {
    return endOf(failure);
  }
  if (!parsed.ok) return failed(parsed.message, true);
  const context = new AttemptContext(registry, environment, task, listener, signal);
  try {
    signal.throwIfAborted();
    const running = type.run(parsed.payload, context);
    const value = await (settling === "at once" ? unlessAborted(running, signal) : running);
    const { bytes, contentType, lost } = encodeResult(value, environment.limits.resultBytesMax);
    if (lost !== undefined) context.log(`its result has ${lost}, of which JSON keeps nothing`);
    return { ok: true, output: bytes, contentType };
  } catch (failure) {
    return endOf(failure);
  } finally {
    context.cleanUp();
  }
}

class AttemptContext implements JobContext {
  readonly jobId: string;
  readonly jobType: string;
  readonly attempt: number;
  readonly limits: JobLimits;
  readonly files: FileAccess;
  readonly parents: readonly ParentJob[];
  readonly #signal: AbortSignal;
  #isGuarded = false;
  /** Made with the first question: most jobs depend on none. */
  #parentResults: Map<string, Promise<ParentResult>> | undefined;
  readonly #registry: OfferedTypes;
  readonly #environment: AttemptEnvironment;
  readonly #tempDir: string;
  readonly #listener: AttemptListener;
  readonly #spans: SpanTeller | undefined;
  #hasTempDir = false;
  #fetch: GuardedFetch | undefined;

  constructor(
    registry: OfferedTypes,
    environment: AttemptEnvironment,
    task: AttemptTask,
    listener: AttemptListener,
    signal: AbortSignal,
  ) {
    this.jobId = task.jobId;
    this.jobType = task.jobType;
    this.attempt = task.attempt;
    this.parents = task.parents;
    this.#signal = signal;
    this.limits = environment.limits;
    this.files = environment.files;
    this.#registry = registry;
    this.#environment = environment;
    this.#tempDir = task.tempDir;
    this.#listener = listener;
    this.#spans = task.traced ? new SpanTeller((told) => listener.span(told)) : undefined;
  }

  /** Guarded when first asked for: most jobs never look at it. */
  get signal(): AbortSignal {
    if (!this.#isGuarded) {
      this.#isGuarded = true;
      guardListeners(
        this.#signal,
        (failure) => this.log(`what it does when it is told to stop failed: ${wordsFor(failure)}`),
      );
    }
    return this.#signal;
  }

  /** Made when first asked for: most jobs never fetch. */
  get fetch(): GuardedFetch {
    const fetch = this.#fetch ??= this.#registry.fetchUnder(this.#environment.fetchPolicy);
    return (url, options = {}) => {
      const { method = "GET" } = options;
      return this.span("fetch", () => fetch(url, { signal: this.#signal, ...options }), {
        "http.request.method": method,
        // What may be secret in a URL is its user, and what stands behind its path.
        "url.full": withoutSecrets(url),
      });
    };
  }

  span<Result>(name: string, work: () => Result, values: SpanValues = {}): Result {
    return this.#spans === undefined ? work() : this.#spans.run(name, work, values);
  }

  /** The name that the job's fetches go by. */
  get userAgent(): string {
    return this.#environment.fetchPolicy.userAgent;
  }

  get tempDir(): string {
    if (!this.#hasTempDir) {
      try {
        mkdirSync(this.#tempDir, { recursive: true, mode: 0o700 });
      } catch (cause) {
        throw new Error(`cannot make the attempt's directory ${this.#tempDir}`, { cause });
      }
      this.#hasTempDir = true;
    }
    return this.#tempDir;
  }

  parentResult(jobId: string): Promise<ParentResult> {
    if (!this.parents.some((parent) => parent.jobId === jobId)) {
      const error = new PermanentJobError(`this job does not depend on job ${jobId}`);
      return Promise.reject(error);
    }
    const results = this.#parentResults ??= new Map();
    const known = results.get(jobId);
    if (known !== undefined) return known;
    const asked = this.#listener.parentResult(jobId);
    results.set(jobId, asked);
    // No answer is none to be kept: a job may ask again.
    asked.catch(() => results.delete(jobId));
    return asked;
  }

  progress(fraction: number, message = ""): void {
    const bounded = Number.isFinite(fraction) ? Math.min(1, Math.max(0, fraction)) : 0;
    this.#listener.progress(bounded, shortText(message));
  }

  log(line: string): void {
    this.#listener.log(shortText(line));
  }

  /** A directory that cannot be removed is told of, and changes nothing about how the job ended. */
  cleanUp(): void {
    if (!this.#hasTempDir) return;
    try {
      // A job may have put it away itself.
      rmSync(this.#tempDir, { recursive: true, force: true });
    } catch (failure) {
      this.log(`cannot remove ${this.#tempDir}: ${messageOf(failure)}`);
    }
  }
}

function withoutSecrets(url: string | URL): string {
  const parsed = URL.parse(String(url));
  return parsed === null ? "" : `${parsed.protocol}//${parsed.host}${parsed.pathname}`;
}

/** A job type that ignores its signal must not keep the attempt from ending. */
function unlessAborted<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    let isSettled = false;
    let isListening = false;
    const aborted = () => reject(signal.reason);
    const settled = () => {
      isSettled = true;
      if (isListening) signal.removeEventListener("abort", aborted);
    };
    Promise.resolve(work).then((value) => {
      settled();
      resolve(value);
    }, (failure) => {
      settled();
      reject(failure);
    });
    // What is done already needs no listener, which costs more than all else here.
    queueMicrotask(() => {
      if (isSettled) return;
      if (signal.aborted) return aborted();
      isListening = true;
      signal.addEventListener("abort", aborted, { once: true });
    });
  });
}

function failed(error: string, permanent: boolean): AttemptEnd {
  return { ok: false, error: shortText(error), permanent };
}

/**
 * As much of a text as masters keep. With megabytes of it they would refuse the message that tells it, and
 * with that the worker, again and again.
 */
function shortText(text: unknown): string {
  const whole = String(text);
  const { messageCharactersMax } = JOB_LIMITS;
  return whole.length <= messageCharactersMax
    ? whole
    : `${whole.slice(0, messageCharactersMax - 1)}…`;
}

/** Looking at what a job type threw runs code of its own, which may throw again. */
function endOf(failure: unknown): AttemptEnd {
  try {
    return failed(messageOf(failure), isPermanent(failure));
  } catch {
    return failed(WITHOUT_WORDS, false);
  }
}

function wordsFor(failure: unknown): string {
  try {
    return messageOf(failure);
  } catch {
    return WITHOUT_WORDS;
  }
}

const WITHOUT_WORDS = "it threw what cannot be put into words";

/** By its name too: a module of handlers has no class of ours at hand, or one of a copy of the library. */
function isPermanent(failure: unknown): boolean {
  return failure instanceof PermanentJobError ||
    (failure instanceof Error && failure.name === "PermanentJobError");
}

function messageOf(failure: unknown): string {
  if (!(failure instanceof Error)) {
    return typeof failure === "object" ? inspect(failure, ON_ONE_LINE) : String(failure);
  }
  const message = textOf(failure.message) || textOf(failure.name);
  const cause = failure instanceof AggregateError
    ? failure.errors.map(messageOf).join("; ")
    : failure.cause instanceof Error
    ? textOf(failure.cause.message)
    : "";
  // Who wrapped a failure may have told it already.
  return message.includes(cause) ? message : `${message} (${cause})`;
}

/** Who puts an error together by hand may give it an object for a message. */
function textOf(message: unknown): string {
  return typeof message === "string" ? message : inspect(message, ON_ONE_LINE);
}

/** Of what was thrown and is no error. */
const ON_ONE_LINE = { breakLength: Infinity, depth: 2 };
