import assert from "node:assert/strict";
import { join } from "node:path";
import { Host, until } from "./support.ts";

const HANDLERS = `
export const orphan = {
  isolation: "inline",
  run() {
    Promise.reject(new Error("left behind"));
    return "done";
  },
};
export const late = {
  isolation: "inline",
  run() {
    setTimeout(() => { throw new Error("thrown too late"); }, 1);
    return "done";
  },
};
export const quits = {
  isolation: "inline",
  run() {
    Deno.exit(3);
  },
};
export const leaves = {
  isolation: "inline",
  run() {
    process.exit(3);
  },
};
export const stubborn = {
  isolation: "inline",
  run(_payload, { signal }) {
    signal.addEventListener("abort", () => { throw new Error("it will not"); });
    return new Promise(() => {});
  },
};
export const slow = {
  isolation: "inline",
  run: (_payload, context) => new Promise((resolve) => {
    context.progress(0.5, "under way");
    setTimeout(() => resolve("slept"), 3_000);
  }),
};
`;

Deno.test("what an inline handler leaves behind and fails, or does to its process, ends no other attempt of its worker", async () => {
  const host = new Host();
  using clients = new DisposableStack();
  try {
    const handlers = join(host.directory, "handlers.js");
    await Deno.writeTextFile(handlers, HANDLERS);
    await host.startMaster();
    host.startWorker("inline", `--handlers=${handlers}`);
    const client = clients.adopt(host.library(), (each) => each.close());
    const submit = (type: string) =>
      client.submit({ type, payload: new Uint8Array(0), priority: 5, maxRetries: 0 });
    const isCompleted = async (jobId: string) =>
      (await client.getJob(jobId)).job.status === "completed";
    const { jobId } = await submit("slow");
    await until("it runs", async () => (await client.getJob(jobId)).job.status === "running");
    for (const type of ["orphan", "late"]) {
      const { jobId } = await submit(type);
      await until(`${type} is completed`, () => isCompleted(jobId));
    }
    for (const type of ["quits", "leaves"]) {
      const { jobId } = await submit(type);
      const isFailed = async () => (await client.getJob(jobId)).job.status === "failed";
      await until(`${type} is failed`, isFailed);
      assert.match((await client.getJob(jobId)).job.errorMessage, /may not end its worker/);
    }
    const stubborn = (await submit("stubborn")).jobId;
    await until(
      "the stubborn one runs",
      async () => (await client.getJob(stubborn)).job.status === "running",
    );
    await client.cancel(stubborn);
    await until("the slow one is completed", () => isCompleted(jobId));
    const { attempts } = await client.getJob(jobId);
    assert.equal(attempts.length, 1, "its worker lived on");
    const log = join(host.directory, "inline.log");
    for (const what of ["nobody waits for", "left behind", "nobody catches", "thrown too late"]) {
      await until(what, async () => (await Deno.readTextFile(log)).includes(what));
    }
  } finally {
    await host.stop();
  }
});
