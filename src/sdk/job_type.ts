/**
 * Job types of one's own: a name, what the payload must be, and a function.
 *
 * @module
 */

import { type ParentJob, requireJobTypeName } from "../job_types/light.ts";
import type { JobKind } from "./job_kind.ts";
import { requireReading } from "./payload.ts";
import type { PayloadSchema } from "./payload_schema.ts";

/** What a running attempt may see and do. */
export interface JobContext {
  /** The job's id. */
  readonly jobId: string;
  /** Its type. */
  readonly jobType: string;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /**
   * Aborted when the job is cancelled, has used up its time, was given to another worker, or when this one
   * leaves; the reason is an `Error` that says which. Hand it to whatever takes a signal: an attempt
   * counts as ended from then on, whatever the handler still does.
   */
  readonly signal: AbortSignal;
  /** A directory of this attempt alone, made when it is first asked for, removed when the attempt ends. */
  readonly tempDir: string;
  /** The jobs that this one depends on, in the order in which it names them. */
  readonly parents: readonly ParentJob[];
  /**
   * How one of `parents` ended and what it left: JSON as a value, text as a string, else bytes.
   *
   * @throws {PermanentJobError} for any other job
   */
  parentResult<Value = unknown>(jobId: string): Promise<ParentOutcome<Value>>;
  /** Tells how far the job is, from 0 to 1. May be called often: it is sent ten times a second at most. */
  progress(fraction: number, message?: string): void;
  /** One line of the job's own log, kept with it. */
  log(line: string): void;
}

/** A parent's end. */
export interface ParentOutcome<Value = unknown> {
  /** `completed`, `failed` or `cancelled`. */
  readonly status: string;
  /** What it left; undefined when that is nothing. */
  readonly value: Value | undefined;
  /** The same as bytes. */
  readonly bytes: Uint8Array;
  /** Their media type. */
  readonly contentType: string;
  /** Why it failed; empty when it did not. */
  readonly error: string;
}

/** A job type as it is defined. */
export interface JobTypeDefinition<Input, Payload, Output> {
  /** A letter and up to 63 more letters, digits, `_`, `.` or `-`. */
  readonly name: string;
  /**
   * What the payload must be: a schema of zod, valibot, arktype or the like, or a function that returns
   * the payload or throws. A payload that is refused fails its job for good, with every fault named.
   * Default: any JSON.
   */
  readonly payload?: PayloadSchema<Input, Payload>;
  /** Attempts of this type that run at once on one worker. Default: as many as the worker takes. */
  readonly concurrency?: number;
  /** How the JSON of the payload, and of what parents left, is read: see {@linkcode Reading}. */
  readonly bigints?: boolean;
  /**
   * Does the work. What it returns is the job's result: bytes as they are, anything else as JSON. What it
   * throws fails the attempt, which is retried as the job asks; a `PermanentJobError` is not.
   */
  run(payload: Payload, job: JobContext): Output | Promise<Output>;
}

/** A job type that a worker can offer, and by which a client can submit. */
export interface JobType<Input = unknown, Output = unknown> extends JobKind<Input, Output> {
  /** See {@linkcode JobTypeDefinition}. */
  readonly payload?: PayloadSchema<never, unknown>;
  /** See {@linkcode JobTypeDefinition}. */
  readonly concurrency?: number;
  /** See {@linkcode JobTypeDefinition}. */
  readonly bigints?: boolean;
  /** See {@linkcode JobTypeDefinition}; given what `payload` made of the job's own. */
  run(payload: unknown, job: JobContext): unknown;
}

/**
 * Defines a job type. The types of payload and result follow from the schema and the function, for the
 * worker and for whoever submits by it.
 *
 * ```ts
 * const greet = defineJobType({
 *   name: "greet",
 *   payload: z.object({ name: z.string() }),
 *   run: ({ name }, job) => {
 *     job.log(`greeting ${name}`);
 *     return { greeting: `Hello, ${name}!` };
 *   },
 * });
 * ```
 *
 * @throws {JobTypeNameError} when the name can be none; RangeError for a concurrency below 1; TypeError without a
 * `run`, and for `bigints` on a runtime that cannot read them
 */
export function defineJobType<Input = unknown, Payload = Input, Output = unknown>(
  definition: JobTypeDefinition<Input, Payload, Output>,
): JobType<unknown extends Input ? Payload : Input, Awaited<Output>> {
  const { name, payload, concurrency, bigints } = definition;
  requireJobTypeName(name);
  requireReading({ bigints });
  if (typeof definition.run !== "function") {
    throw new TypeError(
      `the job type "${name}" has no run: give it the function that does its work`,
    );
  }
  if (concurrency !== undefined && !(Number.isInteger(concurrency) && concurrency >= 1)) {
    throw new RangeError(`the concurrency of "${name}" is ${concurrency}; it must be 1 or more`);
  }
  return {
    name,
    ...(payload !== undefined && { payload: payload as PayloadSchema<never, unknown> }),
    ...(concurrency !== undefined && { concurrency }),
    ...(bigints !== undefined && { bigints }),
    // Only its own schema's output is ever given to its own function.
    run: (value, job) => definition.run(value as Payload, job),
  };
}
