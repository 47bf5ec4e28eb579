/**
 * What a submission must be to be let in: checked before anything is written, every fault named.
 *
 * @module
 */

import { isNestedTooDeeply, tooManyLevels } from "../http/mod.ts";
import type { JobTypeRegistry } from "../job_types/mod.ts";
import { type BackoffKind, type JobOptions, namespaceField, type SubmitSpec } from "../jobs/mod.ts";
import { Refusal, type Submission } from "../rpc/mod.ts";
import { isSealed } from "../security/mod.ts";
import { admitOptions, DURATION_MS_MAX, textFault } from "./admission_options.ts";

/** What a submission that does not say gets, and how much it may ask. */
export interface AdmissionRules {
  readonly payloadBytesMax: number;
  readonly maxRetriesDefault: number;
  readonly timeoutMsDefault: number;
  readonly retryDelayMsDefault: number;
  /** For single types, before the above. */
  readonly ofTypes?: ReadonlyMap<string, TypeDefaults>;
}

/** What jobs of one type get; absent: as for every other type. */
export interface TypeDefaults {
  readonly maxRetries?: number;
  readonly timeoutMs?: number;
  readonly retryDelayMs?: number;
  readonly retryDelayMaxMs?: number;
  readonly backoff?: BackoffKind;
}

/** Who submits a job, into which namespace, and where in which trace. */
export interface SubmittedBy {
  readonly submittedBy: string;
  readonly namespace: string;
  readonly traceparent?: string;
}

const TYPE_PATTERN = /^[A-Za-z0-9_][A-Za-z0-9_.:\/-]{0,127}$/;
const MAX_RETRIES_MAX = 1_000;
/** The end of 9999: no Timestamp goes further. */
const RUN_AT_MS_MAX = 253_402_300_799_999;
const MAP_ENTRIES_MAX = 64;
const SUGGESTIONS_KEPT_MAX = 1_000;

/** Turns a submission into what goes into the log, or refuses it with every reason. */
export class Admission {
  readonly #rules: () => AdmissionRules;
  readonly #registry: JobTypeRegistry;
  /** Of types that nobody offers: as often as not many jobs of one are submitted. */
  readonly #suggestions = new Map<string, string | undefined>();

  constructor(rules: () => AdmissionRules, registry: JobTypeRegistry) {
    this.#rules = rules;
    this.#registry = registry;
  }

  /**
   * @throws Refusal `too_large`, or `invalid` with all faults.
   */
  admit(
    submission: Submission,
    id: string,
    { submittedBy, namespace, traceparent }: SubmittedBy,
    nowMs: number,
  ): SubmitSpec {
    const { payload } = submission;
    const rules = this.#rules();
    if (payload.byteLength > rules.payloadBytesMax) {
      throw new Refusal(
        "too_large",
        `the payload is ${payload.byteLength} bytes; jobs.payload_bytes_max allows ` +
          `${rules.payloadBytesMax}. Put large input where the job can fetch it by url`,
      );
    }
    const faults: string[] = [];
    findFaults(submission, faults);
    this.#findPayloadFault(submission, faults);
    const ofType = rules.ofTypes?.get(submission.type) ?? {};
    const options = withTypeDefaults(admitOptions(submission.options, faults), ofType);
    const { delayMs = 0, runAtMs = 0, idempotencyKey, labels, requiredTags } = submission;
    const notBeforeMs = Math.max(delayMs > 0 ? nowMs + delayMs : 0, runAtMs);
    const expireAfterMs = options?.expireAfterMs ?? 0;
    if (expireAfterMs > 0 && notBeforeMs - nowMs >= expireAfterMs) {
      faults.push(
        `it is not to run for ${
          Math.ceil(notBeforeMs - nowMs)
        } ms, and expires ${expireAfterMs} ms from ` +
          "now, so that it would never run: let expire_after be longer than delay or run_at",
      );
    }
    if (faults.length > 0) throw new Refusal("invalid", faults.join("; "));
    const spec: { -readonly [Name in keyof SubmitSpec]: SubmitSpec[Name] } = {
      id,
      type: submission.type,
      payload,
      priority: submission.priority,
      maxRetries: submission.maxRetries ?? ofType.maxRetries ?? rules.maxRetriesDefault,
      timeoutMs: submission.timeoutMs ?? ofType.timeoutMs ?? rules.timeoutMsDefault,
      retryDelayMs: submission.retryDelayMs ?? ofType.retryDelayMs ??
        rules.retryDelayMsDefault,
      submittedBy,
      ...namespaceField(namespace),
    };
    // Set one by one: a spread for each field costs more than all else that is done here.
    if (notBeforeMs > nowMs) spec.notBeforeMs = notBeforeMs;
    if (idempotencyKey !== undefined) spec.idempotencyKey = idempotencyKey;
    if (labels !== undefined && !isEmpty(labels)) spec.labels = labels;
    if (requiredTags !== undefined && !isEmpty(requiredTags)) spec.requiredTags = requiredTags;
    if (options !== undefined) spec.options = options;
    if (traceparent !== undefined) spec.traceparent = traceparent;
    return spec;
  }

  /** A name close to one that we know, for a type that nobody offers. */
  suggest(type: string): string | undefined {
    if (this.#registry.get(type) !== undefined) return undefined;
    if (this.#suggestions.has(type)) return this.#suggestions.get(type);
    if (this.#suggestions.size >= SUGGESTIONS_KEPT_MAX) this.#suggestions.clear();
    const suggestion = this.#registry.suggest(type);
    this.#suggestions.set(type, suggestion);
    return suggestion;
  }

  /** Built-in types are checked here already; custom ones are known to their workers alone. */
  #findPayloadFault({ type, payload }: Submission, faults: string[]): void {
    const known = this.#registry.get(type);
    // Checked by its client before it was encrypted, and by its worker when it is decrypted.
    if (known === undefined || isSealed(payload)) return;
    if (known.ignoresPayload !== true && isNestedTooDeeply(payload)) {
      faults.push(tooManyLevels("the payload"));
      return;
    }
    const parsed = this.#registry.parsePayload(known, payload);
    if (!parsed.ok) faults.push(parsed.message);
  }
}

function withTypeDefaults(
  options: Partial<JobOptions> | undefined,
  { backoff, retryDelayMaxMs }: TypeDefaults,
): Partial<JobOptions> | undefined {
  if (backoff === undefined && retryDelayMaxMs === undefined) return options;
  return {
    ...(backoff !== undefined && { backoff }),
    ...(retryDelayMaxMs !== undefined && { retryDelayMaxMs }),
    ...options,
  };
}

function findFaults(submission: Submission, faults: string[]): void {
  if (submission.type === "") faults.push("type is empty; name a job type");
  else if (!TYPE_PATTERN.test(submission.type)) {
    faults.push(
      `type ${JSON.stringify(submission.type.slice(0, 140))} is not a name: ` +
        "1 to 128 letters, digits and _ . : / -",
    );
  }
  const { maxRetries, timeoutMs, delayMs, retryDelayMs } = submission;
  if (!isWithin(maxRetries, MAX_RETRIES_MAX)) {
    faults.push(rangeFault("max_retries", maxRetries, MAX_RETRIES_MAX));
  }
  if (!isWithin(timeoutMs, DURATION_MS_MAX)) faults.push(durationFault("timeout", timeoutMs));
  if (!isWithin(delayMs, DURATION_MS_MAX)) faults.push(durationFault("delay", delayMs));
  if (!isWithin(retryDelayMs, DURATION_MS_MAX)) {
    faults.push(durationFault("retry_delay", retryDelayMs));
  }
  if (!isWithin(submission.runAtMs, RUN_AT_MS_MAX)) {
    faults.push(
      `run_at is ${submission.runAtMs} ms after 1970; give a time from 1970 to the end of 9999`,
    );
  }
  faults.push(...textFault("idempotency_key", submission.idempotencyKey ?? ""));
  findMapFaults("labels", submission.labels, faults);
  findMapFaults("required_tags", submission.requiredTags, faults);
}

/** Whether it is a number from 0 to `max`, or absent. */
function isWithin(value: number | undefined, max: number): boolean {
  return value === undefined || (value >= 0 && value <= max);
}

function durationFault(field: string, value: number | undefined): string {
  return rangeFault(field, value, DURATION_MS_MAX, " ms");
}

function rangeFault(field: string, value: number | undefined, max: number, unit = ""): string {
  return `${field} is ${value}${unit}; it may be 0 to ${max}${unit}`;
}

function findMapFaults(
  field: string,
  map: Readonly<Record<string, string>> | undefined,
  faults: string[],
): void {
  if (map === undefined || isEmpty(map)) return;
  const entries = Object.entries(map);
  if (entries.length > MAP_ENTRIES_MAX) {
    faults.push(`${field} has ${entries.length} entries; it may have ${MAP_ENTRIES_MAX}`);
    return;
  }
  for (const [key, value] of entries) {
    if (key === "") faults.push(`${field} has an empty key`);
    else faults.push(...textFault(`a key of ${field}`, key));
    faults.push(...textFault(`${field}["${key.slice(0, 40)}"]`, value));
  }
}

function isEmpty(map: Readonly<Record<string, string>>): boolean {
  for (const _ in map) return false;
  return true;
}
