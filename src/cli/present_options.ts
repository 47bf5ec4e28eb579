/**
 * What a job asked for beyond the usual, as people and scripts want to read it.
 *
 * @module
 */

import { formatBytes, formatDuration } from "../config/mod.ts";
import type { DependencyView, JobOptionsView, JobView } from "../rpc/mod.ts";
import { printable } from "./terminal.ts";

/** The options with the names of the wire, only those that are set. */
export function optionsJson(options: JobOptionsView): Record<string, unknown> {
  const { rate, dependsOn, scheduledAtMs } = options;
  const all: Record<string, unknown> = {
    queue: options.queue,
    backoff: options.backoff,
    retry_delay_max_ms: options.retryDelayMaxMs,
    non_retryable_errors: options.nonRetryableErrors,
    expire_after_ms: options.expireAfterMs,
    unique_key: options.uniqueKey,
    unique_mode: options.uniqueMode,
    group: options.group,
    group_limit: options.groupLimit,
    rate_key: options.rateKey,
    rate: rate && { count: rate.count, per_ms: rate.perMs, burst: rate.burst },
    depends_on: dependsOn?.map(({ jobId, on }) => ({ job_id: jobId, on })),
    when_dependency_fails: options.whenDependencyFails,
    batch_id: options.batchId,
    require: options.require,
    prefer: options.prefer,
    cpu_millis: options.cpuMillis,
    memory_bytes: options.memoryBytes,
    schedule: options.schedule,
    scheduled_at: scheduledAtMs === undefined ? undefined : new Date(scheduledAtMs).toISOString(),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** Names and values for a person; a job that asks for nothing special has none. */
export function optionPairs(
  { options = {}, requiredTags = {} }: Pick<JobView, "options" | "requiredTags">,
): [string, string][] {
  const tags = Object.entries(requiredTags).map(([name, value]) => `${name}=${value}`);
  const pairs: [string, string | undefined][] = [
    ["Backoff", backoffText(options)],
    ["Not retried", options.nonRetryableErrors?.map((text) => JSON.stringify(text)).join(", ")],
    ["Unique key", options.uniqueKey && `${options.uniqueKey} (${options.uniqueMode ?? "reject"})`],
    ["Group", options.group && `${options.group}, at most ${options.groupLimit ?? 1} at once`],
    ["Rate", rateText(options)],
    ["After", options.dependsOn?.map(dependencyText).join(", ")],
    ["If that fails", options.dependsOn && options.whenDependencyFails],
    ["Batch", options.batchId],
    ["Requires", [...tags, ...options.require ?? []].join(", ")],
    ["Prefers", options.prefer?.join(", ")],
    ["Takes up", resourceText(options)],
    ["Schedule", options.schedule],
  ];
  return pairs.flatMap(([name, value]) => value ? [[name, printable(value)]] : []);
}

function backoffText({ backoff, retryDelayMaxMs }: JobOptionsView): string | undefined {
  const most = retryDelayMaxMs === undefined ? "" : `, at most ${formatDuration(retryDelayMaxMs)}`;
  const kind = backoff === "exponential" && most === "" ? undefined : backoff;
  return kind === undefined && most === "" ? undefined : `${kind ?? "exponential"}${most}`;
}

function rateText({ rateKey, rate }: JobOptionsView): string | undefined {
  if (rateKey === undefined || rate === undefined) return undefined;
  const burst = rate.burst > 0 && rate.burst !== rate.count ? `, bursts of ${rate.burst}` : "";
  return `${rateKey}, ${rate.count} per ${formatDuration(rate.perMs)}${burst}`;
}

function dependencyText({ jobId = "", on }: DependencyView): string {
  return `${jobId} (${on})`;
}

function resourceText({ cpuMillis, memoryBytes }: JobOptionsView): string | undefined {
  const parts = [
    ...(cpuMillis === undefined ? [] : [`${cpuMillis / 1000} cpu`]),
    ...(memoryBytes === undefined ? [] : [formatBytes(memoryBytes)]),
  ];
  return parts.length === 0 ? undefined : parts.join(", ");
}
