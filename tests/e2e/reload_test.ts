import assert from "node:assert/strict";
import { join } from "node:path";
import { onHost, until } from "./support.ts";

Deno.test("a node that runs takes over what its file now says, on SIGHUP, and no job is lost by it", () =>
  onHost(async (host) => {
    const files = {
      master: join(host.directory, "m.yaml"),
      worker: join(host.directory, "w.yaml"),
    };
    await Deno.writeTextFile(files.master, "scheduler: { job_timeout: 3m }\n");
    await Deno.writeTextFile(files.worker, "worker: { max_concurrent_jobs: 1 }\n");
    const master = await host.startMaster(`--config=${files.master}`);
    const worker = host.startWorker("w1", `--config=${files.worker}`);
    const rewrite = async (
      role: "master" | "worker",
      text: string,
      isSaid: RegExp,
    ): Promise<void> => {
      const log = () => Deno.readTextFile(join(host.directory, LOGS[role]));
      const before = (await log()).length;
      await Deno.writeTextFile(files[role], text);
      (role === "master" ? master : worker).kill("SIGHUP");
      await until(String(isSaid), async () => isSaid.test((await log()).slice(before)));
    };
    const client = host.library();
    try {
      // Whatever cost one of them an attempt would end it, and be seen.
      const submit = async () =>
        (await client.submit({ type: "test_sleep", payload: AGES, priority: 5, maxRetries: 0 }))
          .jobId;
      const statuses = (ids: readonly string[]) =>
        Promise.all(ids.map(async (id) => (await client.getJob(id)).job.status));
      const jobs = [await submit(), await submit(), await submit()];
      const running = async (count: number) =>
        (await statuses(jobs)).filter((each) => each === "running").length === count;
      await until("one runs", () => running(1));

      await rewrite(
        "worker",
        "worker: { max_concurrent_jobs: 3, type_concurrency: { test_sleep: 3 } }\n",
        /"taken_over":"worker.max_concurrent_jobs,worker.type_concurrency"/,
      );
      await until("all of them run", () => running(3));
      // What is not valid leaves all as it was, and so does what is for the next start alone.
      await rewrite(
        "worker",
        "worker: { max_concurrent_jobs: none }\n",
        /^(?!.*"stack").*max_concurrent_jobs.*none/m,
      );
      await rewrite(
        "worker",
        "worker: { max_concurrent_jobs: 2, drain_timeout: 11s }\n",
        /"after_restart":"worker.drain_timeout"/,
      );
      await until("the cluster knows", async () => {
        const { stdout } = await host.client("workers", "--output=json");
        return JSON.parse(stdout).workers[0].slots === 2;
      });
      assert.ok(await running(3), "those that ran go on");
      // Whoever looks sees what holds now, not at the last `metrics.collect_interval`.
      const metrics = await (await fetch(host.metricsUrl)).text();
      assert.match(metrics, /^conductor_worker_job_capacity\{worker_id="w1",metric="max"\} 2$/m);
      assert.match(metrics, /^conductor_jobs_active 3$/m);
      const last = await submit();
      await client.cancel(jobs[0]!);
      await until("it is cancelled", () => running(2));
      assert.deepEqual(await statuses([last]), ["pending"]);
      await client.cancel(jobs[1]!);
      await until("there is room", async () => (await statuses([last]))[0] === "running");
      assert.deepEqual(
        await Promise.all(jobs.map(async (id) => (await client.getJob(id)).job.attempt)),
        [1, 1, 1],
      );

      await rewrite(
        "master",
        "scheduler: { scheduling_policy: random, job_timeout: 7m, type_defaults: { noop: max_retries=9 } }\n",
        /"taken_over":"scheduler.scheduling_policy,scheduler.job_timeout,scheduler.type_defaults"/,
      );
      const noop = await client.submit({ type: "noop", payload: new Uint8Array(), priority: 5 });
      const { timeoutMs, maxRetries } = (await client.getJob(noop.jobId)).job;
      assert.deepEqual([timeoutMs, maxRetries], [420_000, 9]);
      assert.equal((await client.getJob(last)).job.timeoutMs, 180_000, "it was submitted before");
      await client.cancel(last);
      await until("it is done", async () => (await statuses([noop.jobId]))[0] === "completed");
      assert.match(
        await (await fetch(host.metricsUrl)).text(),
        /^conductor_scheduling_attempts_total\{policy="random",result="success"\} 1$/m,
      );
    } finally {
      client.close();
    }
  }));

Deno.test("SIGHUP ends no node that is still starting", () =>
  onHost(async (host) => {
    const [handlers, here, go] = ["h.js", "here", "go"].map((name) => join(host.directory, name));
    await Deno.writeTextFile(handlers!, SLOW_HANDLERS);
    const worker = host.startWorker(
      "w1",
      `--handlers=${handlers}`,
      `--set=worker.http_port=${new URL(host.httpUrl).port}`,
    );
    await until("its handlers are being loaded", () => exists(here!));
    worker.kill("SIGHUP");
    await Deno.writeTextFile(go!, "");
    await until("it has started", async () => {
      const response = await fetch(`${host.httpUrl}/health`);
      return await response.text() === "OK";
    });
  }));

/** Says that it is being loaded, and is not until it may. */
const SLOW_HANDLERS = `
await Deno.writeTextFile(new URL("here", import.meta.url), "");
const go = new URL("go", import.meta.url);
while (!(await Deno.stat(go).catch(() => undefined))) await new Promise((r) => setTimeout(r, 20));
export const nothing = () => ({});
`;

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (failure) {
    if (failure instanceof Deno.errors.NotFound) return false;
    throw failure;
  }
}

const LOGS = { master: "master.log", worker: "w1.log" } as const;
const AGES = new TextEncoder().encode('{"duration":"60s"}');
