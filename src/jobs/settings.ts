/**
 * What operators have said of types and queues: paused, at most so many at once, so many in a time,
 * and of queues their weight. Replicated, and kept among the small records.
 *
 * @module
 */

import type { RateLimit } from "./job_options.ts";
import { WEIGHT_MAX } from "./queue_shares.ts";
import { type Bucket, isLimiting, leftUs, type RateBuckets, tokenUs } from "./rate_buckets.ts";
import type { RecordSet } from "./record_set.ts";
import type { RecordValue } from "./store.ts";
import type { Limit } from "./view.ts";

export const SETTINGS_SCOPES = ["type", "queue"] as const;
export type SettingsScope = (typeof SETTINGS_SCOPES)[number];

/** What holds for a type or a queue. */
export interface Settings {
  /** Nothing of it is assigned; what runs goes on. */
  readonly paused: boolean;
  /** Principal that paused it, and when; "" and 0 when it is not paused. */
  readonly pausedBy: string;
  readonly pausedAtMs: number;
  /** Jobs of it that workers hold at once; 0: any number. */
  readonly runningMax: number;
  readonly rate: RateLimit | null;
  /** Of a queue: its share of the assignments, against that of others. */
  readonly weight: number;
}

/** What is to be changed; what is left out stays. */
export interface SettingsChange {
  readonly paused?: boolean;
  readonly runningMax?: number;
  readonly rate?: RateLimit | null;
  readonly weight?: number;
}

export const DEFAULT_SETTINGS: Settings = Object.freeze({
  paused: false,
  pausedBy: "",
  pausedAtMs: 0,
  runningMax: 0,
  rate: null,
  weight: 1,
});

export const SETTINGS_LIMITS = {
  /** Types and queues that have settings. */
  entriesMax: 10_000,
  nameCharactersMax: 256,
  weightMax: WEIGHT_MAX,
} as const;

const SETTINGS = "settings";

/** A type or a queue that has settings. */
export class Gate {
  readonly scope: SettingsScope;
  readonly name: string;
  settings: Settings;
  readonly bucket: Bucket;

  constructor(scope: SettingsScope, name: string, settings: Settings, bucket: Bucket) {
    this.scope = scope;
    this.name = name;
    this.settings = settings;
    this.bucket = bucket;
  }

  /** What an assignment has to keep, when so many of it are held. */
  limits(held: number, nowMs: number): Limit[] {
    const { paused, runningMax, rate } = this.settings;
    const limits: Limit[] = [];
    if (paused) limits.push({ meter: this, cost: 1, left: -1 });
    if (runningMax > 0) limits.push({ meter: this, cost: 1, left: runningMax - held - 1 });
    if (isLimiting(rate)) {
      limits.push({
        meter: this.bucket,
        cost: tokenUs(rate),
        left: leftUs(this.bucket, rate, nowMs),
      });
    }
    return limits;
  }
}

export class SettingsBook {
  readonly #gates = { type: new Map<string, Gate>(), queue: new Map<string, Gate>() };
  readonly #buckets: RateBuckets;

  constructor(buckets: RateBuckets) {
    this.#buckets = buckets;
  }

  load(records: RecordSet): void {
    for (const { value } of records.ofKind(SETTINGS)) {
      const { scope, name, settings } = value as unknown as StoredSettings;
      this.#put(scope, name, settings);
    }
  }

  get size(): number {
    return this.#gates.type.size + this.#gates.queue.size;
  }

  /** Undefined: nothing has been said of it. */
  gate(scope: SettingsScope, name: string): Gate | undefined {
    return this.#gates[scope].get(name);
  }

  /** Everything that has been said of types and queues. */
  *gates(): Generator<Gate> {
    yield* this.#gates.type.values();
    yield* this.#gates.queue.values();
  }

  of(scope: SettingsScope, name: string): Settings {
    return this.gate(scope, name)?.settings ?? DEFAULT_SETTINGS;
  }

  /** By name. */
  all(scope: SettingsScope): Gate[] {
    return [...this.#gates[scope].values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  change(scope: SettingsScope, name: string, settings: Settings, records: RecordSet): void {
    const key = `${scope}\n${name}`;
    if (isDefault(settings)) {
      const gate = this.#gates[scope].get(name);
      this.#gates[scope].delete(name);
      gate?.bucket.waiters.delete(keepsBucket);
      if (gate !== undefined) this.#buckets.dropIfUnused(gate.bucket);
      records.remove(SETTINGS, key);
      return;
    }
    this.#put(scope, name, settings);
    const stored: StoredSettings = { scope, name, settings };
    records.put(SETTINGS, key, stored as unknown as RecordValue);
  }

  #put(scope: SettingsScope, name: string, settings: Settings): void {
    const gate = this.#gates[scope].get(name);
    if (gate !== undefined) {
      gate.settings = settings;
      return;
    }
    const bucket = this.#buckets.of(bucketKey(scope, name));
    // As long as there are settings, the bucket is theirs even when it is full.
    bucket.waiters.add(keepsBucket);
    this.#gates[scope].set(name, new Gate(scope, name, settings, bucket));
  }
}

interface StoredSettings {
  readonly scope: SettingsScope;
  readonly name: string;
  readonly settings: Settings;
}

function keepsBucket(): void {}

/** Of the bucket of a type or queue. */
export function bucketKey(scope: SettingsScope, name: string): string {
  return `${scope}\n${name}`;
}

/** Whether nothing has been said. */
export function isDefault(settings: Settings): boolean {
  return !settings.paused && settings.runningMax === 0 && settings.rate === null &&
    settings.weight === DEFAULT_SETTINGS.weight;
}
