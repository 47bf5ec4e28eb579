/**
 * How much a worker may say of itself: it is replicated, kept after the worker has gone, and shown in
 * tables.
 *
 * @module
 */

import { Refusal, type WorkerAnnouncement } from "../rpc/mod.ts";
import { TEXT_CHARACTERS_MAX } from "./admission_options.ts";

const JOB_TYPES_MAX = 1_000;
const TAGS_MAX = 256;
const TAG_VALUE_CHARACTERS_MAX = 1_024;

/** @throws Refusal `invalid` with all that is beyond */
export function refuseUnbounded(announcement: WorkerAnnouncement): void {
  const { workerId, incarnation, address, version, jobTypes, tags } = announcement;
  const names = Object.keys(tags);
  const faults = [
    ...tooLong("worker_id", workerId),
    ...tooLong("incarnation", incarnation),
    ...tooLong("address", address),
    ...tooLong("version", version),
    ...tooMany("job_types", jobTypes.length, JOB_TYPES_MAX),
    ...tooMany("tags", names.length, TAGS_MAX),
  ];
  // deno-lint-ignore no-control-regex -- control characters are exactly what is refused here
  if (/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(workerId)) {
    faults.push("worker_id has a control character in it");
  }
  if (faults.length === 0) {
    faults.push(
      ...jobTypes.flatMap((type) => tooLong("a type of job_types", type)),
      ...names.flatMap((name) => tooLong("the name of a tag", name)),
      ...Object.entries(tags).flatMap(([name, value]) =>
        tooLong(`tag ${name.slice(0, 40)}`, value, TAG_VALUE_CHARACTERS_MAX)
      ),
    );
  }
  const [first, second, third] = faults;
  if (first === undefined) return;
  const shown = [first, second, third].filter((each) => each !== undefined).join("; ");
  const more = faults.length > 3 ? `; and ${faults.length - 3} more faults` : "";
  throw new Refusal("invalid", shown + more);
}

function tooLong(what: string, text: string, max = TEXT_CHARACTERS_MAX): string[] {
  return text.length <= max ? [] : [`${what} has ${text.length} characters; it may have ${max}`];
}

function tooMany(what: string, count: number, max: number): string[] {
  return count <= max ? [] : [`${what} has ${count} entries; it may have ${max}`];
}
