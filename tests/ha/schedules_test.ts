import assert from "node:assert/strict";
import { credentials } from "@grpc/grpc-js";
import { ScheduleClient } from "../../src/rpc/mod.ts";
import { beginRun, isRightByTheClock, OVERLAPS, type OverlapScene } from "../e2e/schedule_rows.ts";
import { eventually, onCluster } from "./support.ts";

/** Between two days on which the clocks skip an hour there may be 371. */
const ACROSS_A_YEAR = 380;
const cron = { kind: "cron", startAtMs: 0, endAtMs: 0 } as const;

Deno.test("a schedule of every second makes one job for each, and all heed policy, key and zone, though their leader is killed", () =>
  onCluster({ masters: 3, workers: 1 }, async (cluster) => {
    const schedules = new ScheduleClient({
      addresses: cluster.masters.map(({ grpcAddress }) => grpcAddress),
      credentials: credentials.createInsecure(),
      messageBytesMax: 4 * 1024 * 1024,
      callTimeoutMs: 30_000,
      dialTimeoutMs: 2_000,
    });
    const client = cluster.client();
    /** The times that jobs were made for, in seconds. */
    const made = async () => {
      const { jobs } = await client.listJobs({ limit: 1000 });
      return jobs.flatMap(({ options }) => options?.scheduledAtMs ?? []).map((ms) => ms / 1000)
        .sort((a, b) => a - b);
    };
    const atLeast = (count: number) =>
      eventually(`${count} jobs`, async () => {
        const times = await made();
        return times.length >= count ? times : undefined;
      });
    try {
      await schedules.add({
        name: "tick",
        timing: { ...cron, expression: "* * * * * *", timeZone: "UTC" },
        job: { type: "noop", payload: new Uint8Array(0), priority: 5 },
        overlap: "allow",
        catchUp: "all",
      }, { replace: false });
      const begun: Omit<OverlapScene, "jobs" | "schedules">[] = [];
      for (const name of Object.keys(OVERLAPS)) {
        begun.push({ name, ...await beginRun(schedules, name) });
      }
      await schedules.add({
        name: "zoned",
        timing: { ...cron, expression: "30 2 * * *", timeZone: "Europe/Berlin" },
        job: { type: "nobodys", payload: new Uint8Array(0), priority: 5 },
      }, { replace: false });
      const once = await schedules.trigger("zoned", { idempotencyKey: "once" });
      const { nextRuns } = await schedules.get("zoned", { nextRuns: ACROSS_A_YEAR });
      await atLeast(2);
      const leader = await cluster.leader();
      await leader.process.kill();
      const times = await atLeast((await made()).length + 4);
      assert.deepEqual(times, times.map((_, at) => times[0]! + at), "one each, and none left out");
      const { schedule } = await schedules.get("tick");
      assert.deepEqual([schedule.missed, schedule.skipped], [0, 0]);
      await schedules.pause("tick");
      for (const each of begun) await OVERLAPS[each.name]!({ ...each, schedules, jobs: client });
      assert.deepEqual(await schedules.trigger("zoned", { idempotencyKey: "once" }), {
        jobId: once.jobId,
        duplicate: true,
      });
      assert.deepEqual(
        (await schedules.get("zoned", { nextRuns: ACROSS_A_YEAR })).nextRuns,
        nextRuns,
      );
      isRightByTheClock(nextRuns, "Europe/Berlin");
      await eventually("all its jobs are completed", async () => {
        const { unfinishedRuns } = (await schedules.get("tick")).schedule;
        return unfinishedRuns === 0 ? true : undefined;
      });
    } finally {
      schedules.close();
    }
  }));
