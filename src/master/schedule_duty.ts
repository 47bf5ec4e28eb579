/**
 * The leader's duty towards schedules: acts on each of their times when it has come, and makes up for
 * those that passed while nobody could. It sleeps until the nearest one.
 *
 * @module
 */

import { tickAfter, ticksThrough } from "../calendar/mod.ts";
import {
  type DueFire,
  type FireScheduleCommand,
  type JobMachine,
  namespaceField,
  namespaceOf,
  type OutcomeOf,
  type Schedule,
  SCHEDULE_LIMITS,
  type ScheduleFire,
  type ScheduleFireOutcome,
  type ScheduleRunOutcome,
  scopedName,
} from "../jobs/mod.ts";
import type { Logger } from "../observability/mod.ts";
import { Said } from "./said.ts";

export interface ScheduleDutyOptions {
  readonly machine: Pick<JobMachine, "schedulesInDueOrder">;
  /** Commits the Command, and resolves to its outcome. */
  readonly fire: (
    fires: readonly ScheduleFire[],
    leaderTerm: number,
  ) => Promise<OutcomeOf[FireScheduleCommand["kind"]]>;
  readonly term: number;
  readonly now: () => number;
  readonly newJobId: () => string;
  readonly log: Pick<Logger, "warn" | "error">;
  /** What became of a run, or of several that were missed, and how late that was, in ms. */
  readonly onFired: (
    result: ScheduleRunOutcome["status"],
    runs: number,
    latenessMs: number,
  ) => void;
  /** Runs `run` after a while, on a clock that does not jump; returns what cancels it. */
  readonly after: (delayMs: number, run: () => void) => () => void;
  /** Runs the duty, and tells of its failure. */
  readonly guard: (duty: string, run: () => Promise<void>) => void;
}

/** Schedules that one Command acts on. */
const FIRES_MAX = 100;
/** Bytes of payload that one Command makes jobs of; beyond, it makes one. */
const PAYLOAD_BYTES_MAX = 16 * 1024 * 1024;
/** Longest sleep in ms: the clock may be set, or the machine suspended, and then it is late. */
const SLEEP_MS_MAX = 60_000;
/** Pause after a Command that did not commit, or was refused, in ms. */
const RETRY_PAUSE_MS = 500;
/** Pause before a schedule is tried again whose times this master cannot compute, in ms. */
const BROKEN_PAUSE_MS = 60_000;
/** No timer is on time to the millisecond: who allows no grace means that what is this late is in time, in ms. */
const LATENESS_MS = 500;

export class ScheduleDuty {
  readonly #options: ScheduleDutyOptions;
  readonly #said = new Said();
  /** Until when not to try, by scoped name. */
  readonly #broken = new Map<string, number>();
  #cancelTimer: () => void = () => {};
  /** After a failure; 0: at once. */
  #retryAtMs = 0;
  #isFiring = false;
  #isStopped = false;

  constructor(options: ScheduleDutyOptions) {
    this.#options = options;
  }

  /** Schedules may have changed: sleeps until the nearest time from now on. */
  wake(): void {
    if (this.#isFiring || this.#isStopped) return;
    this.#cancelTimer();
    const { now, after } = this.#options;
    const nowMs = now();
    const next = this.#next(nowMs);
    if (next === undefined) return;
    const delayMs = Math.min(SLEEP_MS_MAX, Math.max(1, Math.max(next, this.#retryAtMs) - nowMs));
    this.#cancelTimer = after(delayMs, () => this.#timeHasCome());
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer();
  }

  /** When there will be something to do; undefined: no schedule is due at any time. */
  #next(nowMs: number): number | undefined {
    let next: number | undefined;
    for (const schedule of this.#options.machine.schedulesInDueOrder()) {
      const { nextAtMs } = schedule;
      const brokenUntilMs = this.#broken.get(keyOf(schedule)) ?? 0;
      const atMs = Math.max(nextAtMs, brokenUntilMs > nowMs ? brokenUntilMs : 0);
      next = Math.min(next ?? atMs, atMs);
      if (brokenUntilMs <= nowMs) break;
    }
    return next;
  }

  #timeHasCome(): void {
    const { guard, fire, term, now } = this.#options;
    if (this.#retryAtMs > now()) return this.wake();
    const fires = this.#due();
    if (fires.length === 0) return this.wake();
    this.#isFiring = true;
    this.#retryAtMs = now() + RETRY_PAUSE_MS;
    guard("act on schedules", async () => {
      try {
        const { results } = await fire(fires, term);
        if (results.every(({ status }) => status === "fired")) this.#retryAtMs = 0;
        fires.forEach((fire, at) => this.#tell(fire, results[at]));
      } finally {
        this.#isFiring = false;
        this.wake();
      }
    });
  }

  #tell(fire: DueFire, outcome: ScheduleFireOutcome | undefined): void {
    const { name, namespace, missed } = fire;
    if (outcome?.status !== "fired") return;
    const { log, now, onFired } = this.#options;
    if (missed > 0) {
      onFired("missed", missed, 0);
      log.warn("runs of a schedule were passed over: nobody could act in time", {
        schedule: name,
        ...(namespace === undefined ? {} : { namespace }),
        runs: missed,
      });
    }
    for (const run of outcome.runs) {
      onFired(run.status, 1, now() - run.scheduledAtMs);
      // A full queue has the same to say for every run.
      if (run.status !== "missed" || !this.#said.isNews(`${keyOf(fire)} ${run.message}`)) continue;
      log.warn("a run of a schedule was missed", {
        schedule: name,
        ...(namespace === undefined ? {} : { namespace }),
        scheduled_at: new Date(run.scheduledAtMs).toISOString(),
        reason: run.message,
      });
    }
  }

  /** What to do about all that is due now, or about as much of it as one Command bears. */
  #due(): DueFire[] {
    const { machine, now, newJobId, log } = this.#options;
    const nowMs = now();
    const fires: DueFire[] = [];
    let runsLeft: number = SCHEDULE_LIMITS.runsPerCommandMax;
    let bytesLeft = PAYLOAD_BYTES_MAX;
    for (const schedule of machine.schedulesInDueOrder()) {
      if (schedule.nextAtMs > nowMs || fires.length === FIRES_MAX || runsLeft <= 0) break;
      const key = keyOf(schedule);
      if ((this.#broken.get(key) ?? 0) > nowMs) continue;
      const bytes = schedule.template.payload.byteLength;
      if (fires.length > 0 && bytes > bytesLeft) break;
      const room = Math.min(runsLeft, Math.max(1, Math.floor(bytesLeft / Math.max(1, bytes))));
      try {
        const fire = fireOf(schedule, nowMs, room, newJobId);
        fires.push(fire);
        runsLeft -= fire.runs.length;
        bytesLeft -= fire.runs.length * bytes;
        this.#broken.delete(key);
      } catch (failure) {
        // A time zone that this master's tables lack, say: the other schedules must not suffer.
        this.#broken.set(key, nowMs + BROKEN_PAUSE_MS);
        log.error("the times of a schedule cannot be computed", {
          schedule: schedule.name,
          ...namespaceField(namespaceOf(schedule)),
          error: String(failure),
        });
      }
    }
    return fires;
  }
}

/**
 * What to do about a schedule that is due: which of its times up to now become jobs, by its catch-up
 * policy, and when it is due next. Of more than `runsMax` the rest is due at once after that.
 */
function fireOf(
  schedule: Schedule,
  nowMs: number,
  runsMax: number,
  newJobId: () => string,
): DueFire {
  const { name, namespace, revision, timing, catchUp, catchUpMax, graceMs, nextAtMs: dueAtMs } =
    schedule;
  const { latest, earlier } = ticksThrough(
    timing,
    dueAtMs,
    nowMs,
    catchUp === "all" ? catchUpMax : 1,
  );
  const lastMs = latest.at(-1) ?? dueAtMs;
  const isTooLate = catchUp === "none" && nowMs - lastMs > Math.max(graceMs, LATENESS_MS);
  const wanted = isTooLate ? [] : latest;
  const taken = wanted.slice(0, runsMax);
  return {
    kind: "due",
    name,
    ...(namespace === undefined ? {} : { namespace }),
    revision,
    dueAtMs,
    runs: taken.map((scheduledAtMs) => ({ scheduledAtMs, jobId: newJobId() })),
    missed: earlier + latest.length - wanted.length,
    nextAtMs: wanted[taken.length] ?? tickAfter(timing, lastMs),
  };
}

function keyOf(schedule: Pick<Schedule, "name" | "namespace">): string {
  return scopedName(namespaceOf(schedule), schedule.name);
}
