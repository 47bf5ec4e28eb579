/**
 * What a submission must be to be let in: checked before anything is written, every fault named.
 *
 * @module
 */

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

const TYPE_PATTERN = /^[A-Za-z0-9_][A-Za-z0-9_.:\/-]{0,127}$/;
const MAX_RETRIES_MAX = 1_000;
const MAP_ENTRIES_MAX = 64;
const SUGGESTIONS_KEPT_MAX = 1_000;

/** Turns a submission into what goes into the log, or refuses it with every reason. */
export class Admission {
  readonly #rules: AdmissionRules;
  readonly #registry: JobTypeRegistry;
  /** Of types that nobody offers: as often as not many jobs of one are submitted. */
  readonly #suggestions = new Map<string, string | undefined>();

  constructor(rules: AdmissionRules, registry: JobTypeRegistry) {
    this.#rules = rules;
    this.#registry = registry;
  }

  /**
   * @throws Refusal `too_large`, or `invalid` with all faults.
   */
  admit(
    submission: Submission,
    id: string,
    { submittedBy, namespace }: { readonly submittedBy: string; readonly namespace: string },
    nowMs: number,
  ): SubmitSpec {
    const { payload } = submission;
    if (payload.byteLength > this.#rules.payloadBytesMax) {
      throw new Refusal(
        "too_large",
        `the payload is ${payload.byteLength} bytes; jobs.payload_bytes_max allows ` +
          `${this.#rules.payloadBytesMax}. Put large input where the job can fetch it by url`,
      );
    }
    const faults = [...faultsOf(submission), ...this.#payloadFaults(submission)];
    const ofType = this.#rules.ofTypes?.get(submission.type) ?? {};
    const options = withTypeDefaults(admitOptions(submission.options, faults), ofType);
    if (faults.length > 0) throw new Refusal("invalid", faults.join("; "));
    const { delayMs = 0, runAtMs = 0, idempotencyKey } = submission;
    const { labels = {}, requiredTags = {} } = submission;
    const notBeforeMs = Math.max(delayMs > 0 ? nowMs + delayMs : 0, runAtMs);
    return {
      id,
      type: submission.type,
      payload,
      priority: submission.priority,
      maxRetries: submission.maxRetries ?? ofType.maxRetries ?? this.#rules.maxRetriesDefault,
      timeoutMs: submission.timeoutMs ?? ofType.timeoutMs ?? this.#rules.timeoutMsDefault,
      retryDelayMs: submission.retryDelayMs ?? ofType.retryDelayMs ??
        this.#rules.retryDelayMsDefault,
      submittedBy,
      ...namespaceField(namespace),
      ...(notBeforeMs > nowMs ? { notBeforeMs } : {}),
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      ...(isEmpty(labels) ? {} : { labels }),
      ...(isEmpty(requiredTags) ? {} : { requiredTags }),
      ...(options === undefined ? {} : { options }),
    };
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
  #payloadFaults({ type, payload }: Submission): string[] {
    // Checked by its client before it was encrypted, and by its worker when it is decrypted.
    if (isSealed(payload)) return [];
    const known = this.#registry.get(type);
    if (known === undefined) return [];
    const parsed = this.#registry.parsePayload(known, payload);
    return parsed.ok ? [] : [parsed.message];
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

function faultsOf(submission: Submission): string[] {
  const faults: string[] = [];
  if (submission.type === "") faults.push("type is empty; name a job type");
  else if (!TYPE_PATTERN.test(submission.type)) {
    faults.push(
      `type ${JSON.stringify(submission.type.slice(0, 140))} is not a name: ` +
        "1 to 128 letters, digits and _ . : / -",
    );
  }
  faults.push(...rangeFault("max_retries", submission.maxRetries ?? 0, MAX_RETRIES_MAX));
  faults.push(...rangeFault("timeout", submission.timeoutMs ?? 0, DURATION_MS_MAX, " ms"));
  faults.push(...rangeFault("delay", submission.delayMs ?? 0, DURATION_MS_MAX, " ms"));
  faults.push(...rangeFault("retry_delay", submission.retryDelayMs ?? 0, DURATION_MS_MAX, " ms"));
  if (!Number.isFinite(submission.runAtMs ?? 0) || (submission.runAtMs ?? 0) < 0) {
    faults.push(`run_at is ${submission.runAtMs} ms after 1970; give a time`);
  }
  faults.push(...textFault("idempotency_key", submission.idempotencyKey ?? ""));
  faults.push(...mapFaults("labels", submission.labels ?? {}));
  faults.push(...mapFaults("required_tags", submission.requiredTags ?? {}));
  return faults;
}

function rangeFault(field: string, value: number, max: number, unit = ""): string[] {
  if (Number.isFinite(value) && value >= 0 && value <= max) return [];
  return [`${field} is ${value}${unit}; it may be 0 to ${max}${unit}`];
}

function mapFaults(field: string, map: Readonly<Record<string, string>>): string[] {
  const entries = Object.entries(map);
  if (entries.length > MAP_ENTRIES_MAX) {
    return [`${field} has ${entries.length} entries; it may have ${MAP_ENTRIES_MAX}`];
  }
  return entries.flatMap(([key, value]) => [
    ...(key === "" ? [`${field} has an empty key`] : textFault(`a key of ${field}`, key)),
    ...textFault(`${field}["${key.slice(0, 40)}"]`, value),
  ]);
}

function isEmpty(map: Readonly<Record<string, string>>): boolean {
  for (const _ in map) return false;
  return true;
}
