/**
 * The options of a job as a flat list of number and value, in log entries as in rows. Numbers are
 * never reused.
 *
 * @module
 */

import {
  BACKOFF_KINDS,
  type Dependency,
  DEPENDENCY_CONDITIONS,
  DEPENDENCY_FAILURES,
  type JobOptions,
  NO_OPTIONS,
  type RateLimit,
  TAG_OPERATORS,
  type TagRule,
  UNIQUE_MODES,
} from "../jobs/mod.ts";
import { list, malformed, number, oneOf, text, texts } from "./command_values.ts";

type OptionName = keyof JobOptions;

interface Option<Name extends OptionName> {
  readonly number: number;
  readonly toWire?: (value: JobOptions[Name]) => unknown;
  readonly read: (wire: unknown) => JobOptions[Name];
}

const options: { readonly [Name in OptionName]: Option<Name> } = {
  queue: { number: 1, read: text },
  backoff: { number: 2, read: oneOf(...BACKOFF_KINDS) },
  retryDelayMaxMs: { number: 3, read: number },
  nonRetryableErrors: { number: 4, read: texts },
  expireAfterMs: { number: 5, read: number },
  uniqueKey: { number: 6, read: text },
  uniqueMode: { number: 7, read: oneOf(...UNIQUE_MODES) },
  group: { number: 8, read: text },
  groupLimit: { number: 9, read: number },
  rateKey: { number: 10, read: text },
  rate: { number: 11, toWire: rateToWire, read: rateFromWire },
  dependencies: {
    number: 12,
    toWire: (parents) => parents.flatMap(({ jobId, on }) => [jobId, on]),
    read: dependenciesFromWire,
  },
  whenDependencyFails: { number: 13, read: oneOf(...DEPENDENCY_FAILURES) },
  batchId: { number: 14, read: text },
  schedule: { number: 15, read: text },
  scheduledAtMs: { number: 16, read: number },
  tagRules: { number: 17, toWire: rulesToWire, read: rulesFromWire },
  preferredTags: { number: 18, toWire: rulesToWire, read: rulesFromWire },
  cpuMillis: { number: 19, read: number },
  memoryBytes: { number: 20, read: number },
};

const names = Object.keys(options) as OptionName[];
const byNumber = new Map(names.map((name) => [options[name].number, name]));

export function optionsToWire(given: Partial<JobOptions>): unknown[] {
  const wire: unknown[] = [];
  for (const name of names) put(wire, name, given[name]);
  return wire;
}

/** What is not as in `NO_OPTIONS`. */
export function withoutDefaults(options: JobOptions): Partial<JobOptions> {
  return Object.fromEntries(
    Object.entries(options).filter(([name, value]) => {
      const isEmptyList = Array.isArray(value) && value.length === 0;
      return !isEmptyList && value !== NO_OPTIONS[name as OptionName];
    }),
  );
}

function put<Name extends OptionName>(
  wire: unknown[],
  name: Name,
  value: JobOptions[Name] | undefined,
): void {
  if (value === undefined) return;
  const option: Option<Name> = options[name];
  wire.push(option.number, option.toWire === undefined ? value : option.toWire(value));
}

/** @throws {CommandFormatError} */
export function optionsFromWire(value: unknown): Partial<JobOptions> {
  const wire = list(value);
  const read: Partial<JobOptions> = {};
  for (let at = 0; at < wire.length; at += 2) {
    const name = byNumber.get(number(wire[at]));
    if (name === undefined) {
      throw malformed(`a job has an option ${String(wire[at])}, which is not known`);
    }
    Object.assign(read, { [name]: options[name].read(wire[at + 1]) });
  }
  return read;
}

export function rateToWire(rate: RateLimit | null): unknown {
  return rate && [rate.count, rate.perMs, rate.burst];
}

export function rateFromWire(value: unknown): RateLimit | null {
  if (value === null) return null;
  const wire = list(value);
  return { count: number(wire[0]), perMs: number(wire[1]), burst: number(wire[2]) };
}

const condition = oneOf(...DEPENDENCY_CONDITIONS);
const operator = oneOf(...TAG_OPERATORS);

function dependenciesFromWire(value: unknown): Dependency[] {
  const wire = list(value);
  const parents: Dependency[] = [];
  for (let at = 0; at < wire.length; at += 2) {
    parents.push({ jobId: text(wire[at]), on: condition(wire[at + 1]) });
  }
  return parents;
}

function rulesToWire(rules: readonly TagRule[]): unknown {
  return rules.map(({ tag, op, values }) => [tag, op, values]);
}

function rulesFromWire(value: unknown): TagRule[] {
  return list(value).map((each) => {
    const wire = list(each);
    return { tag: text(wire[0]), op: operator(wire[1]), values: texts(wire[2]) };
  });
}
