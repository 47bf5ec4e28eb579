/** Payloads, results and all that jobs say are in clear with clients and workers that have the key alone. */

import assert from "node:assert/strict";
import { credentials } from "@grpc/grpc-js";
import { join } from "node:path";
import { ClusterChannel, JobClient, ScheduleClient, sealedCalls } from "../../src/rpc/mod.ts";
import { readPayloadKeys } from "../../src/security/mod.ts";
import { filesBelow, holds } from "./bytes.ts";
import { end, onHost, run } from "./support.ts";

/** In every payload; by this it is found, whatever stands around it. */
const CANARY = "cAnArYpayload7431";

/** Says and leaves what it was given; a child leaves what its parent left. */
const HANDLERS = `
export async function echo({ text }, job) {
  job.log("given " + text);
  job.progress(0.5, "half of " + text);
  const [parent] = job.parents;
  const before = parent && JSON.parse(new TextDecoder().decode((await job.parentResult(parent.jobId)).output));
  return { text, before };
}
export function fail({ text }) {
  throw new Error("cannot do " + text);
}
`;

Deno.test("a cluster carries encrypted payloads and results, and never sees one in clear", () =>
  onHost(async (host) => {
    const at = (name: string) => join(host.directory, name);
    await Deno.writeTextFile(at("handlers.js"), HANDLERS);
    const [first] = await keysBy("new", at("key"));
    const [stranger] = await keysBy("new", at("other.key"));
    assert.equal((await Deno.stat(at("key"))).mode! & 0o777, 0o600);
    const master = await host.startMaster("--log-level=debug");
    const worker = host.startWorker(
      "w1",
      `--handlers=${at("handlers.js")}`,
      `--payload-key-file=${at("key")}`,
      "--log-level=debug",
    );
    const withKey = `--payload-key-file=${at("key")}`;
    const ask = async (...args: string[]) => {
      const { code, stdout, stderr } = await host.client(...args);
      return {
        code,
        stdout,
        stderr,
        json: stdout.startsWith("{") ? JSON.parse(stdout) : undefined,
      };
    };

    const channel = () =>
      new ClusterChannel({
        addresses: [host.grpcAddress],
        credentials: credentials.createInsecure(),
        messageBytesMax: 4 * 1024 * 1024,
        callTimeoutMs: 30_000,
        dialTimeoutMs: 2_000,
      });
    const keys = () => readPayloadKeys({ text: "", file: at("key") });

    // Whoever has the key reads everything, and nobody else anything.
    const payload = { text: CANARY };
    const submit = (type: string, ...more: string[]) =>
      ask("submit", `--type=${type}`, `--payload=${JSON.stringify(payload)}`, "--wait", ...more);
    const { json: done } = await submit("echo", withKey, "--output=json");
    assert.deepEqual(done.result.output, payload);
    const { json: blind } = await ask("status", done.id, "--output=json");
    assert.equal(blind.payload.encrypted_with, first);
    assert.equal(blind.result.output.encrypted_with, first);
    assert.deepEqual(blind.log_tail, [`[encrypted with payload key ${first}]`]);
    const refused = await ask("result", done.id);
    assert.equal(refused.code, 1);
    assert.match(
      refused.stderr,
      new RegExp(`is encrypted with payload key ${first}, which was not`),
    );

    // An error is read as a result is, and decides about retries as one in clear does.
    const failed = await submit("fail", withKey, "--permanent-error=cannot do");
    assert.match(failed.stderr, new RegExp(`failed: cannot do ${CANARY}`));

    // Another key is no key: the job ends with its first attempt, and says by which it was encrypted.
    const otherKey = `--payload-key-file=${at("other.key")}`;
    const { json: foreign } = await submit("echo", otherKey, "--output=json");
    assert.deepEqual([foreign.status, foreign.attempt, foreign.error], [
      "failed",
      1,
      `the payload cannot be read: it is encrypted with payload key ${stranger}, and here is ${first}`,
    ]);

    // What masters cannot look at is looked at before it leaves.
    const wrong = await submit("http", withKey);
    assert.deepEqual([wrong.code, wrong.stdout], [2, ""]);
    assert.match(wrong.stderr, /The payload of this http job has 2 faults: url is missing/);

    // A repetition is the same job, also after a new key came in front; the worker reads it at once.
    const bytes = new TextEncoder().encode(JSON.stringify(payload));
    const echo = { type: "echo", payload: bytes, priority: 5 };
    const old = new JobClient(sealedCalls(channel(), keys()));
    const before = await old.submit({ ...echo, idempotencyKey: "k1" });
    assert.equal((await old.submit({ ...echo, idempotencyKey: "k1" })).duplicate, true);
    old.close();
    const [second, ...rest] = await keysBy("rotate", at("key"));
    assert.deepEqual(rest, [first]);
    const calls = sealedCalls(channel(), keys());
    const client = new JobClient(calls);
    try {
      const after = await client.submit({ ...echo, idempotencyKey: "k1" });
      assert.deepEqual([after.jobId, after.duplicate], [before.jobId, true]);
      const { jobs: [letter] } = await client.listDeadLetters({ type: "fail" });
      assert.deepEqual([letter?.attempt, letter?.errorMessage], [1, `cannot do ${CANARY}`]);
      const { job, logTail } = await client.getJob(done.id);
      assert.deepEqual([job.payload, logTail], [bytes, [`given ${CANARY}`]]);
      const schedules = new ScheduleClient(calls);
      await schedules.add({
        name: "nightly",
        timing: { kind: "every", everyMs: 86_400_000, anchorMs: 0, startAtMs: 0, endAtMs: 0 },
        job: echo,
      }, { replace: false });
      assert.deepEqual((await schedules.get("nightly")).schedule.job.payload, bytes);
      const shown = await ask("schedule", "show", "nightly");
      assert.match(shown.stdout, new RegExp(`Payload +encrypted with payload key ${second}`));

      // A child reads what its parent left.
      await Deno.writeTextFile(
        at("batch"),
        [{ type: "echo", payload, ref: "a" }, { type: "echo", payload, depends_on: ["a"] }]
          .map((line) => JSON.stringify(line)).join("\n"),
      );
      const { json: batch } = await ask(
        ...["batch", "submit", at("batch"), "--wait", "--output=json", withKey],
      );
      assert.equal(batch.batch.completed, 2);
      const { job: child } = await client.getJob(batch.jobs[1].job_id);
      assert.deepEqual(JSON.parse(new TextDecoder().decode(child.result?.output)), {
        text: CANARY,
        before: { text: CANARY },
      });
    } finally {
      client.close();
    }

    // Everything that the cluster keeps, says and hands out.
    assert.equal((await ask("backup", at("backup"))).code, 0);
    const metrics = await (await fetch(host.metricsUrl)).text();
    assert.ok(!metrics.includes(CANARY));
    assert.equal(await end(worker, "SIGTERM"), 0);
    assert.equal(await end(master, "SIGTERM"), 0);
    const secret = new TextEncoder().encode(CANARY);
    const ownKeys = (await Deno.readTextFile(at("key"))).trim().split("\n");
    let looked = 0;
    for (const name of ["master", "worker", "master.log", "w1.log", "audit.log", "backup"]) {
      for (const file of filesBelow(at(name))) {
        const content = await Deno.readFile(file);
        looked += content.length;
        for (const each of [secret, ...ownKeys.map((key) => new TextEncoder().encode(key))]) {
          assert.ok(!holds(content, each), `${file} holds a secret`);
        }
      }
    }
    assert.ok(looked > 100_000, `${looked} bytes were looked through`);
  }));

/** The ids of the keys that a file has now. */
async function keysBy(act: "new" | "rotate", file: string): Promise<string[]> {
  const { code, stdout, stderr } = await run(["payload-key", act, file, "--output=json"]);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout).payload_keys.map(({ id }: { id: string }) => id);
}
