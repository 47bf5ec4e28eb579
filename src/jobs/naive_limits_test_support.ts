/**
 * Turns and limits as one would write them in an afternoon: all is counted anew whenever it is asked.
 *
 * @module
 */

import type { ConfigureCommand } from "./command.ts";
import type { RateLimit } from "./job_options.ts";
import type { NaiveJob } from "./naive_job_test_support.ts";

interface NaiveSettings {
  paused: boolean;
  pausedBy: string;
  runningMax: number;
  rate: RateLimit | null;
  weight: number;
}

const nothingSaid: NaiveSettings = {
  paused: false,
  pausedBy: "",
  runningMax: 0,
  rate: null,
  weight: 1,
};

export class NaiveLimits {
  settings = new Map<string, NaiveSettings>();
  /** When each bucket is full again, in µs. */
  fullAtUs = new Map<string, number>();
  passes = new Map<string, number>();
  clock = 0;
  /** When jobs first became pending in this life, by their order. */
  queuedAtMs = new Map<number, number>();

  noteQueued(jobs: readonly NaiveJob[], nowMs: number): void {
    for (const job of jobs) {
      if (this.queuedAtMs.has(job.order)) continue;
      if (job.status === "pending" || job.attempt > 0) this.queuedAtMs.set(job.order, nowMs);
    }
  }

  configure(
    { scope, name, change, by, easesRate }: ConfigureCommand,
    nowMs: number,
  ): string[] {
    if (name === "" || (scope === "type" && change?.weight !== undefined)) return ["invalid"];
    const before = this.of(scope, name);
    const after = change === null ? nothingSaid : { ...before, ...change };
    const pausedBy = !after.paused ? "" : before.paused ? before.pausedBy : by;
    this.settings.set(`${scope} ${name}`, { ...after, pausedBy });
    const key = `${scope} ${name}`;
    if (easesRate === true && (change === null || change.rate !== undefined)) {
      const { rate } = after;
      const latest = rate === null ? 0 : nowMs * 1000 + tokenUs(rate) * Math.max(1, rate.burst);
      this.fullAtUs.set(key, Math.min(this.fullAtUs.get(key) ?? 0, latest));
    }
    return ["done"];
  }

  of(scope: string, name: string): NaiveSettings {
    return this.settings.get(`${scope} ${name}`) ?? nothingSaid;
  }

  /** Why the job cannot be assigned to anybody; undefined: it can. */
  refusal(job: NaiveJob, jobs: readonly NaiveJob[], nowMs: number): string | undefined {
    return this.gateRefusal(job, jobs, nowMs) ?? this.laneRefusal(job, jobs, nowMs);
  }

  gateRefusal(job: NaiveJob, jobs: readonly NaiveJob[], nowMs: number): string | undefined {
    for (const scope of ["type", "queue"]) {
      const name = scope === "type" ? job.type : queueName(job);
      const { paused, runningMax, rate } = this.of(scope, name);
      if (paused) return `${scope}_paused`;
      const held = jobs.filter((each) =>
        isHeld(each) && (scope === "type" ? each.type : queueName(each)) === name
      );
      if (runningMax > 0 && held.length >= runningMax) return `${scope}_at_limit`;
      if (rate !== null && !this.#hasToken(`${scope} ${name}`, rate, nowMs)) return "rate_limited";
    }
    return undefined;
  }

  laneRefusal(job: NaiveJob, jobs: readonly NaiveJob[], nowMs: number): string | undefined {
    const { group, groupLimit, rateKey, rate } = job.options;
    const held = jobs.filter((each) =>
      isHeld(each) && each.options.group === group && each.namespace === job.namespace
    );
    if (group !== "" && groupLimit > 0 && held.length >= groupLimit) return "group_full";
    if (rateKey !== "" && rate !== null && !this.#hasToken(keyName(job), rate, nowMs)) {
      return "rate_limited";
    }
    return undefined;
  }

  /** When the job may start as far as its own rate goes, in ms. */
  rateOpensMs(job: NaiveJob): number {
    const { rateKey, rate } = job.options;
    if (rateKey === "" || rate === null) return 0;
    const spareUs = tokenUs(rate) * (Math.max(1, rate.burst) - 1);
    return Math.ceil(((this.fullAtUs.get(keyName(job)) ?? 0) - spareUs) / 1000);
  }

  start(job: NaiveJob, jobs: readonly NaiveJob[], nowMs: number): void {
    const queue = queueName(job);
    this.#take(keyName(job), job.options.rateKey && job.options.rate, nowMs);
    this.#take(`type ${job.type}`, this.of("type", job.type).rate, nowMs);
    this.#take(`queue ${queue}`, this.of("queue", queue).rate, nowMs);
    if (jobs.filter(({ status }) => status === "pending").length === 1) {
      this.passes.clear();
      return;
    }
    this.clock = this.passOf(queue);
    this.passes.set(queue, this.clock + Math.floor(1_000_000 / this.of("queue", queue).weight));
  }

  /** As it counts: nobody is behind the clock. */
  passOf(queue: string): number {
    return Math.max(this.passes.get(queue) ?? 0, this.clock);
  }

  #hasToken(key: string, rate: RateLimit, nowMs: number): boolean {
    const spareUs = tokenUs(rate) * (Math.max(1, rate.burst) - 1);
    return (this.fullAtUs.get(key) ?? 0) <= nowMs * 1000 + spareUs;
  }

  #take(key: string, rate: RateLimit | null | "", nowMs: number): void {
    if (!rate) return;
    const from = Math.max(this.fullAtUs.get(key) ?? 0, nowMs * 1000);
    this.fullAtUs.set(key, from + tokenUs(rate));
  }
}

function keyName({ namespace, options }: NaiveJob): string {
  return `key ${namespace} ${options.rateKey}`;
}

export function queueName({ options, submittedBy }: NaiveJob): string {
  return options.queue !== "" ? options.queue : submittedBy !== "" ? submittedBy : "default";
}

function isHeld({ status }: NaiveJob): boolean {
  return status === "assigned" || status === "running";
}

function tokenUs({ count, perMs }: RateLimit): number {
  return Math.ceil(perMs * 1000 / count);
}
