/**
 * What can be asked about schedules; part of `command.ts`.
 *
 * @module
 */

import type { Stamped } from "./command.ts";
import type { ScheduleSpec } from "./schedule.ts";

export type ScheduleCommand = PutScheduleCommand | AlterScheduleCommand | FireScheduleCommand;

/** Makes a schedule, or replaces one, which keeps its counters and its last job. */
export interface PutScheduleCommand extends Stamped {
  readonly kind: "put_schedule";
  readonly schedule: ScheduleSpec;
  /** Without it, a name that is taken is refused. */
  readonly replace: boolean;
  /** The first time that it is due, by its timing; 0: never. */
  readonly nextAtMs: number;
  /** Refuse what would make more schedules than this. */
  readonly schedulesMax: number;
}

export type PutScheduleOutcome =
  | {
    readonly kind: "put_schedule";
    readonly status: "created" | "replaced";
    readonly revision: number;
  }
  | {
    readonly kind: "put_schedule";
    readonly status: "refused";
    readonly reason: "already_exists" | "too_many_schedules";
    readonly message: string;
  };

/** Pauses a schedule, lets it go on, or forgets it. Jobs that it made stay as they are. */
export interface AlterScheduleCommand extends Stamped {
  readonly kind: "alter_schedule";
  readonly name: string;
  /** Of the schedule; left out: the default one. */
  readonly namespace?: string;
  readonly to: "paused" | "active" | "removed";
  /** When it goes on: the first time that it is then due; what passed meanwhile is not missed. */
  readonly nextAtMs: number;
  /** Of the schedule for which that was computed. */
  readonly revision: number;
}

export type AlterScheduleOutcome =
  /** `changed`: it was not so already. */
  | { readonly kind: "alter_schedule"; readonly status: "done"; readonly changed: boolean }
  | {
    readonly kind: "alter_schedule";
    readonly status: "refused";
    /** `stale`: it was replaced meanwhile, so that `nextAtMs` is not one of its times. */
    readonly reason: "unknown_schedule" | "stale";
    readonly message: string;
  };

/** Times of schedules have come: each becomes a job, or is noted as skipped or missed. */
export interface FireScheduleCommand extends Stamped {
  readonly kind: "fire_schedule";
  readonly fires: readonly ScheduleFire[];
  /** As in `SubmitCommand`. */
  readonly liveJobsMax?: number;
  /** Refuse if the entry commits in another term: a deposed leader's clock has no say. */
  readonly leaderTerm?: number;
  /** As in `SubmitCommand`, for the keys of `triggered`. */
  readonly keyRetentionMs?: number;
  /**
   * With `replace` the runs before go on where the new one is refused. Left out (before format 5): they
   * are cancelled all the same.
   */
  readonly replacesIfAccepted?: boolean;
}

export type ScheduleFire = DueFire | TriggeredFire;

/**
 * From the schedule's `nextAtMs` to the next one: taken only if both it and the revision are still
 * what they were, so that each time is acted on once, whoever proposes it however often.
 */
export interface DueFire {
  readonly kind: "due";
  readonly name: string;
  readonly namespace?: string;
  readonly revision: number;
  /** `Schedule.nextAtMs`, as it was. */
  readonly dueAtMs: number;
  /** Oldest first, from `dueAtMs` on. */
  readonly runs: readonly ScheduledRun[];
  /** Times between `dueAtMs` and `nextAtMs` that are passed over for good. */
  readonly missed: number;
  /** 0: never again. */
  readonly nextAtMs: number;
}

export interface ScheduledRun {
  readonly scheduledAtMs: number;
  readonly jobId: string;
}

/** A run that somebody asked for; it is for none of the schedule's times. */
export interface TriggeredFire {
  readonly kind: "triggered";
  readonly name: string;
  readonly namespace?: string;
  readonly jobId: string;
  /** The job that a key of this schedule stands for is not made a second time. */
  readonly idempotencyKey?: string;
}

export type ScheduleFireOutcome =
  | {
    readonly status: "fired";
    readonly name: string;
    readonly runs: readonly ScheduleRunOutcome[];
  }
  | {
    readonly status: "refused";
    readonly name: string;
    /** `stale`: it was fired, replaced or paused meanwhile; `not_due`: its times do not fit. */
    readonly reason: "unknown_schedule" | "stale" | "not_due" | "stale_term";
  };

/** `scheduledAtMs` is 0 for a run that was asked for. */
export type ScheduleRunOutcome =
  | {
    readonly status: "submitted";
    readonly scheduledAtMs: number;
    readonly jobId: string;
    /** It was made when its key came for the first time: nothing changed now. */
    readonly repeated?: true;
  }
  | {
    readonly status: "skipped" | "missed";
    readonly scheduledAtMs: number;
    readonly message: string;
  };
