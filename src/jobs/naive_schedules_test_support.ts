/**
 * What schedules are for the naive model: a list, searched through.
 *
 * @module
 */

import type { Command } from "./command.ts";
import type { ScheduleCommand, ScheduleFire } from "./schedule_command.ts";

export interface NaiveSchedule {
  name: string;
  namespace: string;
  overlap: string;
  revision: number;
  paused: boolean;
  nextAtMs: number;
  lastAtMs: number;
  actedAtMs: number;
  lastJob: string;
  runs: number;
  skipped: number;
  missed: number;
}

/** What schedules need of the jobs around them. */
export interface NaiveJobs {
  readonly nowMs: number;
  /** Ids of jobs of a schedule that are not over. */
  unfinished(schedule: string, namespace: string): string[];
  exists(jobId: string): boolean;
  cancel(jobId: string): void;
  /** The job that a trigger's key stands for; and from now on it does. */
  triggered(key: string): string | undefined;
  remember(key: string, jobId: string, retentionMs: number | undefined): void;
  /** The word for what becomes of it. */
  submit(command: Command & { kind: "submit" }): string;
  /** What was done to jobs is undone if it comes to nothing. */
  unless(comesToNothing: () => boolean): void;
}

export class NaiveSchedules {
  all: NaiveSchedule[] = [];
  readonly #jobs: NaiveJobs;
  readonly #templates = new Map<
    string,
    (Command & { kind: "put_schedule" })["schedule"]["template"]
  >();

  constructor(jobs: NaiveJobs) {
    this.#jobs = jobs;
  }

  apply(command: ScheduleCommand, index: number): string[] {
    switch (command.kind) {
      case "put_schedule":
        return [this.#put(command, index)];
      case "alter_schedule":
        return [this.#alter(command)];
      case "fire_schedule":
        return command.fires.flatMap((fire) => this.#fire(fire, command));
    }
  }

  #find(
    { name, namespace = "default" }: { readonly name: string; readonly namespace?: string },
  ): NaiveSchedule | undefined {
    return this.all.find((each) => each.name === name && each.namespace === namespace);
  }

  #put(command: ScheduleCommand & { kind: "put_schedule" }, index: number): string {
    const { schedule: { name, namespace = "default", overlap, template }, nextAtMs } = command;
    const before = this.#find({ name, namespace });
    if (before !== undefined && !command.replace) return "already_exists";
    if (before === undefined && this.all.length >= command.schedulesMax) {
      return "too_many_schedules";
    }
    this.#templates.set(`${namespace}/${name}`, template);
    const made = { name, namespace, overlap, revision: index, nextAtMs };
    if (before !== undefined) Object.assign(before, made);
    else {
      const none = {
        paused: false,
        lastAtMs: 0,
        actedAtMs: 0,
        lastJob: "",
        runs: 0,
        skipped: 0,
        missed: 0,
      };
      this.all.push({ ...made, ...none });
    }
    return before === undefined ? "created" : "replaced";
  }

  #alter(command: ScheduleCommand & { kind: "alter_schedule" }): string {
    const { to, nextAtMs, revision } = command;
    const schedule = this.#find(command);
    if (schedule === undefined) return "unknown_schedule";
    if (to === "removed") {
      this.all = this.all.filter((each) => each !== schedule);
      return "done true";
    }
    if (to === "active" && schedule.revision !== revision) return "stale";
    const pause = to === "paused";
    if (schedule.paused === pause) return "done false";
    schedule.paused = pause;
    if (!pause) schedule.nextAtMs = nextAtMs;
    return "done true";
  }

  #fire(
    fire: ScheduleFire,
    command: ScheduleCommand & { kind: "fire_schedule" },
  ): string[] {
    const schedule = this.#find(fire);
    if (schedule === undefined) return ["unknown_schedule"];
    if (fire.kind === "triggered") {
      const key = `trigger ${schedule.namespace} ${fire.name} ${fire.idempotencyKey}`;
      const known = fire.idempotencyKey ? this.#jobs.triggered(key) : undefined;
      if (known !== undefined) return [`repeated ${known}`];
      const word = this.#run(schedule, 0, fire.jobId, command);
      if (fire.idempotencyKey && word === "submitted") {
        this.#jobs.remember(key, fire.jobId, command.keyRetentionMs);
      }
      return [word];
    }
    const { revision, dueAtMs, runs, nextAtMs } = fire;
    if (schedule.paused || dueAtMs === 0) return ["stale"];
    if (revision !== schedule.revision || dueAtMs !== schedule.nextAtMs) return ["stale"];
    const times = [...runs.map(({ scheduledAtMs }) => scheduledAtMs)];
    const isRising = times.every((time, at) => at === 0 || time > times[at - 1]!);
    const inTime = [dueAtMs, ...times].every((time) => time >= dueAtMs && time <= this.#jobs.nowMs);
    const goesOn = nextAtMs === 0 || [dueAtMs, ...times].every((time) => time < nextAtMs);
    if (!isRising || !inTime || !goesOn) return ["not_due"];
    schedule.missed += fire.missed;
    schedule.nextAtMs = nextAtMs;
    const before = schedule.actedAtMs;
    schedule.actedAtMs = Math.max(before, dueAtMs, ...times);
    return runs.map((each) => {
      if (each.scheduledAtMs > before) {
        return this.#run(schedule, each.scheduledAtMs, each.jobId, command);
      }
      schedule.skipped++;
      return "skipped";
    });
  }

  #run(
    schedule: NaiveSchedule,
    atMs: number,
    jobId: string,
    { liveJobsMax, replacesIfAccepted }: ScheduleCommand & { kind: "fire_schedule" },
  ) {
    const { name, namespace, overlap } = schedule;
    const earlier = this.#jobs.unfinished(name, namespace);
    if (overlap === "skip" && earlier.length > 0) {
      schedule.skipped++;
      return "skipped";
    }
    if (this.#jobs.exists(jobId)) {
      schedule.missed++;
      return "missed";
    }
    const template = this.#templates.get(`${namespace}/${name}`)!;
    const dependencies = [...template.options?.dependencies ?? []];
    const last = earlier.at(-1);
    if (overlap === "queue" && last !== undefined) {
      dependencies.push({ jobId: last, on: "completion" });
    }
    const options = { ...template.options, dependencies, schedule: name, scheduledAtMs: atMs };
    let word = "";
    this.#jobs.unless(() => {
      if (overlap === "replace") { for (const id of earlier) this.#jobs.cancel(id); }
      word = this.#jobs.submit({
        kind: "submit",
        atMs: this.#jobs.nowMs,
        jobs: [{ ...template, id: jobId, namespace, options }],
        ...(liveJobsMax === undefined ? {} : { liveJobsMax }),
      });
      return replacesIfAccepted === true && word !== "accepted";
    });
    if (word.startsWith("duplicate") || word.startsWith("existing")) {
      schedule.skipped++;
      return "skipped";
    }
    if (word !== "accepted") {
      schedule.missed++;
      return "missed";
    }
    schedule.runs++;
    schedule.lastJob = jobId;
    if (atMs > 0) schedule.lastAtMs = atMs;
    return "submitted";
  }
}
