import type { Job, StringMap } from "./job.ts";
import { type JobOptions, NO_OPTIONS } from "./job_options.ts";
import { scopedName } from "./namespace.ts";
import { isLimiting } from "./rate_buckets.ts";

/** What tells apart jobs that are not interchangeable to those who place them. */
export interface JobWishes {
  /** Equal for jobs that ask the same of a worker. */
  readonly shapeKey: string;
  /** Equal for jobs under the same group and rate limits; "": none. */
  readonly laneKey: string;
}

type Wishing = Pick<Job, "type" | "namespace" | "requiredTags" | "options">;

export function wishesOf(job: Wishing): JobWishes {
  return { shapeKey: shapeKeyOf(job), laneKey: laneKeyOf(job.options) };
}

function shapeKeyOf({ type, namespace, requiredTags, options }: Wishing): string {
  const key = namedTags(scopedName(namespace, type), requiredTags);
  const { tagRules, preferredTags, cpuMillis, memoryBytes } = options;
  const isPlain = options === NO_OPTIONS ||
    (tagRules.length === 0 && preferredTags.length === 0 && cpuMillis === 0 && memoryBytes === 0);
  if (isPlain) return key;
  const rules = [tagRules, preferredTags].map((list) =>
    list.map(({ tag, op, values }) => [tag, op, values])
  );
  return `${key}\n\n${JSON.stringify([...rules, cpuMillis, memoryBytes])}`;
}

function laneKeyOf({ group, groupLimit, rateKey, rate }: JobOptions): string {
  const isGrouped = group !== "" && groupLimit > 0;
  const isRated = rateKey !== "" && isLimiting(rate);
  if (!isGrouped && !isRated) return "";
  return JSON.stringify([
    ...(isGrouped ? [group, groupLimit] : []),
    isRated ? [rateKey, rate.count, rate.perMs, rate.burst] : null,
  ]);
}

/** A name with tags, equal when they are, in whatever order they are written. */
export function namedTags(type: string, requiredTags: StringMap): string {
  const names = Object.keys(requiredTags);
  if (names.length === 0) return type;
  return `${type}\n${JSON.stringify(names.sort().map((name) => [name, requiredTags[name]]))}`;
}
