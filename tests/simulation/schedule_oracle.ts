/**
 * Judges what becomes of schedules, from the commands and their outcomes alone, with an arithmetic of
 * its own: no time makes two jobs, none passes without being accounted for, and each policy is kept.
 */

import type {
  Command,
  DueFire,
  Outcome,
  ScheduleRunOutcome,
  ScheduleSpec,
  TriggeredFire,
} from "../../src/jobs/mod.ts";
import type { Oracle } from "./oracle.ts";

/** What is asked of whoever judges jobs. */
export interface RunJudge {
  /** A job was made by a schedule. */
  made(jobId: string, maxRetries: number): void;
  /** Its successor took its place. */
  replaced(jobId: string): void;
  isOpen(jobId: string): boolean;
}

interface KnownSchedule {
  spec: ScheduleSpec;
  revision: number;
  nextAtMs: number;
  paused: boolean;
  /** Times that made a job. */
  readonly made: Set<number>;
  actedThroughMs: number;
}

/** What is late by so much is in time, whatever grace a schedule allows: no timer is on time to the millisecond. */
const LATENESS_MS = 500;
/** As the calendar counts when a long stop is made up for, of cron expressions. */
const COUNTED_MAX = 1000;

/** See the module's text. */
export class ScheduleOracle {
  readonly #oracle: Oracle;
  readonly #jobs: RunJudge;
  readonly #schedules = new Map<string, KnownSchedule>();
  /** Jobs of a schedule of this name, oldest first. */
  readonly #runs = new Map<string, string[]>();
  /** Jobs of triggers by schedule and key. */
  readonly #byKey = new Map<string, string>();
  /** The run that must have ended before this one is assigned. */
  readonly #behind = new Map<string, string>();
  /** Jobs made, and times that were missed, skipped, or proposed again. */
  readonly counts = { made: 0, missed: 0, skipped: 0, refused: 0, repeated: 0 };

  constructor(oracle: Oracle, jobs: RunJudge) {
    this.#oracle = oracle;
    this.#jobs = jobs;
  }

  applied(
    command: Command,
    outcome: Outcome,
    position: { readonly index: number; readonly term: number },
  ): void {
    if (command.kind === "put_schedule" && outcome.kind === "put_schedule") {
      if (outcome.status !== "refused") this.#put(command, position.index);
    } else if (command.kind === "alter_schedule" && outcome.kind === "alter_schedule") {
      if (outcome.status === "done" && outcome.changed) this.#alter(command);
    } else if (command.kind === "fire_schedule" && outcome.kind === "fire_schedule") {
      outcome.results.forEach((result, at) => {
        const fire = command.fires[at]!;
        if (result.status === "refused") this.counts.refused++;
        else if (fire.kind === "triggered") this.#triggered(fire, result.runs[0]!);
        else {
          this.#check(
            command.leaderTerm === position.term,
            () => `P24: the leader of term ${command.leaderTerm} fired in term ${position.term}`,
          );
          this.#due(fire, command.atMs, result.runs);
        }
      });
    }
  }

  /** A job goes to a worker. */
  assigned(jobId: string): void {
    const before = this.#behind.get(jobId);
    this.#check(
      before === undefined || !this.#jobs.isOpen(before),
      () => `Schedules: ${jobId} was assigned while ${before}, behind which it queues, goes on`,
    );
  }

  /** Under a key there is one job, and it is told each time. */
  #triggered({ name, idempotencyKey = "" }: TriggeredFire, run: ScheduleRunOutcome): void {
    const key = `${name}/${idempotencyKey}`;
    const known = this.#byKey.get(key);
    if (run.status === "submitted" && run.repeated) {
      this.counts.repeated++;
      return this.#check(
        known === run.jobId,
        () => `Schedules: key ${key} stands for ${known}, and ${run.jobId} was told`,
      );
    }
    this.#check(
      known === undefined,
      () => `Schedules: key ${key} made ${known}, and is used again`,
    );
    if (run.status === "submitted" && idempotencyKey !== "") this.#byKey.set(key, run.jobId);
    this.#ran(name, run);
  }

  #put(command: Command & { kind: "put_schedule" }, revision: number): void {
    const { schedule: spec, nextAtMs } = command;
    const before = this.#schedules.get(spec.name);
    this.#check(
      before === undefined || command.replace,
      () => `Schedules: ${spec.name} was made twice`,
    );
    this.#schedules.set(spec.name, {
      spec,
      revision,
      nextAtMs,
      paused: before?.paused ?? false,
      made: before?.made ?? new Set(),
      actedThroughMs: before?.actedThroughMs ?? 0,
    });
  }

  #alter({ name, to, nextAtMs }: Command & { kind: "alter_schedule" }): void {
    const known = this.#schedules.get(name)!;
    if (to === "removed") this.#schedules.delete(name);
    else known.paused = to === "paused";
    if (to === "active") known.nextAtMs = nextAtMs;
  }

  /** Everything from the time that was due to the next one is accounted for, by the policy. */
  #due(fire: DueFire, atMs: number, outcomes: readonly ScheduleRunOutcome[]): void {
    const { name, dueAtMs, nextAtMs, runs, missed } = fire;
    const known = this.#schedules.get(name);
    if (known === undefined) {
      return this.#check(false, () => `Schedules: ${name} fired, and there is none`);
    }
    this.#check(
      !known.paused && fire.revision === known.revision && dueAtMs === known.nextAtMs,
      () => `Schedules: ${name} fired for ${dueAtMs}, but is due at ${known.nextAtMs}`,
    );
    const { catchUp, catchUpMax, graceMs } = known.spec;
    const { periodMs, phaseMs } = evenly(known.spec);
    const times = runs.map(({ scheduledAtMs }) => scheduledAtMs);
    for (const time of [dueAtMs, ...times, nextAtMs]) {
      this.#check(
        (time - phaseMs) % periodMs === 0,
        () => `Schedules: ${time} is no time of ${name}`,
      );
    }
    const all = (nextAtMs - dueAtMs) / periodMs;
    const isCounted = known.spec.timing.kind === "every" || all <= COUNTED_MAX;
    this.#check(
      isCounted ? runs.length + missed === all : runs.length + missed <= all,
      () => `Schedules: of ${all} times of ${name}, ${runs.length} ran and ${missed} were missed`,
    );
    this.#check(nextAtMs > atMs, () => `Schedules: ${name} left ${nextAtMs} behind at ${atMs}`);
    const lastMs = nextAtMs - periodMs;
    const wanted = catchUp === "all"
      ? Math.min(all, catchUpMax)
      : catchUp === "last" || atMs - lastMs <= Math.max(graceMs, LATENESS_MS)
      ? 1
      : 0;
    const expected = Array.from({ length: wanted }, (_, at) => nextAtMs - (wanted - at) * periodMs);
    this.#check(
      JSON.stringify(times) === JSON.stringify(expected),
      () => `Schedules: ${name} (${catchUp}) ran for ${times} and not for ${expected}`,
    );
    this.counts.missed += missed;
    const { actedThroughMs } = known;
    for (const outcome of outcomes) {
      // Due at the moment at which it was replaced.
      if (outcome.scheduledAtMs > actedThroughMs) this.#ran(name, outcome);
      else {
        this.#check(
          outcome.status === "skipped",
          () => `Schedules: ${name} acted on ${outcome.scheduledAtMs} again`,
        );
      }
    }
    known.nextAtMs = nextAtMs;
    known.actedThroughMs = Math.max(actedThroughMs, dueAtMs, ...times);
  }

  #ran(name: string, outcome: ScheduleRunOutcome): void {
    const { spec, made } = this.#schedules.get(name)!;
    const open = (this.#runs.get(name) ?? []).filter((id) => this.#jobs.isOpen(id));
    const { scheduledAtMs } = outcome;
    if (outcome.status !== "submitted") {
      this.counts.skipped++;
      this.#check(
        outcome.status === "skipped" && spec.overlap === "skip" && open.length > 0,
        () =>
          `Schedules: a run of ${name} (${spec.overlap}) was ${outcome.status}: ${outcome.message}`,
      );
      return;
    }
    this.counts.made++;
    this.#check(
      spec.overlap !== "skip" || open.length === 0,
      () => `Schedules: ${outcome.jobId} of ${name} was made beside ${open}, and not skipped`,
    );
    this.#check(
      scheduledAtMs === 0 || !made.has(scheduledAtMs),
      () => `Schedules: ${scheduledAtMs} of ${name} made two jobs`,
    );
    made.add(scheduledAtMs);
    if (spec.overlap === "replace") { for (const id of open) this.#jobs.replaced(id); }
    const last = open.at(-1);
    if (spec.overlap === "queue" && last !== undefined) this.#behind.set(outcome.jobId, last);
    this.#jobs.made(outcome.jobId, spec.template.maxRetries);
    this.#runs.set(name, [...open, outcome.jobId]);
  }

  #check(holds: boolean, sentence: () => string): void {
    this.#oracle.check(holds, sentence);
  }
}

/** The simulation has no schedules but such as are due at even distances. */
function evenly({ timing }: ScheduleSpec): { periodMs: number; phaseMs: number } {
  if (timing.kind !== "every") return { periodMs: 1000, phaseMs: 0 };
  return { periodMs: timing.everyMs, phaseMs: timing.anchorMs };
}
