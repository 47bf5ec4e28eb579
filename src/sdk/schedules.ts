/**
 * Schedules: jobs that the cluster submits by itself.
 *
 * @module
 */

import {
  boundTo,
  type Calls,
  ScheduleClient,
  type ScheduleTiming,
  type ScheduleView,
} from "../rpc/light.ts";
import { told } from "./errors.ts";
import { type CallBounds, Job } from "./job.ts";
import { pagesOf } from "./pages.ts";
import { requireMs, submissionOf, type SubmitOptions, timeMsOf } from "./submit_options.ts";

/** When a schedule is due. Dates may be ms since the epoch. */
export type Timing =
  & {
    /** No time before this one counts. */
    readonly startAt?: Date | number;
    /** Nor one after this. */
    readonly endAt?: Date | number;
  }
  & (
    /** Five fields, or six with the second in front, by the clocks of a zone (default: UTC). */
    | { readonly cron: string; readonly timeZone?: string }
    /** At `anchor` (default: when it is made) and each multiple of this from there. */
    | { readonly everyMs: number; readonly anchor?: Date | number }
    /** Once. */
    | { readonly at: Date | number }
  );

/** A schedule to be made. */
export interface ScheduleDefinition {
  /** Letters, digits, dots, dashes and underscores. */
  readonly name: string;
  /** When it is due. */
  readonly timing: Timing;
  /** The job type of its jobs. */
  readonly type: string;
  /** Their payload: bytes as they are, anything else as JSON. Default: `{}`. */
  readonly payload?: unknown;
  /** What they ask for. */
  readonly options?: Omit<SubmitOptions, "idempotencyKey" | "delayMs" | "runAt" | "ref">;
  /** While a run is not finished, the next one is ... Default: `skip`. */
  readonly overlap?: "skip" | "allow" | "queue" | "replace";
  /** Of times that nobody could act on, these are made up for. Default: `last`. */
  readonly catchUp?: "last" | "none" | "all";
  /** At most so many, with `all`. Default: 100. */
  readonly catchUpMax?: number;
  /** How late a run may be and not count as missed, in ms. Default: 30,000. */
  readonly graceMs?: number;
}

/** Each time of a schedule becomes exactly one job, through failovers too. */
export class Schedules {
  readonly #channel: Calls;

  /** Made by the client: `client.schedules`. */
  constructor(channel: Calls) {
    this.#channel = channel;
  }

  /** Makes a schedule, with `replace` in place of the one of its name; resolves to its first time. */
  async add(
    schedule: ScheduleDefinition,
    options: CallBounds & { readonly replace?: boolean } = {},
  ): Promise<Date | undefined> {
    const { timing, type, payload = {}, options: asked = {}, ...rest } = schedule;
    if (rest.graceMs !== undefined) requireMs("graceMs", rest.graceMs);
    const { nextAtMs } = await told(
      this.#client(options).add({
        ...rest,
        timing: timingOf(timing),
        job: submissionOf(type, payload, asked),
      }, { replace: options.replace ?? false }),
    );
    return nextAtMs === 0 ? undefined : new Date(nextAtMs);
  }

  /** All, by name. */
  list(options: CallBounds & { readonly stale?: boolean } = {}): AsyncGenerator<ScheduleView> {
    const { stale = false } = options;
    return pagesOf(async (cursor) => {
      const { schedules, nextCursor } = await told(this.#client(options).list({ cursor, stale }));
      return { items: schedules, nextCursor };
    });
  }

  /** One, with its next times. */
  async get(
    name: string,
    options: CallBounds & { readonly nextRuns?: number } = {},
  ): Promise<{ readonly schedule: ScheduleView; readonly nextRuns: readonly Date[] }> {
    const { nextRuns = 5 } = options;
    const answer = await told(this.#client(options).get(name, { nextRuns }));
    return { schedule: answer.schedule, nextRuns: answer.nextRuns.map((ms) => new Date(ms)) };
  }

  /** Lets it make no jobs; what passes meanwhile is not missed. */
  pause(name: string, options: CallBounds = {}): Promise<string> {
    return told(this.#client(options).pause(name));
  }

  /** Lets it go on with the next of its times. */
  resume(name: string, options: CallBounds = {}): Promise<string> {
    return told(this.#client(options).resume(name));
  }

  /** Makes one job of it now, beside those of its times; under one key, one job. */
  async trigger(
    name: string,
    options: CallBounds & { readonly idempotencyKey?: string } = {},
  ): Promise<Job> {
    const { idempotencyKey } = options;
    const key = idempotencyKey === undefined ? {} : { idempotencyKey };
    return new Job(this.#channel, await told(this.#client(options).trigger(name, key)));
  }

  /** Forgets it; the jobs that it made stay. */
  remove(name: string, options: CallBounds = {}): Promise<string> {
    return told(this.#client(options).remove(name));
  }

  /** When a schedule, or a timing that is none yet, will be due. */
  async next(
    of: string | Timing,
    options: CallBounds & { readonly count?: number } = {},
  ): Promise<readonly Date[]> {
    const { count = 5 } = options;
    const asked = typeof of === "string" ? of : timingOf(of);
    return (await told(this.#client(options).nextRuns(asked, count))).map((ms) => new Date(ms));
  }

  #client({ signal }: CallBounds): ScheduleClient {
    return new ScheduleClient(boundTo(this.#channel, { ...(signal && { signal }) }));
  }
}

function timingOf(timing: Timing): ScheduleTiming {
  const bounds = {
    startAtMs: msOf("startAt", timing.startAt),
    endAtMs: msOf("endAt", timing.endAt),
  };
  if ("cron" in timing) {
    const { cron: expression, timeZone = "UTC" } = timing;
    return { ...bounds, kind: "cron", expression, timeZone };
  }
  if ("everyMs" in timing) {
    const { everyMs, anchor } = timing;
    requireMs("everyMs", everyMs);
    return { ...bounds, kind: "every", everyMs, anchorMs: msOf("anchor", anchor) };
  }
  return { ...bounds, kind: "at", atMs: msOf("at", timing.at) };
}

/** 0: none. */
function msOf(name: string, time: Date | number | undefined): number {
  return time === undefined ? 0 : timeMsOf(name, time);
}
