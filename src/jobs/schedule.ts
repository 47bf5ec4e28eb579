/**
 * Schedules: what makes a job again and again. When one is due is computed by the leader, which knows
 * a calendar, and stamped into the Commands; what becomes of a time that has come is decided here, on
 * every replica alike. Times are ms since the epoch; 0: none.
 *
 * @module
 */

import type { SubmitSpec } from "./command.ts";

/** When a schedule is due. `startAtMs` and `endAtMs` are the first and the last time that count. */
export type ScheduleTiming =
  & {
    readonly startAtMs: number;
    readonly endAtMs: number;
  }
  & (
    /** Five fields, or six with seconds in front, in an IANA time zone. */
    | { readonly kind: "cron"; readonly expression: string; readonly timeZone: string }
    /** At `anchorMs` plus each multiple of `everyMs`. */
    | { readonly kind: "every"; readonly everyMs: number; readonly anchorMs: number }
    | { readonly kind: "at"; readonly atMs: number }
  );

/** What becomes of a run that is due while an earlier one is not finished. */
export const OVERLAP_POLICIES = ["skip", "allow", "queue", "replace"] as const;
/**
 * `skip` the new run; `allow` both; `queue` the new one behind the earlier; `replace` the earlier,
 * which is cancelled, by the new one.
 */
export type OverlapPolicy = (typeof OVERLAP_POLICIES)[number];

/** Which of the times that passed while nobody could act on them are made up for. */
export const CATCH_UP_POLICIES = ["last", "none", "all"] as const;
/**
 * `last`: the latest; `none`: the latest, if it is no older than the schedule's `graceMs`; `all`: the
 * latest `catchUpMax`.
 */
export type CatchUpPolicy = (typeof CATCH_UP_POLICIES)[number];

/** What whoever makes a schedule decides. */
export interface ScheduleSpec {
  /** One of its namespace has it. */
  readonly name: string;
  /** Left out: the default one. Its jobs are in the same. */
  readonly namespace?: string;
  readonly timing: ScheduleTiming;
  /** What each run is; the id is empty, and that of each run its own. */
  readonly template: SubmitSpec;
  readonly overlap: OverlapPolicy;
  readonly catchUp: CatchUpPolicy;
  readonly catchUpMax: number;
  /** How late a run may be and not count as missed. */
  readonly graceMs: number;
  /** Principal that made it, or replaced it last; its jobs are submitted in this name. */
  readonly createdBy: string;
}

/** A schedule as it is. */
export interface Schedule extends ScheduleSpec {
  /** Log index of the Command that defined it as it is: what was computed for another is refused. */
  readonly revision: number;
  readonly createdAtMs: number;
  readonly paused: boolean;
  /** The next time that it is due; 0: never again. */
  readonly nextAtMs: number;
  /** The latest time that was acted on: no earlier one will be, by whatever definition. */
  readonly actedThroughMs: number;
  /** The latest time that became a job, and that job. */
  readonly lastScheduledAtMs: number;
  readonly lastJobId: string;
  /** Jobs that it made. */
  readonly runs: number;
  /** Times that made none, because an earlier run was not finished or had the unique key. */
  readonly skipped: number;
  /** Times that made none, because nobody was there to act on them, or the job was refused. */
  readonly missed: number;
  /** Why a time last made no job, in words, and which; "" when each did. */
  readonly lastFault: string;
  readonly lastFaultAtMs: number;
}

/** Bounds of what one schedule may be and do; beyond, runs are missed. */
export const SCHEDULE_LIMITS = {
  /** Jobs of one schedule that are not finished. */
  unfinishedRunsMax: 1000,
  /** Times that one `catchUpMax` may make up for. */
  catchUpMax: 1000,
  /** Runs in one fire Command. */
  runsPerCommandMax: 256,
} as const;
