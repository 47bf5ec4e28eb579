/**
 * What a job type is, to the worker that runs it: a name, a payload schema, and a function from a
 * validated payload to a result. Everything the function may touch of the outside world arrives in
 * its {@linkcode JobContext}, so that one place decides what a job can reach.
 *
 * @module
 */

import type { ZodType } from "zod";

/** The one road from a job to the network; see `guarded_fetch.ts`. */
export type GuardedFetch = (url: string | URL, options?: GuardedFetchOptions) => Promise<
  GuardedResponse
>;

/** What a job asks of one fetch. All bounds fall back to the worker's own limits. */
export interface GuardedFetchOptions {
  /** Default `GET`. */
  readonly method?: "GET" | "HEAD" | "PUT" | "POST" | "PATCH" | "DELETE";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /**
   * Redirects followed by hand, each target checked like the first. Default 10; with 0 the redirect
   * itself is the answer.
   */
  readonly redirectsMax?: number;
  /** Time allowed until the whole body has been read, in ms. */
  readonly timeoutMs?: number;
  /** Time for one connection with its TLS handshake, in ms. */
  readonly connectTimeoutMs?: number;
  /** Time from when a request has been sent until its answer begins, in ms. Default: no such limit. */
  readonly firstByteTimeoutMs?: number;
  /** Bytes of decoded body after which reading fails with `InputTooLargeError`. */
  readonly bodyBytesMax?: number;
  /** Asked before every request, redirects included, and told what every answer sets. */
  readonly cookies?: CookieStore;
  readonly signal?: AbortSignal;
}

/** Cookies that are kept from one request to the next. */
export interface CookieStore {
  /** The value of the `cookie` header for a request to `url`; empty: none. */
  headerFor(url: URL): string;
  /** Keeps what the `set-cookie` headers of an answer from `url` say. */
  keep(url: URL, setCookies: readonly string[]): void;
}

/** An answer whose body is decoded (gzip, deflate, brotli, zstd) and bounded while it streams. */
export interface GuardedResponse {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** The URL that answered, after redirects. */
  readonly url: string;
  /** How many of them were followed. */
  readonly redirects: number;
  readonly body: ReadableStream<Uint8Array>;
  /** Reads the whole body into memory, within `bodyBytesMax`. */
  bytes(): Promise<Uint8Array>;
}

/** Bounds that hold for every job of a worker. */
export interface JobLimits {
  /** Result returned inline, in bytes of its encoded form. */
  readonly resultBytesMax: number;
  /** Input held in memory at once (an image, a page), in bytes. Streams may be longer. */
  readonly inputBytesMax: number;
  /** Longest input that a job may stream through, in bytes. */
  readonly streamBytesMax: number;
  /** Pixels of an image, from its header, before it is decoded. */
  readonly pixelsMax: number;
}

/** Files of the worker's host that jobs may name, as absolute directories; empty: none. */
export interface FileAccess {
  readonly readRoots: readonly string[];
  readonly writeRoots: readonly string[];
}

/** A job that a running one depends on. */
export interface ParentJob {
  readonly jobId: string;
  /** As it ended: `completed`, `failed` or `cancelled`. */
  readonly status: string;
}

/** What a parent left. */
export interface ParentResult {
  readonly status: string;
  /** Empty when it left none. */
  readonly output: Uint8Array;
  /** Media type of `output`. */
  readonly contentType: string;
  /** Why it failed; empty when it did not. */
  readonly error: string;
}

/** What a part of a job says of itself in its trace: few values, and short. */
export type SpanValues = Readonly<Record<string, string | number | boolean>>;

/** What a running attempt may see and do. */
export interface JobContext {
  readonly jobId: string;
  readonly jobType: string;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /**
   * Aborted on cancellation, timeout and drain; its `reason` is an `Error` that says which. A type that
   * runs in a process of its own has `worker.kill_grace` from then on to put away what it began; what
   * still runs after that is ended with all that it started. Whatever it returns is not kept.
   */
  readonly signal: AbortSignal;
  readonly limits: JobLimits;
  readonly files: FileAccess;
  readonly fetch: GuardedFetch;
  /** What `fetch` calls itself, and answers to in robots.txt; absent: `Conductor`. */
  readonly userAgent?: string;
  /** A directory of this attempt alone, removed when it ends. */
  readonly tempDir: string;
  /** The jobs that this one depends on, in the order in which it names them. */
  readonly parents: readonly ParentJob[];
  /**
   * What one of `parents` left, asked of the master when it is first wanted.
   *
   * @throws {PermanentJobError} for any other job; another error if the master cannot be asked, or
   * has taken the attempt away
   */
  parentResult(jobId: string): Promise<ParentResult>;
  /** Reports how far the job is: `fraction` from 0 to 1. May be called often; the worker thins it. */
  progress(fraction: number, message?: string): void;
  /** One line of the job's own output, kept with the job within bounds. */
  log(line: string): void;
  /**
   * Runs `work` as a part of the job that its trace shows by `name`, with how long it took and whether
   * it failed; parts may have parts. Where the job is not traced, it is a call of `work`. A fetch is a
   * part by itself.
   */
  span<Result>(name: string, work: () => Result, values?: SpanValues): Result;
}

/**
 * Where the type runs. `inline`: in the worker's own event loop, for work that only waits.
 * `process`: in an executor process of its own, which is told and then ended on timeout or cancellation,
 * for work that computes, decodes foreign bytes or starts programs.
 */
export type Isolation = "inline" | "process";

/** A bound that jobs of a type meet, for people: `conductor job-types show`. */
export interface TypeLimit {
  /** What is bounded, in a word or two: `pages of a crawl`. */
  readonly name: string;
  /** The bound as text with its unit, where it is always the same. */
  readonly value?: string;
  /** The worker's configuration key that sets the bound, where one does. */
  readonly key?: string;
  /** What happens beyond it, or what it is for. One sentence. */
  readonly meaning: string;
}

/** A payload to copy from. */
export interface TypeExample {
  /** What it does, in half a sentence. */
  readonly title: string;
  readonly payload: unknown;
}

/** A kind of job. `Payload` is what its schema yields. */
export interface JobType<Payload = unknown> {
  readonly name: string;
  /** One sentence for `conductor job-types` and the docs. */
  readonly summary: string;
  readonly isolation: Isolation;
  /**
   * Names every fault of a payload at once, before any work. What its fields mean is said by
   * `.describe()`, and shown by `conductor job-types show`.
   */
  readonly payloadSchema: ZodType<Payload>;
  /**
   * What a job hands back, described like the payload. It documents: results are not held against it
   * when jobs run. Every built-in type has one.
   */
  readonly resultSchema?: ZodType;
  /** The bounds that jobs of the type meet. */
  readonly limits?: readonly TypeLimit[];
  /**
   * What a payload that is empty or no JSON stands for; `undefined`, or no such function: it is
   * refused. The original's client sends `test data` when it is told nothing.
   */
  readonly payloadOfText?: (text: string) => unknown;
  /**
   * Members of payloads, by name, in which numbers that a `number` cannot hold keep their digits: they are
   * objects that `JSON.stringify` writes as they came. For JSON that is handed on.
   */
  readonly exactNumbersIn?: string;
  /** Whatever bytes its jobs bring are taken, and nobody reads them. */
  readonly ignoresPayload?: boolean;
  /** A payload that works as it stands, for help and documentation. */
  readonly example: unknown;
  /** More of them, each for another use. */
  readonly examples?: readonly TypeExample[];
  /**
   * Does ahead what takes long the first time, in processes that are kept ready: loading a library,
   * compiling WebAssembly. May be running still, or have failed, when `run` is called.
   */
  readonly prepare?: (limits: JobLimits) => Promise<void>;
  /** Returns what becomes the result: bytes as they are, anything else as JSON. */
  run(payload: Payload, context: JobContext): Promise<unknown>;
}

/** Keeps the payload's type while the registry forgets it. */
export function defineJobType<Payload>(type: JobType<Payload>): JobType<Payload> {
  return type;
}

/** A failure that will be the same next time: the job fails at once, whatever retries are left. */
export class PermanentJobError extends Error {
  override name = "PermanentJobError";
}

/** A result is longer than a job may hand back. Permanent: it will not shrink. */
export class ResultTooLargeError extends PermanentJobError {
  override name = "ResultTooLargeError";
}

/** An input (or a decoded body) is longer than its bound. Permanent: it will not shrink. */
export class InputTooLargeError extends PermanentJobError {
  override name = "InputTooLargeError";
}

/** The network guard refused an address; see `guarded_fetch.ts`. Permanent. */
export class AddressRefusedError extends PermanentJobError {
  override name = "AddressRefusedError";
}
