import type { JobView } from "./master_api.ts";

/** Jobs that travel to a worker in one message, in bytes; a larger one travels alone. */
export const ASSIGNED_BYTES_MAX = 1024 * 1024;
/** What a job takes up beside what may be long, about. */
const JOB_BYTES = 2_048;
/** A parent is named twice, by its id: as one, and as what the job depends on. */
const PARENT_BYTES = 128;
/** Of a character, at most. */
const UTF8_BYTES_MAX = 3;

/** How long a job is on its way to a worker, about, and seldom longer. */
export function assignedBytes(
  { payload, labels, requiredTags, options, parents = [] }: JobView,
): number {
  const characters = lengthOf(labels) + lengthOf(requiredTags) + (options === undefined ? 0 : [
    ...options.nonRetryableErrors ?? [],
    ...options.require ?? [],
    ...options.prefer ?? [],
  ].join("").length);
  return JOB_BYTES + (payload?.byteLength ?? 0) + parents.length * PARENT_BYTES +
    characters * UTF8_BYTES_MAX;
}

function lengthOf(map: Readonly<Record<string, string>> | undefined): number {
  let characters = 0;
  for (const name in map) characters += name.length + map[name]!.length;
  return characters;
}
