/** What a job says and leaves behind, as the command line shows it. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { type Host, onHost, until } from "./support.ts";

const handler = `
export async function talk({ lines, gate }, context) {
  for (let line = 1; line <= lines; line++) context.log("line " + line);
  context.progress(0.5, "half way");
  while (gate) {
    try { Deno.statSync(gate); gate = ""; } catch { await new Promise((r) => setTimeout(r, 50)); }
  }
  context.log("done");
  return { lines };
}
`;

Deno.test("a job's log and progress are seen while it runs and after, and its result is saved", () =>
  onHost(async (host) => {
    await host.startMaster();
    const handlers = join(host.directory, "talk.js");
    const gate = join(host.directory, "gate");
    await Deno.writeTextFile(handlers, handler);
    host.startWorker("w1", `--handlers=${handlers}`);
    const client = host.library();
    const submit = async (payload: unknown) =>
      (await client.submit({
        type: "talk",
        payload: new TextEncoder().encode(JSON.stringify(payload)),
        priority: 5,
      })).jobId;
    try {
      const jobId = await submit({ lines: 5, gate });
      await until("it is half way", async () => (await client.getJob(jobId)).progress === 0.5);
      const running = await host.client("status", jobId);
      assert.match(running.stdout, /Progress +50% half way/);
      const soFar = await host.client("logs", jobId, "--tail=2");
      assert.equal(soFar.stdout, "line 4\nline 5\n");
      const followed = host.client("logs", jobId, "--follow", "--tail=1");
      await Deno.writeTextFile(gate, "");
      // The job may have ended before the command had started.
      assert.match((await followed).stdout, /^(line 5\n)?done\n$/);
      const file = join(host.directory, "result.json");
      assert.equal((await host.client("result", jobId, `--file=${file}`)).code, 0);
      assert.deepEqual(JSON.parse(await Deno.readTextFile(file)), { lines: 5 });

      const long = await submit({ lines: 1_500, gate: "" });
      await client.waitFor(long);
      const kept = (await host.client("logs", long)).stdout.split("\n");
      assert.deepEqual(kept.slice(0, 2), ["[501 earlier lines were cut]", "line 502"]);
      assert.equal(kept.at(-2), "done");
      // Nobody reports of an attempt that was cancelled: what the leader heard of it is kept.
      const runaway = await submit({ lines: 3, gate: join(host.directory, "never") });
      await until("it has talked", async () => (await client.getJob(runaway)).progress === 0.5);
      assert.equal((await host.client("cancel", runaway)).code, 0);
      assert.equal((await host.client("logs", runaway)).stdout, "line 1\nline 2\nline 3\n");
      const { log_tail: logTail } = JSON.parse(
        (await host.client("status", runaway, "--output=json")).stdout,
      );
      assert.deepEqual(logTail, ["line 1", "line 2", "line 3"]);
      const waiting = await client.submit({
        type: "nobody",
        payload: new Uint8Array(0),
        priority: 5,
        options: { batchId: "late" },
      });
      const silent = await host.client("logs", waiting.jobId);
      assert.deepEqual([silent.code, silent.stdout], [0, ""]);
      assert.match(silent.stderr, /is pending and has not run yet/);
      await endsWaits(host, waiting.jobId);
    } finally {
      client.close();
    }
  }));

/** Every command that waits for a job's end takes a time, and says where the job is when it is over. */
async function endsWaits(host: Host, pending: string): Promise<void> {
  const isStillPending = /^conductor: job \S+ is still pending; it goes on\. .*explain/m;
  const lines: string[][] = [
    ["watch", pending, "--timeout=2s"],
    ["logs", pending, "-f", "--timeout=2s"],
    ["result", pending, "--wait", "--timeout=2s"],
    ["submit", "--type=nobody", "--wait-timeout=2s"],
  ];
  const wait = host.client("batch", "wait", "late", "--timeout=2s");
  const answers = await Promise.all(lines.map((line) => host.client(...line)));
  for (const [at, { code, stdout, stderr }] of answers.entries()) {
    assert.deepEqual([code, stdout], [124, ""], lines[at]!.join(" "));
    assert.match(stderr, isStillPending, lines[at]!.join(" "));
  }
  const batch = await wait;
  assert.deepEqual([batch.code, batch.stdout], [124, ""]);
  assert.match(
    batch.stderr,
    /batch late is not at its end yet: 0 of 1 finished; the batch goes on/,
  );
  const alone = await host.client("logs", pending, "--timeout=2s");
  assert.equal(alone.code, 2);
  assert.match(alone.stderr, /--timeout .* goes with --follow/);
}
