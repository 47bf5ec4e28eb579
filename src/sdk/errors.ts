/**
 * What goes wrong between a program and its cluster, as the SDK throws it.
 *
 * @module
 */

import { codeOf, type JobView, Refusal, type RefusalReason } from "../rpc/light.ts";

/** A gRPC status code by name. */
export type ConductorErrorCode =
  | "OK"
  | "CANCELLED"
  | "UNKNOWN"
  | "INVALID_ARGUMENT"
  | "DEADLINE_EXCEEDED"
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  | "PERMISSION_DENIED"
  | "RESOURCE_EXHAUSTED"
  | "FAILED_PRECONDITION"
  | "ABORTED"
  | "OUT_OF_RANGE"
  | "UNIMPLEMENTED"
  | "INTERNAL"
  | "UNAVAILABLE"
  | "DATA_LOSS"
  | "UNAUTHENTICATED";

/** By their numbers. */
const CODE_NAMES: readonly ConductorErrorCode[] = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
];

/** Why a call was refused, in one word; finer than the code. */
export type ConductorErrorReason = RefusalReason;

/**
 * The cluster refused a call, or could not be asked. The message says what was wrong, with which value,
 * and what to do; it is written to be read.
 */
export class ConductorError extends Error {
  /** Its name, by which it is known across copies of this library. */
  override name = "ConductorError";
  /** The gRPC status code by name, such as `NOT_FOUND`. */
  readonly code: ConductorErrorCode;
  /** The same as a number, such as 5. */
  readonly grpcCode: number;
  /** One word, such as `not_found`, `overloaded`, `too_large`, `outcome_unknown`, `unauthenticated`. */
  readonly reason: ConductorErrorReason;
  /** When trying again may help, in ms from now; undefined: the cluster knows of no time when it would. */
  readonly retryAfterMs: number | undefined;
  /**
   * A try of the call was sent and not answered, and may have been carried out: the same submission again
   * is a second job, unless both have one `idempotencyKey`.
   */
  readonly mayBeDone: boolean;

  /** An error of that reason; `retryAfterMs`, `mayBeDone` and `cause` are optional. */
  constructor(
    reason: ConductorErrorReason,
    message: string,
    options: ErrorOptions & {
      readonly retryAfterMs?: number | undefined;
      readonly mayBeDone?: boolean | undefined;
    } = {},
  ) {
    super(message, options);
    this.reason = reason;
    this.grpcCode = codeOf(reason);
    this.code = CODE_NAMES[this.grpcCode] ?? "UNKNOWN";
    this.retryAfterMs = options.retryAfterMs;
    this.mayBeDone = options.mayBeDone ?? reason === "outcome_unknown";
  }

  /** Whether the same call may well succeed later: nobody leads, or there is no room yet. */
  get isTransient(): boolean {
    return this.reason === "unavailable" || this.reason === "not_leader" ||
      (this.reason === "overloaded" && this.retryAfterMs !== undefined);
  }
}

/** A job whose result was asked for did not complete. */
export class JobFailedError extends Error {
  /** Its name. */
  override name = "JobFailedError";
  /** The job as it ended. */
  readonly job: JobView;

  /** The error of a job that is `failed` or `cancelled`. */
  constructor(job: JobView) {
    const why = job.errorMessage === "" ? "" : `: ${job.errorMessage}`;
    super(
      `job ${job.id} (${job.type}) ${job.status === "failed" ? "failed" : "was cancelled"}${why}`,
    );
    this.job = job;
  }

  /** `failed` or `cancelled`. */
  get status(): string {
    return this.job.status;
  }

  /** It failed for good and is in the dead letters, from where `client.retry` brings it back. */
  get isDeadLetter(): boolean {
    return this.job.deadLetter;
  }
}

/** A failure as the SDK throws it: refusals become {@linkcode ConductorError}, others stay. */
export function thrown(failure: unknown): unknown {
  if (!(failure instanceof Refusal)) return failure;
  const { reason, message, retryAfterMs, mayBeDone } = failure;
  return new ConductorError(reason, message, { cause: failure, retryAfterMs, mayBeDone });
}

/** Does it, and throws in the SDK's words. */
export async function told<Answer>(work: Promise<Answer>): Promise<Answer> {
  try {
    return await work;
  } catch (failure) {
    throw thrown(failure);
  }
}

/** The same for what comes one after the other. */
export async function* toldEach<Item>(items: AsyncIterable<Item>): AsyncGenerator<Item> {
  try {
    yield* items;
  } catch (failure) {
    throw thrown(failure);
  }
}
