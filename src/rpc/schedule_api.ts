/**
 * What is asked of a master about schedules, in the domain's words.
 *
 * @module
 */

import type { Schedule, ScheduleTiming } from "../jobs/mod.ts";
import type { CallContext } from "./call.ts";
import type { Submission } from "./master_api.ts";

export type { ScheduleTiming };

/** A schedule as somebody asks for it. Absent fields take defaults. */
export interface ScheduleDefinition {
  readonly name: string;
  /** Of `every`, an `anchorMs` of 0: when it is made. */
  readonly timing: ScheduleTiming;
  readonly job: Submission;
  /** "skip", "allow", "queue" or "replace". */
  readonly overlap?: string;
  /** "last", "none" or "all". */
  readonly catchUp?: string;
  readonly catchUpMax?: number;
  readonly graceMs?: number;
}

/** A schedule as it is. */
export interface ScheduleView
  extends Omit<Schedule, "template" | "overlap" | "catchUp" | "revision" | "actedThroughMs"> {
  readonly namespace: string;
  readonly job: Submission;
  readonly overlap: string;
  readonly catchUp: string;
  /** Its jobs that are not finished. */
  readonly unfinishedRuns: number;
}

/** One page of schedules, without payloads. */
export interface SchedulePage {
  readonly schedules: readonly ScheduleView[];
  readonly total: number;
  readonly nextCursor: string;
}

/** Names a schedule. */
export interface ScheduleNameView {
  readonly name: string;
  /** "": the only one that the caller has, else the default one. */
  readonly namespace: string;
}

/** The calls themselves. */
export interface ScheduleApi {
  addSchedule(
    definition: ScheduleDefinition,
    options: { readonly replace: boolean },
    call: CallContext,
  ): Promise<{
    readonly message: string;
    readonly nextAtMs: number;
    /** What may keep its jobs from running; usually empty. */
    readonly warning: string;
  }>;
  listSchedules(
    page: {
      readonly limit: number;
      readonly cursor: string;
      readonly stale: boolean;
      /** "": all that the caller sees. */
      readonly namespace: string;
    },
    call: Pick<CallContext, "caller">,
  ): Promise<SchedulePage>;
  /** With its next `nextRuns` times, in ms. */
  getSchedule(
    named: ScheduleNameView,
    options: { readonly nextRuns: number; readonly stale: boolean },
    call: Pick<CallContext, "caller">,
  ): Promise<{ readonly schedule: ScheduleView; readonly nextRuns: readonly number[] }>;
  removeSchedule(named: ScheduleNameView, call: CallContext): Promise<{ readonly message: string }>;
  pauseSchedule(named: ScheduleNameView, call: CallContext): Promise<{ readonly message: string }>;
  resumeSchedule(named: ScheduleNameView, call: CallContext): Promise<{ readonly message: string }>;
  /** Resolves to the id of the job that it made, or that an earlier call made under the same key. */
  triggerSchedule(
    named: ScheduleNameView,
    idempotencyKey: string,
    call: CallContext,
  ): Promise<{ readonly jobId: string; readonly duplicate: boolean }>;
  /** Of a schedule by its name, or of a timing. */
  nextRuns(
    of: ScheduleNameView | ScheduleTiming,
    count: number,
    call: Pick<CallContext, "caller">,
  ): Promise<readonly number[]>;
}
