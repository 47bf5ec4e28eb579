import assert from "node:assert/strict";
import { credentials } from "@grpc/grpc-js";
import { ScheduleClient, type ScheduleTiming } from "../../src/rpc/mod.ts";
import { beginRun, isRightByTheClock, OVERLAPS } from "./schedule_rows.ts";
import { end, type Host, onHost, run, until } from "./support.ts";

const always = { startAtMs: 0, endAtMs: 0 };
const everySecond: ScheduleTiming = { kind: "every", ...always, everyMs: 1000, anchorMs: 0 };

/** Schedules by the library, with patience for a master that is being restarted. */
function schedulesOf(host: Host): ScheduleClient {
  return new ScheduleClient({
    addresses: [host.grpcAddress],
    credentials: credentials.createInsecure(),
    messageBytesMax: 4 * 1024 * 1024,
    callTimeoutMs: 30_000,
    dialTimeoutMs: 2_000,
  });
}

Deno.test("a schedule is made, looked at, paused, triggered and removed from the command line", () =>
  onHost(async (host) => {
    await host.startMaster();
    host.startWorker("w1");
    const json = async (...args: string[]) => {
      const { code, stdout, stderr } = await host.client("schedule", ...args, "--output=json");
      assert.equal(code, 0, stderr);
      return JSON.parse(stdout);
    };
    const zone = ["--cron=30 2 29 2 *", "--tz=Europe/Berlin"];
    await json("add", "leap", ...zone, "--type=noop", "--label=a=b", "--queue=night");
    const unknown = await host.client("schedule", "add", "typo", "--every=1h", "--type=nop");
    assert.equal(unknown.code, 0);
    assert.match(unknown.stderr, /no connected worker offers job type "nop" \(did you mean "noop"/);
    await json("remove", "typo");
    const leap = await json("show", "leap", "--next=2");
    assert.equal(leap.next_runs.length, 2);
    assert.match(leap.next_at, /-02-29T01:30:00.000Z$/);
    assert.equal(leap.job.options.queue, "night");

    const once = ["trigger", "leap", "--idempotency-key=once"];
    const { job_id: jobId, duplicate } = await json(...once);
    assert.equal(duplicate, false);
    const client = host.library();
    try {
      const { labels, options } = await client.waitFor(jobId);
      assert.deepEqual([labels, options?.schedule], [{ a: "b" }, "leap"]);
    } finally {
      client.close();
    }
    const { last_jobs: lastJobs } = await json("show", "leap");
    assert.deepEqual(lastJobs.map((each: { id: string }) => each.id), [jobId]);
    const again = await host.client("schedule", ...once);
    assert.deepEqual([again.stdout, again.stderr], [
      `${jobId}\n`,
      "conductor: an earlier call made this job\n",
    ]);
    await json("pause", "leap");
    const [listed] = (await json("list")).schedules;
    assert.deepEqual([listed.paused, listed.next_at, listed.runs], [true, null, 1]);
    const taken = await host.client("schedule", "add", "leap", "--every=1h", "--type=noop");
    assert.equal(taken.code, 1);
    assert.match(taken.stderr, /there is a schedule leap already/);
    await json("add", "leap", "--every=1h", "--type=noop", "--replace");
    await json("resume", "leap");
    await json("remove", "leap");
    assert.match((await host.client("schedule", "show", "leap")).stderr, /no schedule "leap"/);
    const never = await host.client("schedule", "add", "x", "--cron=0 0 31 2 *", "--type=noop");
    assert.deepEqual([never.code, /never due/.test(never.stderr)], [2, true], never.stderr);
  }));

Deno.test("while a run is not finished, the next is what the overlap policy says", () =>
  onHost(async (host) => {
    await host.startMaster();
    const schedules = schedulesOf(host);
    const jobs = host.library();
    try {
      for (const [name, show] of Object.entries(OVERLAPS)) {
        const rest = await beginRun(schedules, name);
        await show({ schedules, jobs, name, ...rest });
      }
    } finally {
      schedules.close();
      jobs.close();
    }
  }));

Deno.test("after a master was gone, each schedule catches up as its policy says", () =>
  onHost(async (host) => {
    let master = await host.startMaster();
    const schedules = schedulesOf(host);
    const jobs = host.library();
    const job = { type: "noop", payload: new Uint8Array(0), priority: 5 };
    const add = (name: string, timing: ScheduleTiming, catchUp: string) =>
      schedules.add({ name, timing, job, catchUp, overlap: "allow", graceMs: 500 }, {
        replace: false,
      });
    const made = async (name: string) => {
      const page = await jobs.listJobs({ schedule: name, limit: 1000 });
      return page.jobs.map(({ options }) => options?.scheduledAtMs ?? 0).sort((a, b) => a - b);
    };
    try {
      await add("all", everySecond, "all");
      await add("last", everySecond, "last");
      await until(
        "both ran",
        async () => (await made("all")).length > 0 && (await made("last")).length > 0,
      );
      const atMs = Date.now() + 3000;
      await add("at-none", { kind: "at", ...always, atMs }, "none");
      await add("at-last", { kind: "at", ...always, atMs }, "last");
      await end(master, "SIGKILL");
      await until("both times are past", () => Promise.resolve(Date.now() > atMs + 1000));
      master = await host.startMaster();
      const restartedMs = Date.now();
      await until("the schedules go on", async () => {
        const latest = [await made("all"), await made("last")].map((each) => each.at(-1) ?? 0);
        return Math.min(...latest) > restartedMs;
      });
      const { schedule: all } = await schedules.get("all");
      assert.deepEqual([all.missed, all.skipped], [0, 0]);
      const times = await made("all");
      times.forEach((time, at) => assert.equal(time, times[0]! + at * 1000, `of ${times}`));

      const { schedule: last } = await schedules.get("last");
      assert.ok(last.missed >= 1, "it had nothing to catch up with");
      const lastTimes = await made("last");
      assert.equal(
        lastTimes.length + last.missed,
        (last.lastScheduledAtMs - lastTimes[0]!) / 1000 + 1,
        "every time is accounted for",
      );

      const { schedule: none } = await schedules.get("at-none");
      assert.deepEqual([none.runs, none.missed, none.nextAtMs], [0, 1, 0]);
      assert.deepEqual(await made("at-last"), [atMs]);
    } finally {
      schedules.close();
      jobs.close();
    }
  }));

Deno.test("when an expression is due is told without a cluster, and what is wrong with one", async () => {
  const cron = ["schedule", "next", "--tz=America/New_York", "--count=2"];
  const right = await run([...cron, "--cron=30 1 * * *", "--output=json"]);
  assert.equal(JSON.parse(right.stdout).next_runs.length, 2, right.stderr);
  // 30 March 2025 had no half past two in Berlin, and 26 October had two.
  const daily = ["schedule", "next", "--cron=30 2 * * *", "--tz=Europe/Berlin", "--count=300"];
  const year = await run([...daily, "--from=2025-03-01T00:00", "--output=json"]);
  const runs: number[] = JSON.parse(year.stdout).next_runs.map(Date.parse);
  assert.equal(new Date(runs[0]!).toISOString(), "2025-03-01T01:30:00.000Z");
  isRightByTheClock(runs, "Europe/Berlin");
  const wrong = await run([...cron, "--cron=0 24 * * *"]);
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /--cron is "0 24 \* \* \*"; the hour is "24"; it may be 0-23/);
});
