/**
 * What a program may say, by name. In JavaScript nobody else tells that a name is misspelt: what it was to
 * narrow would be about more than was meant, and what it was to ask for would not be asked for.
 *
 * @module
 */

import type { JobFilter } from "../rpc/light.ts";

/** Every name of an interface, held against it by the compiler. */
export type NamesOf<Fields> = Readonly<Record<keyof Fields, true>>;

/** What jobs are chosen by. */
export const FILTER: NamesOf<JobFilter> = {
  status: true,
  isFinished: true,
  type: true,
  namespaces: true,
  deadLetter: true,
  labels: true,
  worker: true,
  queue: true,
  batchId: true,
  parentId: true,
  schedule: true,
  createdFromMs: true,
  createdBeforeMs: true,
};

/** What a call about many jobs may be told. */
export const BULK_OPTIONS: NamesOf<{ signal: unknown; reason: unknown; dryRun: unknown }> = {
  signal: true,
  reason: true,
  dryRun: true,
};

/**
 * Of what is undefined nobody minds the name.
 *
 * @param lack what is wrong with a name that is none of `known`, such as "a job has no option"
 * @param remedy what lists those that there are
 * @throws TypeError
 */
export function requireKnown(
  given: object,
  known: Readonly<Record<string, true>>,
  lack: string,
  remedy: string,
): void {
  const unknown = Object.entries(given)
    .find(([name, value]) => value !== undefined && !Object.hasOwn(known, name))?.[0];
  if (unknown === undefined) return;
  throw new TypeError(`${lack} ${JSON.stringify(unknown)}; ${remedy} lists them`);
}

/** @throws TypeError for a filter that is none, and one that chooses by what there is not */
export function requireFilter(filter: object, more: Readonly<Record<string, true>> = {}): void {
  requireKnown(filter, { ...FILTER, ...more }, "jobs cannot be chosen by", "JobFilter");
}
