/** What is asked of, and done to, many jobs at once, through the real program. */

import assert from "node:assert/strict";
import type { Submission } from "../../src/rpc/mod.ts";
import { type Host, onHost, until } from "./support.ts";

const payload = new TextEncoder().encode('{"duration":"60s"}');
const broken = new TextEncoder().encode('{"duration":"1ms","fail":"on purpose"}');
/** Of a type that no worker offers: it stays where it is. */
const waiting: Submission = { type: "nobody", payload: new Uint8Array(0), priority: 5 };

async function listed(host: Host, ...flags: string[]) {
  const { code, stdout, stderr } = await host.client("list", "--output=json", ...flags);
  assert.equal(code, 0, stderr);
  const { jobs, total, next_cursor: cursor } = JSON.parse(stdout);
  return { ids: jobs.map((each: { id: string }) => each.id) as string[], total, cursor };
}

Deno.test("jobs are found by any filter, in any order, page by page, and cancelled by one", () =>
  onHost(async (host) => {
    await host.startMaster();
    const client = host.library();
    try {
      const submit = async (more: Partial<Submission>) =>
        (await client.submit({ ...waiting, ...more })).jobId;
      const red = await submit({ labels: { team: "red", n: "1" } });
      const night = await submit({ options: { queue: "night" }, labels: { team: "red" } });
      const betweenMs = Date.now() + 1;
      const between = new Date(betweenMs).toISOString();
      await until("the clock goes on", () => Promise.resolve(Date.now() > betweenMs));
      const batched = await submit({ options: { batchId: "b1" } });
      const child = await submit({ options: { dependsOn: [{ jobId: red, on: "success" }] } });
      for (
        const [flags, ids] of [
          [["--label=team=red"], [night, red]],
          [["--label=team=red", "--label=n=1"], [red]],
          [["--queue=night"], [night]],
          [["--batch=b1"], [batched]],
          [[`--parent=${red}`], [child]],
          [["--status=waiting"], [child]],
          [[`--created-before=${between}`, "--sort=oldest"], [red, night]],
          [[`--created-after=${between}`], [child, batched]],
          [["--type=another"], []],
        ] as const
      ) {
        const found = await listed(host, ...flags);
        assert.deepEqual([found.ids, found.total], [ids, ids.length], flags.join(" "));
      }
      const page = await listed(host, "--limit=3", "--stale");
      assert.deepEqual(page.ids, [child, batched, night]);
      assert.deepEqual((await listed(host, `--cursor=${page.cursor}`)).ids, [red]);

      const dry = await host.client("cancel", "--label=team=red", "--dry-run");
      assert.equal(dry.stdout, "2 jobs would be cancelled\n");
      const done = await host.client("cancel", "--label=team=red", "--output=json");
      assert.deepEqual(JSON.parse(done.stdout), { matched: 2, cancelled: 2, dry_run: false });
      await host.client("cancel", batched);
      const ended = await listed(host, "--sort=first-finished", "--status=cancelled", "--limit=2");
      assert.deepEqual(ended.ids, [red, night]);
      const last = await listed(
        host,
        "--sort=first-finished",
        "--status=cancelled",
        `--cursor=${ended.cursor}`,
      );
      assert.equal(last.ids[0] === child || last.ids[0] === batched, true);
      const byType = (type: string) =>
        listed(host, "--sort=first-finished", `--type=${type}`, "--status=cancelled", "--limit=2");
      assert.deepEqual((await byType("nobody")).ids, ended.ids);
      assert.deepEqual((await byType("noop")).ids, []);
      const odd = await host.client("list", "--sort=last-finished", "--label=team=red");
      assert.equal(odd.code, 2);
      assert.match(
        odd.stderr,
        /goes with the filters status, .* and namespace alone, not with labels; order by newest/,
      );
    } finally {
      client.close();
    }
  }));

Deno.test("running jobs of a filter are stopped at once; dead letters of one are retried and purged", () =>
  onHost(async (host) => {
    await host.startMaster();
    host.startWorker("w1");
    const client = host.library();
    try {
      const running = await client.submitBatch(
        Array.from({ length: 3 }, () => ({ type: "test_sleep", payload, priority: 5 })),
      );
      await until("they run", async () => {
        return (await client.listJobs({ status: "running" })).total === running.length;
      });
      const cancelled = await client.cancelJobs({ status: "running", worker: "w1" });
      assert.deepEqual(cancelled, { matched: 3, changed: 3 });
      await until("the worker is free", async () => {
        return (await client.listWorkers())[0]?.stats?.activeJobs === 0;
      });

      const failing = { type: "test_sleep", payload: broken, priority: 5, maxRetries: 0 };
      await client.submitBatch([
        ...Array.from({ length: 4 }, () => ({ ...failing, labels: { kind: "poison" } })),
        failing,
      ]);
      const dead = (count: number) =>
        until(`${count} dead letters`, async () => {
          return (await client.listDeadLetters()).total === count;
        });
      await dead(5);
      const [one] = (await client.listDeadLetters({ labels: { kind: "poison" } })).jobs;
      const shown = await host.client("dlq", "show", one!.id);
      assert.match(shown.stdout, /on purpose/);
      const retried = await host.client("dlq", "retry", "--label=kind=poison");
      assert.equal(retried.stdout, "4 jobs retried\n");
      await dead(5);
      assert.equal((await client.getJob(one!.id)).job.attempt, 2);

      const unsure = await host.client("dlq", "purge", "--label=kind=poison");
      assert.equal(unsure.code, 2);
      assert.match(unsure.stderr, /would forget 4 dead letters for ever; say --yes/);
      const purged = await host.client("dlq", "purge", "--label=kind=poison", "--yes");
      assert.equal(purged.stdout, "4 jobs purged\n");
      assert.equal((await client.listDeadLetters()).total, 1);
      assert.equal((await host.client("status", one!.id)).code, 1);
      await client.purgeDeadLetters("all");
      assert.equal((await client.listDeadLetters()).total, 0);
    } finally {
      client.close();
    }
  }));

Deno.test("finished jobs beyond an age and a number are forgotten, by a restarted master too", () =>
  onHost(async (host) => {
    const keep = [
      "--set=jobs.keep_cancelled_max=3",
      "--set=jobs.keep_completed=1s",
      "--set=jobs.keep_completed_max=0",
      "--set=jobs.keep_idempotency_keys=1s",
    ];
    const first = await host.startMaster(...keep);
    const client = host.library();
    try {
      const keyed = { ...waiting, idempotencyKey: "for a second" };
      const { jobId: keyedJobId } = await client.submit(keyed);
      const cancelSome = async (count: number) => {
        const items = await client.submitBatch(Array.from({ length: count }, () => waiting));
        await client.cancelJobs({ type: "nobody" });
        return items.map((each) => "jobId" in each ? each.jobId : "");
      };
      const ids = await cancelSome(10);
      await until("three are left", async () => (await client.listJobs()).total === 3);
      assert.deepEqual(
        (await client.listJobs({ order: "oldest" })).jobs.map(({ id }) => id),
        ids.slice(7),
      );
      await until("those that are gone are counted", async () => {
        const metrics = await (await fetch(host.metricsUrl)).text();
        return metrics.includes('conductor_jobs_forgotten_total{reason="retention"} 8\n');
      });
      first.kill("SIGKILL");
      await first.status;
      await host.startMaster(...keep);
      host.startWorker("w1");
      await until("its key is free again", async () => {
        return (await client.submit(keyed)).jobId !== keyedJobId;
      });
      await cancelSome(4);
      const { jobId } = await client.submit({
        type: "noop",
        payload: new Uint8Array(0),
        priority: 5,
      });
      assert.equal((await client.waitFor(jobId)).status, "completed");
      await until("the completed one is gone, and all but three of the others", async () => {
        return (await client.listJobs()).total === 3;
      });
      await assert.rejects(client.getJob(jobId), { reason: "not_found" });
    } finally {
      client.close();
    }
  }));
