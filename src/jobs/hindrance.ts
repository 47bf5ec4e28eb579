/**
 * What keeps a pending job from being assigned to anybody, as of now.
 *
 * @module
 */

import type { Backlog } from "./backlog.ts";
import { groupOf } from "./groups.ts";
import { queueOf, type RateLimit } from "./job_options.ts";
import type { JobRecord } from "./job_record.ts";
import { type Bucket, isLimiting, nextStartMs, tokenUs } from "./rate_buckets.ts";
import type { Gate } from "./settings.ts";

export type HindranceReason =
  | "type_paused"
  | "queue_paused"
  | "type_at_limit"
  | "queue_at_limit"
  | "group_full"
  | "rate_limited";

export interface Hindrance {
  readonly reason: HindranceReason;
  readonly message: string;
  /** When an operator began it. */
  readonly sinceMs?: number;
  /** When it ends by itself; absent: nobody knows. */
  readonly untilMs?: number;
  /** Jobs that hold what it waits for: a few of them. */
  readonly heldBy?: readonly string[];
}

/** Jobs that are named at most. */
const HOLDERS_NAMED_MAX = 5;

/** The first of what {@linkcode hindrancesOf} finds. */
export function hindranceOf(backlog: Backlog, record: JobRecord): Hindrance | undefined {
  // Nearly every job stands under no limit, and is asked about with every assignment.
  if (record.laneKey === "" && backlog.settings.size === 0) return undefined;
  return hindrancesOf(backlog, record)[0];
}

/** All limits that forbid it now, those first that an operator set. */
export function hindrancesOf(backlog: Backlog, record: JobRecord): Hindrance[] {
  const { job } = record;
  const queue = queueOf(job);
  const type = backlog.settings.gate("type", job.type);
  const share = backlog.settings.gate("queue", queue);
  return [
    ...gateHindrances(type, backlog.heldOfType(job.type), backlog.nowMs),
    ...gateHindrances(share, backlog.shares.find(queue)?.held ?? 0, backlog.nowMs),
    ...groupHindrances(backlog, record),
    ...keyHindrances(backlog, record),
  ];
}

function gateHindrances(gate: Gate | undefined, held: number, nowMs: number): Hindrance[] {
  if (gate === undefined) return [];
  const { scope, name, settings, bucket } = gate;
  const found: Hindrance[] = [];
  if (settings.paused) {
    const by = settings.pausedBy === "" ? "" : ` by ${settings.pausedBy}`;
    found.push({
      reason: `${scope}_paused`,
      message: `${scope} "${name}" is paused${by}`,
      sinceMs: settings.pausedAtMs,
    });
  }
  if (settings.runningMax > 0 && held >= settings.runningMax) {
    found.push({
      reason: `${scope}_at_limit`,
      message: `${scope} "${name}" has ${held} jobs running of ${settings.runningMax} at most`,
    });
  }
  return [...found, ...rateHindrances(`${scope} "${name}"`, bucket, settings.rate, nowMs)];
}

function groupHindrances(backlog: Backlog, { job }: JobRecord): Hindrance[] {
  const { group: name, groupLimit } = job.options;
  const group = name === "" || groupLimit === 0 ? undefined : backlog.groups.find(groupOf(job));
  if (group === undefined || group.held.size < groupLimit) return [];
  // In the order of submission, which every replica knows.
  const heldBy = [...group.held].sort((a, b) => a.job.seq - b.job.seq)
    .slice(0, HOLDERS_NAMED_MAX).map(({ job }) => job.id);
  const more = group.held.size > heldBy.length
    ? ` and ${group.held.size - heldBy.length} more`
    : "";
  return [{
    reason: "group_full",
    message: `group "${name}" is full, ${group.held.size}/${groupLimit}: held by ` +
      `${heldBy.join(", ")}${more}`,
    heldBy,
  }];
}

function keyHindrances(backlog: Backlog, { job: { options }, lane }: JobRecord): Hindrance[] {
  return lane?.gates.bucket === undefined
    ? []
    : rateHindrances(`"${options.rateKey}"`, lane.gates.bucket, options.rate, backlog.nowMs);
}

function rateHindrances(
  what: string,
  bucket: Bucket,
  rate: RateLimit | null,
  nowMs: number,
): Hindrance[] {
  if (!isLimiting(rate)) return [];
  const untilMs = nextStartMs(bucket, rate);
  if (untilMs <= nowMs) return [];
  // By its own rate the next token is there when one has come back.
  const isOfAnother = (untilMs - nowMs) * 1000 > tokenUs(rate) + 1000;
  const by = isOfAnother ? " by what started under another rate" : "";
  return [{
    reason: "rate_limited",
    message: `the rate of ${what} is used up${by}: ${rate.count} per ${spanText(rate.perMs)}`,
    untilMs,
  }];
}

/** A span in the largest unit that has it whole, as people write rates. */
function spanText(ms: number): string {
  const units = [["h", 3_600_000], ["min", 60_000], ["s", 1_000]] as const;
  const [unit, unitMs] = units.find(([, each]) => ms % each === 0) ?? ["ms", 1];
  return `${ms / unitMs} ${unit}`;
}
