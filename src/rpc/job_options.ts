/**
 * What a job asks for beyond type, payload and budgets, as clients say it, and its way over the wire.
 *
 * @module
 */

import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import type { JobOptions, JobOptionsSchema } from "./gen/scheduler_pb.ts";

/** What a job gets that names no priority, wherever it comes from: as with the original's clients. */
export const PRIORITY_DEFAULT = 5;

/** All of it is optional; what is absent is not asked for. */
export interface JobOptionsView {
  /** Whose share of the workers it takes. */
  readonly queue?: string;
  /** "exponential" or "fixed". */
  readonly backoff?: string;
  readonly retryDelayMaxMs?: number;
  /** An attempt whose error contains one of these texts is not retried. */
  readonly nonRetryableErrors?: readonly string[];
  /** Ms from submission after which it fails, wherever it is. */
  readonly expireAfterMs?: number;
  /** At most one unfinished job of a submitter has this key. */
  readonly uniqueKey?: string;
  /** "reject", "existing" or "replace". */
  readonly uniqueMode?: string;
  readonly group?: string;
  /** Jobs of the group that may run at once. */
  readonly groupLimit?: number;
  readonly rateKey?: string;
  /** Starts per `perMs`; `burst` 0: `count`. */
  readonly rate?: { readonly count: number; readonly perMs: number; readonly burst: number };
  readonly dependsOn?: readonly DependencyView[];
  /** "cancel", "fail" or "wait". */
  readonly whenDependencyFails?: string;
  readonly batchId?: string;
  /** Conditions on a worker's tags, such as `zone=a`, `!gpu`, `version>=1.2`. */
  readonly require?: readonly string[];
  readonly prefer?: readonly string[];
  /** Thousandths of a processor. */
  readonly cpuMillis?: number;
  readonly memoryBytes?: number;
  /** The schedule that made it, and for which of its times, if for one; not to be submitted. */
  readonly schedule?: string;
  readonly scheduledAtMs?: number;
}

/** A job that must have ended first. */
export interface DependencyView {
  /** Its id; or, within one call, its `ref`. */
  readonly jobId?: string;
  readonly ref?: string;
  /** "success", "completion" or "failure". */
  readonly on: string;
}

export function optionsToWire(options: JobOptionsView): MessageInitShape<typeof JobOptionsSchema> {
  const { rate, scheduledAtMs } = options;
  return {
    queue: options.queue ?? "",
    backoff: options.backoff ?? "",
    retryDelayMaxMs: int64(options.retryDelayMaxMs),
    nonRetryableErrors: [...options.nonRetryableErrors ?? []],
    expireAfterMs: int64(options.expireAfterMs),
    uniqueKey: options.uniqueKey ?? "",
    uniqueMode: options.uniqueMode ?? "",
    group: options.group ?? "",
    groupLimit: options.groupLimit ?? 0,
    rateKey: options.rateKey ?? "",
    rate: rate && { count: rate.count, perMs: int64(rate.perMs), burst: rate.burst },
    dependsOn: (options.dependsOn ?? []).map(({ jobId = "", ref = "", on }) => ({
      jobId,
      ref,
      on,
    })),
    whenDependencyFails: options.whenDependencyFails ?? "",
    batchId: options.batchId ?? "",
    require: [...options.require ?? []],
    prefer: [...options.prefer ?? []],
    cpuMillis: options.cpuMillis ?? 0,
    memoryBytes: int64(options.memoryBytes),
    schedule: options.schedule ?? "",
    scheduledAt: scheduledAtMs === undefined ? undefined : timestampFromMs(scheduledAtMs),
  };
}

export function optionsFromWire(message: JobOptions): JobOptionsView {
  const { rate, scheduledAt } = message;
  return {
    ...text("queue", message.queue),
    ...text("backoff", message.backoff),
    ...number("retryDelayMaxMs", message.retryDelayMaxMs),
    ...many("nonRetryableErrors", message.nonRetryableErrors),
    ...number("expireAfterMs", message.expireAfterMs),
    ...text("uniqueKey", message.uniqueKey),
    ...text("uniqueMode", message.uniqueMode),
    ...text("group", message.group),
    ...number("groupLimit", message.groupLimit),
    ...text("rateKey", message.rateKey),
    ...(rate === undefined
      ? {}
      : { rate: { count: rate.count, perMs: Number(rate.perMs), burst: rate.burst } }),
    ...many(
      "dependsOn",
      message.dependsOn.map(({ jobId, ref, on }) => ({
        ...text("jobId", jobId),
        ...text("ref", ref),
        on: on === "" ? "success" : on,
      })),
    ),
    ...text("whenDependencyFails", message.whenDependencyFails),
    ...text("batchId", message.batchId),
    ...many("require", message.require),
    ...many("prefer", message.prefer),
    ...number("cpuMillis", message.cpuMillis),
    ...number("memoryBytes", message.memoryBytes),
    ...text("schedule", message.schedule),
    ...(scheduledAt === undefined ? {} : { scheduledAtMs: timestampMs(scheduledAt) }),
  };
}

function int64(value: number | undefined): bigint {
  return BigInt(Math.round(value ?? 0));
}

function text<Name extends string>(name: Name, value: string): { [Key in Name]?: string } {
  return value === "" ? {} : { [name]: value } as { [Key in Name]?: string };
}

function number<Name extends string>(
  name: Name,
  value: number | bigint,
): { [Key in Name]?: number } {
  return Number(value) === 0 ? {} : { [name]: Number(value) } as { [Key in Name]?: number };
}

function many<Name extends string, Value>(
  name: Name,
  values: readonly Value[],
): { [Key in Name]?: readonly Value[] } {
  return values.length === 0 ? {} : { [name]: values } as { [Key in Name]?: readonly Value[] };
}
