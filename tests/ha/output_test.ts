/** What is asked of many jobs, and what a running one says, while the leader is lost. */

import assert from "node:assert/strict";
import { eventually, onCluster } from "./support.ts";

const handler = `
export async function talk({ lines }, context) {
  for (let line = 1; line <= lines; line++) {
    context.log("line " + line);
    context.progress(line / (lines + 1), "line " + line);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { lines };
}
`;

Deno.test("a watcher loses no line and no progress with the leader, nor lists and retention a job", () =>
  onCluster({
    workers: 0,
    masterFlags: ["--set=jobs.keep_cancelled_max=5"],
  }, async (cluster) => {
    const handlers = `${cluster.directory}/talk.js`;
    await Deno.writeTextFile(handlers, handler);
    cluster.startWorker("w1", `--handlers=${handlers}`);
    const client = cluster.client();
    const waiting = { type: "nobody", payload: new Uint8Array(0), priority: 5 };
    await client.submitBatch(
      Array.from({ length: 20 }, () => ({ ...waiting, labels: { team: "red" } })),
    );
    const { jobId } = await client.submit({
      type: "talk",
      payload: new TextEncoder().encode('{"lines":160}'),
      priority: 5,
    });
    const heard: string[] = [];
    const watched = (async () => {
      for await (const event of client.watch(jobId, undefined, { keptLog: true })) {
        if (event.kind === "log") heard.push(...event.lines);
        if (event.kind === "state" && event.job.completedAtMs !== undefined) return event.job;
      }
      throw new Error("the watch ended before the job did");
    })();
    await eventually("it talks", () => Promise.resolve(heard.length >= 20 ? true : undefined));
    const leader = await cluster.leader();
    await leader.process.kill();
    await eventually("its progress is known to the next leader, from any member", async () => {
      const [first] = cluster.masters.filter((each) => each !== leader);
      const { progress, logTail } = await cluster.client({ only: first!.grpcAddress }).getJob(
        jobId,
      );
      return progress > 0.1 && logTail[0] === "line 1" ? true : undefined;
    });
    const cancelled = await client.cancelJobs({ labels: { team: "red" } });
    assert.deepEqual(cancelled, { matched: 20, changed: 20 });
    assert.equal((await watched)?.status, "completed");
    const said = Array.from({ length: 160 }, (_, line) => `line ${line + 1}`);
    assert.deepEqual(heard, said, "each line once, in order");
    assert.deepEqual((await client.getJob(jobId)).logTail, said, "and kept");
    await eventually("the new leader forgets what is too much", async () => {
      return (await client.listJobs({ status: "cancelled" })).total === 5 ? true : undefined;
    });
  }));
