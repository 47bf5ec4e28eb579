/**
 * The options of a submission: what they must be, and what the replicated state makes of them.
 *
 * @module
 */

import {
  BACKOFF_KINDS,
  DEPENDENCY_CONDITIONS,
  DEPENDENCY_FAILURES,
  type JobOptions,
  parseTagRule,
  type TagRule,
  UNIQUE_MODES,
} from "../jobs/mod.ts";
import type { JobOptionsView } from "../rpc/mod.ts";

/** Longest span of time that a submission may name, in ms. */
export const DURATION_MS_MAX = 366 * 24 * 60 * 60 * 1000;
/** Characters of a name, a key, a label. */
export const TEXT_CHARACTERS_MAX = 256;
const DEPENDENCIES_MAX = 1_000;
const TAG_RULES_MAX = 32;
const ERRORS_MAX = 32;
const COUNT_MAX = 1_000_000;
const MEMORY_BYTES_MAX = 2 ** 50;

type Text = Extract<
  keyof JobOptionsView,
  "queue" | "uniqueKey" | "group" | "rateKey" | "batchId"
>;

/**
 * The options as the state takes them, or undefined when none is given; what is wrong with them goes
 * to `faults`. Dependencies are named by job ids here: names within a call are made into ids before.
 */
export function admitOptions(
  view: JobOptionsView | undefined,
  faults: string[],
): Partial<JobOptions> | undefined {
  if (view === undefined) return undefined;
  const options: { -readonly [Name in keyof JobOptions]?: JobOptions[Name] } = {};
  for (const name of ["queue", "uniqueKey", "group", "rateKey", "batchId"] satisfies Text[]) {
    const value = view[name];
    if (value === undefined || value === "") continue;
    faults.push(...textFault(fieldOf(name), value));
    options[name] = value;
  }
  const backoff = oneOf("backoff", view.backoff, BACKOFF_KINDS, faults);
  if (backoff !== undefined) options.backoff = backoff;
  const uniqueMode = oneOf("unique_mode", view.uniqueMode, UNIQUE_MODES, faults);
  if (uniqueMode !== undefined) {
    options.uniqueMode = uniqueMode;
    if (!view.uniqueKey) faults.push("unique_mode needs a unique_key");
  }
  const whenFails = oneOf(
    "when_dependency_fails",
    view.whenDependencyFails,
    DEPENDENCY_FAILURES,
    faults,
  );
  if (whenFails !== undefined) options.whenDependencyFails = whenFails;
  const durations = { retryDelayMaxMs: "retry_delay_max", expireAfterMs: "expire_after" } as const;
  for (const name of ["retryDelayMaxMs", "expireAfterMs"] as const) {
    const value = whole(durations[name], view[name], DURATION_MS_MAX, " ms", faults);
    if (value !== undefined) options[name] = value;
  }
  const cpuMillis = whole("cpu_millis", view.cpuMillis, COUNT_MAX, "", faults);
  if (cpuMillis !== undefined) options.cpuMillis = cpuMillis;
  const memory = whole("memory_bytes", view.memoryBytes, MEMORY_BYTES_MAX, " bytes", faults);
  if (memory !== undefined) options.memoryBytes = memory;
  admitErrors(view, options, faults);
  admitGroup(view, options, faults);
  admitRate(view, options, faults);
  admitDependencies(view, options, faults);
  admitRules(view, options, faults);
  if (view.schedule !== undefined || view.scheduledAtMs !== undefined) {
    faults.push("schedule is not to be submitted; use AddSchedule");
  }
  return Object.keys(options).length === 0 ? undefined : options;
}

type Admitted = { -readonly [Name in keyof JobOptions]?: JobOptions[Name] };

function admitErrors(view: JobOptionsView, options: Admitted, faults: string[]): void {
  const errors = view.nonRetryableErrors ?? [];
  if (errors.length === 0) return;
  if (errors.length > ERRORS_MAX) {
    faults.push(`non_retryable_errors has ${errors.length} texts; it may have ${ERRORS_MAX}`);
  }
  for (const text of errors) {
    if (text === "") {
      faults.push("non_retryable_errors has an empty text, which every error contains");
    }
    faults.push(...textFault("a text of non_retryable_errors", text));
  }
  options.nonRetryableErrors = errors;
}

function admitGroup({ group, groupLimit }: JobOptionsView, options: Admitted, faults: string[]) {
  if (!group) {
    if (groupLimit !== undefined) {
      faults.push(`group_limit is ${groupLimit}, but no group is named`);
    }
    return;
  }
  options.groupLimit = whole("group_limit", groupLimit, COUNT_MAX, "", faults) || 1;
}

function admitRate({ rateKey, rate }: JobOptionsView, options: Admitted, faults: string[]): void {
  if (!rateKey && rate === undefined) return;
  if (!rateKey) faults.push("rate needs a rate_key: what is it that is limited?");
  if (rate === undefined) {
    faults.push(`rate_key ${JSON.stringify(rateKey)} needs a rate, such as 10 per 1000 ms`);
    return;
  }
  const { count, perMs, burst } = rate;
  if (!isWithin(count, 1, COUNT_MAX)) {
    faults.push(`rate.count is ${count}; it may be 1 to ${COUNT_MAX}`);
  }
  if (!isWithin(perMs, 1, DURATION_MS_MAX)) {
    faults.push(`rate.per_ms is ${perMs}; it may be 1 to ${DURATION_MS_MAX}`);
  }
  if (!isWithin(burst, 0, COUNT_MAX)) {
    faults.push(`rate.burst is ${burst}; it may be 0 to ${COUNT_MAX}`);
  }
  options.rate = { count, perMs, burst: burst || count };
}

function admitDependencies(view: JobOptionsView, options: Admitted, faults: string[]): void {
  const dependsOn = view.dependsOn ?? [];
  if (dependsOn.length === 0) return;
  if (dependsOn.length > DEPENDENCIES_MAX) {
    faults.push(`depends_on names ${dependsOn.length} jobs; it may name ${DEPENDENCIES_MAX}`);
  }
  const seen = new Set<string>();
  options.dependencies = dependsOn.flatMap(({ jobId = "", on }) => {
    const condition = oneOf("depends_on.on", on, DEPENDENCY_CONDITIONS, faults);
    if (jobId === "") faults.push("depends_on has an entry without a job_id");
    else if (seen.has(jobId)) faults.push(`depends_on names job ${jobId.slice(0, 80)} twice`);
    seen.add(jobId);
    return condition === undefined ? [] : [{ jobId, on: condition }];
  });
}

function admitRules(view: JobOptionsView, options: Admitted, faults: string[]): void {
  const require = rulesOf("require", view.require ?? [], faults);
  if (require.length > 0) options.tagRules = require;
  const prefer = rulesOf("prefer", view.prefer ?? [], faults);
  if (prefer.length > 0) options.preferredTags = prefer;
}

function rulesOf(field: string, texts: readonly string[], faults: string[]): TagRule[] {
  if (texts.length > TAG_RULES_MAX) {
    faults.push(`${field} has ${texts.length} conditions; it may have ${TAG_RULES_MAX}`);
  }
  return texts.slice(0, TAG_RULES_MAX).flatMap((text) => {
    const tooLong = textFault(`a condition of ${field}`, text);
    if (tooLong.length > 0) {
      faults.push(...tooLong);
      return [];
    }
    const parsed = parseTagRule(text);
    if (!("fault" in parsed)) return [parsed];
    faults.push(`${field} ${JSON.stringify(text)}: ${parsed.fault}`);
    return [];
  });
}

/** `textFault` of a text that is too long. */
export function textFault(field: string, value: string): string[] {
  if (value.length <= TEXT_CHARACTERS_MAX) return [];
  return [`${field} has ${value.length} characters; it may have ${TEXT_CHARACTERS_MAX}`];
}

function oneOf<Value extends string>(
  field: string,
  value: string | undefined,
  values: readonly Value[],
  faults: string[],
): Value | undefined {
  if (value === undefined || value === "") return undefined;
  const known = values.find((each) => each === value);
  if (known === undefined) {
    faults.push(
      `${field} is ${JSON.stringify(value.slice(0, 80))}; give one of ${values.join(", ")}`,
    );
  }
  return known;
}

function whole(
  field: string,
  value: number | undefined,
  max: number,
  unit: string,
  faults: string[],
): number | undefined {
  if (value === undefined || value === 0) return undefined;
  if (isWithin(value, 0, max)) return value;
  faults.push(`${field} is ${value}${unit}; it may be 0 to ${max}${unit}`);
  return undefined;
}

function isWithin(value: number, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= min && value <= max;
}

/** `uniqueKey` as the wire calls it: `unique_key`. */
function fieldOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
