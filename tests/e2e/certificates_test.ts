import assert from "node:assert/strict";
import type { JobClient } from "../../src/rpc/mod.ts";
import { eventually } from "../ha/wait.ts";
import { TlsCluster } from "./mtls_support.ts";
import { onHost } from "./support.ts";

const NODES = ["m1", "m2", "m3", "w1"];
const EMPTY = new TextEncoder().encode("{}");

/** Submits jobs one after the other and waits for each, until told to stop. */
function load(client: JobClient) {
  let isOver = false;
  let done = 0;
  const failures: unknown[] = [];
  const running = (async () => {
    while (!isOver) {
      try {
        const { jobId } = await client.submit({ type: "noop", payload: EMPTY, priority: 5 });
        const job = await client.waitFor(jobId);
        assert.equal(job.status, "completed");
        done++;
      } catch (failure) {
        failures.push(failure);
        isOver = true;
      }
    }
  })();
  return {
    /** Resolves once that many more jobs are done. */
    async more(count: number) {
      const goal = done + count;
      await eventually(
        `${count} more jobs`,
        () => Promise.resolve(done >= goal || failures.length > 0 ? true : undefined),
      );
    },
    async end() {
      isOver = true;
      await running;
      return { done, failures };
    },
  };
}

Deno.test("a cluster under load rolls its authority, and lets nobody in whose certificate has ended", () =>
  onHost(async (host) => {
    const cluster = new TlsCluster(host);
    await cluster.issue("ca1");
    cluster.startMasters();
    cluster.startWorker();
    const { client, tls } = await cluster.client();
    try {
      await eventually("the worker is known", async () => {
        const workers = await client.listWorkers();
        return workers.length === 1 ? true : undefined;
      });
      const under = load(client);
      await under.more(3);

      const step = async (change: () => Promise<unknown>, pattern: RegExp) => {
        const marks = await cluster.marks(NODES);
        await change();
        await tls?.reload();
        await cluster.said(NODES, pattern, marks);
        await under.more(3);
      };
      const read = /"what":"security\.tls","msg":"read anew"/;
      await cluster.certs("ca2", "init");
      await step(() => cluster.trust("ca1", "ca2"), read);
      await step(() => cluster.issueAnew("ca2"), read);
      const marks = await cluster.marks(NODES);
      await step(() => cluster.trust("ca2"), read);
      const masters = NODES.slice(0, 3);
      await cluster.said(masters, /certificate is no longer good/, marks);
      await under.more(3);
      const { failures, done } = await under.end();
      assert.deepEqual(failures, [], `of ${done} jobs`);
    } finally {
      client.close();
    }
  }));
