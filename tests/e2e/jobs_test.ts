import assert from "node:assert/strict";
import { onHost, until } from "./support.ts";

Deno.test("a job goes from the command line to a worker and its result comes back", () =>
  onHost(async (host) => {
    await host.startMaster();
    host.startWorker("w1");
    const done = await host.client(
      "submit",
      "--type=test_sleep",
      '--payload={"duration":"50ms"}',
      "--wait",
      "--output=json",
    );
    assert.equal(done.code, 0, done.stderr);
    const job = JSON.parse(done.stdout);
    assert.equal(job.status, "completed");
    assert.equal(job.result.output.slept_ms, 50);
    assert.match(done.stderr, /completed on w1/);

    const status = await host.client("status", job.id, "--output=json");
    assert.deepEqual(
      JSON.parse(status.stdout).attempts.map((each: { outcome: string }) => each.outcome),
      ["completed"],
    );
    const listed = JSON.parse((await host.client("list", "--output=json")).stdout);
    assert.deepEqual(listed.jobs.map((each: { id: string }) => each.id), [job.id]);
    const { workers } = JSON.parse((await host.client("workers", "--output=json")).stdout);
    assert.equal(workers[0].id, "w1");
    const cluster = JSON.parse((await host.client("cluster", "status", "--output=json")).stdout);
    assert.equal(cluster.raft_state, "Leader");

    const failed = await host.client(
      "submit",
      "--type=test_sleep",
      '--payload={"duration":"1ms","fail":"on purpose"}',
      "--max-retries=1",
      "--wait",
    );
    assert.equal(failed.code, 1);
    assert.match(failed.stderr, /failed: .*on purpose/);
    const letters = JSON.parse((await host.client("dlq", "list", "--output=json")).stdout);
    assert.equal(letters.total, 1);
    assert.equal(letters.jobs[0].attempt, 2);
  }));

Deno.test("a running job that is cancelled ends as cancelled and never runs again", () =>
  onHost(async (host) => {
    await host.startMaster();
    host.startWorker("w1");
    const client = host.library();
    try {
      const payload = new TextEncoder().encode('{"duration":"60s"}');
      const { jobId } = await client.submit({ type: "test_sleep", payload, priority: 5 });
      await until("it runs", async () => (await client.getJob(jobId)).job.status === "running");
      assert.equal((await host.client("cancel", jobId)).code, 0);
      assert.equal((await host.client("cancel", jobId)).code, 0, "cancelling twice is no fault");
      assert.equal((await client.getJob(jobId)).job.status, "cancelled");
      await until("the worker is free", async () => {
        const [worker] = await client.listWorkers();
        return worker?.stats?.activeJobs === 0;
      });
      assert.equal((await client.getJob(jobId)).job.attempt, 1);
    } finally {
      client.close();
    }
  }));

Deno.test("a job that outlives its timeout fails, and says so", () =>
  onHost(async (host) => {
    await host.startMaster();
    host.startWorker("w1");
    const late = await host.client(
      "submit",
      "--type=test_sleep",
      '--payload={"duration":"60s"}',
      "--timeout=200ms",
      "--max-retries=0",
      "--wait",
    );
    assert.equal(late.code, 1);
    assert.match(late.stderr, /timed out/);
  }));

Deno.test("a job that nobody offers the type or has the tags for waits, and whoever submits it is told", () =>
  onHost(async (host) => {
    await host.startMaster();
    host.startWorker("w1");
    const client = host.library();
    try {
      await until("the worker is there", async () => (await client.listWorkers()).length === 1);
    } finally {
      client.close();
    }
    const submitted = await host.client("submit", "--type=test_slep", "--payload={}");
    assert.equal(submitted.code, 0);
    assert.match(submitted.stderr, /no connected worker offers .*test_sleep/);
    const status = await host.client("status", submitted.stdout.trim());
    assert.match(status.stdout, /no connected worker offers type "test_slep"/);
    const untagged = await host.client(
      "submit",
      "--type=noop",
      "--require=gpu",
      "--require=zone=a",
    );
    assert.equal(untagged.code, 0);
    assert.match(
      untagged.stderr,
      /worker that offers type "noop" has the tags gpu, zone=a; the job waits until one does/,
    );
  }));

Deno.test("a custom type is loaded from a file and runs in a process of its own", () =>
  onHost(async (host) => {
    await host.startMaster();
    const handlers = `${host.directory}/handlers.js`;
    await Deno.writeTextFile(
      handlers,
      "export function greet(payload, context) {\n" +
        "  context.log(`hello ${payload.name}`);\n" +
        "  return { greeting: `Hello, ${payload.name}!` };\n}\n",
    );
    host.startWorker("w1", `--handlers=${handlers}`);
    const done = await host.client(
      "submit",
      "--type=greet",
      '--payload={"name":"Ada"}',
      "--wait",
      "--output=json",
    );
    assert.equal(done.code, 0, done.stderr);
    assert.deepEqual(JSON.parse(done.stdout).result.output, { greeting: "Hello, Ada!" });
  }));
