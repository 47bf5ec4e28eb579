/**
 * What schedules do, as rows that `schedules_test.ts` shows on one master, and `tests/ha/schedules_test.ts`
 * with the first run under one leader and the second under the next.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type JobClient, Refusal, type ScheduleClient } from "../../src/rpc/mod.ts";

/** A schedule whose first run waits, since nobody offers its type. */
export interface OverlapScene {
  readonly schedules: ScheduleClient;
  readonly jobs: JobClient;
  readonly name: string;
  readonly firstJob: string;
}

/** Makes a schedule of this overlap policy, which is its name, and its first run. */
export async function beginRun(
  schedules: ScheduleClient,
  overlap: string,
): Promise<{ readonly firstJob: string }> {
  const always = { startAtMs: 0, endAtMs: 0 };
  await schedules.add({
    name: overlap,
    timing: { kind: "cron", ...always, expression: "0 0 29 2 *", timeZone: "UTC" },
    job: { type: "nobodys", payload: new Uint8Array(0), priority: 5 },
    overlap,
  }, { replace: false });
  return { firstJob: (await schedules.trigger(overlap)).jobId };
}

/** By policy, what becomes of the second run, and of the first. */
export const OVERLAPS: Readonly<Record<string, (scene: OverlapScene) => Promise<void>>> = {
  async skip({ schedules, jobs, name, firstJob }) {
    await assert.rejects(schedules.trigger(name), (failure: unknown) => {
      assert.ok(failure instanceof Refusal && failure.reason === "failed_precondition");
      assert.match(failure.message, new RegExp(`was skipped: job ${firstJob} of it was not`));
      return true;
    });
    assert.deepEqual(await statuses(jobs, [firstJob]), ["pending"]);
    assert.equal((await schedules.get(name)).schedule.skipped, 1);
  },
  async allow({ schedules, jobs, name, firstJob }) {
    const second = await schedules.trigger(name);
    assert.deepEqual(await statuses(jobs, [firstJob, second.jobId]), ["pending", "pending"]);
  },
  async queue({ schedules, jobs, name, firstJob }) {
    const { jobId } = await schedules.trigger(name);
    assert.deepEqual(await statuses(jobs, [firstJob, jobId]), ["pending", "waiting"]);
    const { reasons: [reason] } = await jobs.getJob(jobId);
    assert.deepEqual([reason?.code, reason?.jobIds], ["dependency", [firstJob]]);
    await jobs.cancel(firstJob);
    assert.deepEqual(await statuses(jobs, [firstJob, jobId]), ["cancelled", "pending"]);
  },
  async replace({ schedules, jobs, name, firstJob }) {
    const { jobId } = await schedules.trigger(name);
    assert.deepEqual(await statuses(jobs, [firstJob, jobId]), ["cancelled", "pending"]);
  },
};

function statuses(jobs: JobClient, jobIds: readonly string[]): Promise<string[]> {
  return Promise.all(jobIds.map(async (jobId) => (await jobs.getJob(jobId)).job.status));
}

/**
 * Each day has one run, at half past two by the clocks of the zone; on a day that has no such time,
 * right after the gap. They must cross such a day, and one with two.
 */
export function isRightByTheClock(runs: readonly number[], timeZone: string): void {
  const clock = new Intl.DateTimeFormat("sv-SE", {
    timeZone,
    dateStyle: "short",
    timeStyle: "short",
  });
  const local = runs.map((run) => clock.format(run).split(" "));
  const days = local.map(([day]) => day!);
  for (const [at, day] of days.entries()) {
    if (at === 0) continue;
    const next = new Date(Date.parse(`${days[at - 1]}T00:00:00Z`) + 86_400_000);
    assert.equal(day, next.toISOString().slice(0, 10), "a day without a run, or with two");
  }
  const odd = local.flatMap(([, time]) => time === "02:30" ? [] : [time]);
  assert.deepEqual([...new Set(odd)], ["03:00"]);
  const hours = new Set(runs.map((run) => new Date(run).getUTCHours()));
  assert.equal(hours.size, 2, "the runs cross no change of the clocks");
}
