/** Makes schedules, changes them, and in the end sees to it that none is overdue, and pauses them. */

import { tickAfter } from "../../src/calendar/mod.ts";
import {
  CATCH_UP_POLICIES,
  OVERLAP_POLICIES,
  type Schedule,
  type ScheduleSpec,
  type ScheduleTiming,
} from "../../src/jobs/mod.ts";
import type { JobWorld } from "./job_actors.ts";
import type { Random } from "./random.ts";

const NAMES = ["x", "y", "z"];
/** At peace a schedule is acted on within this, in ms. */
const OVERDUE_MS = 1_000;
const LOOK_INTERVAL_MS = 100;

/** See the module's text. */
export class ScheduleKeeper {
  readonly #jobs: JobWorld;
  readonly #random: Random;
  #changes = 0;
  #isStopping = false;
  #asked = 0;

  constructor(jobs: JobWorld) {
    this.#jobs = jobs;
    this.#random = jobs.world.random.fork();
    this.#next();
  }

  /** Begins nothing new, and pauses every schedule as soon as none is overdue. */
  stop(): void {
    this.#isStopping = true;
    this.#settle();
  }

  /** What is still to be done, or undefined. */
  get unrest(): string | undefined {
    if (this.#asked > 0) return "a change of a schedule has no answer";
    const active = this.#schedules()?.filter(({ paused }) => !paused);
    if (active === undefined) return "nobody leads";
    const [overdue] = this.#overdue();
    if (overdue !== undefined) return `schedule ${overdue.name} is overdue`;
    return active.length > 0 ? "schedules are not paused yet" : undefined;
  }

  #next(): void {
    const { world, cluster } = this.#jobs;
    world.after(50 + this.#random.next() * 500, () => {
      if (this.#isStopping) return;
      if (world.nowMs >= cluster.quietUntilMs) this.#change();
      this.#next();
    });
  }

  #change(): void {
    const name = this.#random.pick(NAMES);
    const chance = this.#random.next();
    if (chance < 0.4) this.#put(name);
    else if (chance < 0.45) this.#alter(name, "removed");
    else if (chance < 0.55) this.#alter(name, "paused");
    else if (chance < 0.85) this.#alter(name, "active");
    else this.#trigger(name);
  }

  #put(name: string): void {
    const spec = this.#spec(name);
    const replace = this.#random.chance(0.7);
    this.#ask((nowMs) => ({
      kind: "put_schedule",
      schedule: spec,
      replace,
      nextAtMs: tickAfter(spec.timing, nowMs),
      schedulesMax: 10,
    }));
  }

  #alter(name: string, to: "paused" | "active" | "removed"): void {
    this.#ask((nowMs, machine) => {
      const schedule = machine.schedule(name);
      return {
        kind: "alter_schedule",
        name,
        to,
        nextAtMs: schedule === undefined ? 0 : tickAfter(schedule.timing, nowMs),
        revision: schedule?.revision ?? 0,
      };
    });
  }

  #trigger(name: string): void {
    // Asked again under another id: without a key, a trigger whose answer is lost may make a second job.
    const key = this.#random.chance(0.7) ? { idempotencyKey: `k${this.#random.below(40)}` } : {};
    this.#ask(() => ({
      kind: "fire_schedule",
      fires: [{ kind: "triggered", name, jobId: `trigger-${++this.#changes}`, ...key }],
    }));
  }

  #spec(name: string): ScheduleSpec {
    const bounds = { startAtMs: 0, endAtMs: 0 };
    const timing: ScheduleTiming = this.#random.chance(0.2)
      ? { kind: "cron", ...bounds, expression: "* * * * * *", timeZone: "UTC" }
      : {
        kind: "every",
        ...bounds,
        everyMs: this.#random.pick([150, 400, 700, 2000]),
        anchorMs: this.#random.below(10_000),
      };
    return {
      name,
      timing,
      template: {
        id: "",
        type: this.#random.pick(["a", "b"]),
        payload: new Uint8Array([1]),
        priority: this.#random.below(3),
        maxRetries: this.#random.below(3),
        timeoutMs: this.#random.pick([0, 1000]),
        retryDelayMs: 40,
      },
      overlap: this.#random.pick([...OVERLAP_POLICIES]),
      catchUp: this.#random.pick([...CATCH_UP_POLICIES]),
      catchUpMax: this.#random.between(1, 5),
      graceMs: this.#random.pick([0, 100, 1000]),
      createdBy: "keeper",
    };
  }

  #ask(make: Parameters<JobWorld["propose"]>[1]): void {
    this.#asked++;
    this.#jobs.propose(this.#random, make, () => this.#asked--);
  }

  /** As their leader's state has them. */
  #schedules(): readonly Schedule[] | undefined {
    return this.#jobs.cluster.leader?.machine?.jobs.schedules();
  }

  #overdue(): readonly Schedule[] {
    const { cluster } = this.#jobs;
    const duties = cluster.leader === undefined
      ? undefined
      : this.#jobs.dutiesAt(cluster.leader.id);
    if (duties?.ready !== true) return [];
    const sinceMs = duties.nowMs() - OVERDUE_MS;
    return this.#schedules()?.filter(({ paused, nextAtMs }) => !paused && nextAtMs < sinceMs) ?? [];
  }

  #settle(): void {
    const { cluster } = this.#jobs;
    const isLed = cluster.leader !== undefined &&
      this.#jobs.dutiesAt(cluster.leader.id)?.ready === true;
    if (isLed && this.#asked === 0 && this.#overdue().length === 0) {
      for (const { name, paused } of this.#schedules() ?? []) {
        if (!paused) this.#alter(name, "paused");
      }
    }
    if (this.unrest !== undefined) this.#jobs.world.after(LOOK_INTERVAL_MS, () => this.#settle());
  }
}
