import assert from "node:assert/strict";
import { credentials } from "@grpc/grpc-js";
import { ScheduleClient } from "../../src/rpc/mod.ts";
import { eventually, onCluster } from "./support.ts";

Deno.test("a schedule of every second makes one job for each, though its leader is killed", () =>
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
        timing: {
          kind: "cron",
          expression: "* * * * * *",
          timeZone: "UTC",
          startAtMs: 0,
          endAtMs: 0,
        },
        job: { type: "noop", payload: new Uint8Array(0), priority: 5 },
        overlap: "allow",
        catchUp: "all",
      }, { replace: false });
      await atLeast(2);
      const leader = await cluster.leader();
      await leader.process.kill();
      const times = await atLeast((await made()).length + 4);
      assert.deepEqual(times, times.map((_, at) => times[0]! + at), "one each, and none left out");
      const { schedule } = await schedules.get("tick");
      assert.deepEqual([schedule.missed, schedule.skipped], [0, 0]);
      await schedules.pause("tick");
      await eventually("all its jobs are completed", async () => {
        const { unfinishedRuns } = (await schedules.get("tick")).schedule;
        return unfinishedRuns === 0 ? true : undefined;
      });
    } finally {
      schedules.close();
    }
  }));
