import assert from "node:assert/strict";
import { end, onHost, until } from "./support.ts";

const ROUNDS = 6;

Deno.test("no accepted job is lost or doubled when the master is killed again and again", () =>
  onHost(async (host) => {
    let master = await host.startMaster();
    const client = host.library();
    const acknowledged: string[] = [];
    let isSubmitting = true;
    const lane = async () => {
      while (isSubmitting) {
        const { jobId } = await client.submit({
          type: "noop",
          payload: new Uint8Array(0),
          priority: 5,
        });
        acknowledged.push(jobId);
      }
    };
    try {
      const lanes = Promise.all(Array.from({ length: 8 }, lane));
      for (let round = 1; round <= ROUNDS; round++) {
        const wanted = acknowledged.length + 37 * round;
        await until(`round ${round}`, () => Promise.resolve(acknowledged.length >= wanted));
        await end(master, "SIGKILL");
        master = await host.startMaster();
      }
      isSubmitting = false;
      await lanes;
      assert.equal(new Set(acknowledged).size, acknowledged.length, "an id was given twice");
      host.startWorker("w1");
      await until("every job is completed", async () => {
        const page = await client.listJobs({ status: "completed", limit: 1 });
        return page.total >= acknowledged.length;
      });
      const all = await client.listJobs({ limit: 1 });
      assert.equal(all.total, acknowledged.length, "a job is there that nobody was told of");
      for (const jobId of acknowledged) {
        assert.equal((await client.getJob(jobId)).job.status, "completed");
      }
    } finally {
      isSubmitting = false;
      client.close();
    }
  }));

Deno.test("a worker outlives its master, and its running job is completed once", () =>
  onHost(async (host) => {
    let master = await host.startMaster();
    host.startWorker("w1");
    const client = host.library();
    try {
      const payload = new TextEncoder().encode('{"duration":"3s"}');
      const { jobId } = await client.submit({ type: "test_sleep", payload, priority: 5 });
      await until("it runs", async () => (await client.getJob(jobId)).job.status === "running");
      assert.equal(await end(master, "SIGTERM"), 0);
      master = await host.startMaster();
      const job = await client.waitFor(jobId);
      assert.equal(job.status, "completed");
      assert.equal(job.attempt, 1, "it was run again");
    } finally {
      client.close();
    }
  }));

Deno.test("a worker that is killed loses its lease, and another one completes the job", () =>
  onHost(async (host) => {
    await host.startMaster();
    const first = host.startWorker("w1");
    const client = host.library();
    try {
      const payload = new TextEncoder().encode('{"duration":"1s"}');
      const { jobId } = await client.submit({ type: "test_sleep", payload, priority: 5 });
      await until("it runs", async () => (await client.getJob(jobId)).job.status === "running");
      await end(first, "SIGKILL");
      host.startWorker("w2");
      const job = await client.waitFor(jobId);
      assert.equal(job.status, "completed");
      assert.equal(job.assignedTo, "w2");
      assert.equal(job.attempt, 2);
    } finally {
      client.close();
    }
  }));

Deno.test("a worker that comes before its master waits for it", () =>
  onHost(async (host) => {
    host.startWorker("w1");
    await until("it says that nobody is there", async () => {
      try {
        return /cannot reach a master/.test(await Deno.readTextFile(`${host.directory}/w1.log`));
      } catch (failure) {
        if (failure instanceof Deno.errors.NotFound) return false;
        throw failure;
      }
    });
    await host.startMaster();
    const client = host.library();
    try {
      await until("it registers", async () => (await client.listWorkers()).length === 1);
    } finally {
      client.close();
    }
  }));
