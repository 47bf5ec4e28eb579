/** What a submission says of itself when nobody knows what came of it. */

import assert from "node:assert/strict";
import { freePort, startTestMaster } from "../rpc/server_test_support.ts";
import { type BatchView, type JobView, type MasterApi, Refusal } from "../rpc/mod.ts";
import { route } from "./router.ts";
import { recording } from "./terminal_test_support.ts";

const RUNNING: JobView = {
  id: "",
  type: "noop",
  namespace: "default",
  status: "running",
  priority: 5,
  assignedTo: "w1",
  createdAtMs: 1,
  retryCount: 0,
  maxRetries: 0,
  errorMessage: "",
  timeoutMs: 1_000,
  fencingToken: 1,
  attempt: 1,
  labels: {},
  deadLetter: false,
  traceparent: "",
  submittedBy: "",
  queue: "default",
};

const NONE = { waiting: 0, pending: 0, assigned: 0, completed: 0, failed: 0, cancelled: 0 };
const BATCH: BatchView = {
  id: "b",
  namespace: "default",
  createdAtMs: 1,
  submittedBy: "",
  total: 1,
  byStatus: { ...NONE, running: 1 },
  isFinished: false,
};

async function run(...args: string[]) {
  const terminal = recording();
  const code = await route(args, terminal);
  return { code, ...terminal.written };
}

function made(submissions: readonly unknown[]) {
  return Promise.resolve(
    submissions.map((_, at) => ({ jobId: `j${at}`, duplicate: false, message: "" })),
  );
}

/** A master that takes the call of that number, and dies over it. */
async function startDying(atCall: number, keys: (string | undefined)[]) {
  let calls = 0;
  const master = await startTestMaster({
    submit: (submissions) => {
      keys.push(...submissions.map(({ idempotencyKey }) => idempotencyKey));
      if (++calls < atCall) return made(submissions);
      queueMicrotask(() => void master.server.stop(0));
      return new Promise<Awaited<ReturnType<MasterApi["submit"]>>>(() => {});
    },
  });
  return master;
}

Deno.test("who gets no answer to a submission is told the key by which it is submitted once", async () => {
  const keys: (string | undefined)[] = [];
  await using master = await startDying(1, keys);
  const { code, out, err } = await run("submit", "--addr", master.address, "--type", "noop");
  assert.deepEqual([code, out], [1, ""]);
  const [, key] = /may have been submitted: the same command with --idempotency-key (\S+) /
    .exec(err) ?? [];
  assert.equal(key, keys[0], err);
});

Deno.test("who has chosen the key is told that the same command is safe", async () => {
  await using master = await startDying(1, []);
  const { err } = await run(
    ...["submit", "--addr", master.address, "--type", "noop", "--idempotency-key", "monday"],
  );
  assert.match(err, /may have been submitted: the same command again submits it once/);
});

Deno.test("where nothing was sent, nothing is said of a job that may be there", async () => {
  const { code, err } = await run("submit", "--addr", `127.0.0.1:${freePort()}`, "--type", "noop");
  assert.equal(code, 1);
  assert.match(err, /no master could be reached/);
  assert.doesNotMatch(err, /idempotency-key/);
});

Deno.test("a batch that breaks off says what is done, and by which key the rest is submitted alone", async () => {
  const file = await Deno.makeTempFile({ suffix: ".jsonl" });
  try {
    const lines = Array.from({ length: 1_500 }, (_, at) => `{"type":"noop","priority":${at}}`);
    lines[7] = '{"type":"noop","idempotency_key":"mine"}';
    await Deno.writeTextFile(file, lines.join("\n"));
    const keys: (string | undefined)[] = [];
    await using dying = await startDying(2, keys);
    const first = await run("batch", "submit", file, "--addr", dying.address, "-o", "json");
    assert.equal(first.code, 1);
    const told = JSON.parse(first.out);
    assert.equal(told.jobs.length, 1_000);
    const [, again = ""] = /1000 of 1500 jobs are submitted, and more may be: .* with (.*) submits/
      .exec(first.err) ?? [];
    assert.equal(again, `--batch ${told.batch_id} --idempotency-key ${told.idempotency_key}`);

    const secondKeys: (string | undefined)[] = [];
    await using master = await startTestMaster({
      submit: (submissions) => {
        secondKeys.push(...submissions.map(({ idempotencyKey }) => idempotencyKey));
        assert.ok(submissions.every(({ options }) => options?.batchId === told.batch_id));
        return made(submissions);
      },
    });
    const second = await run(
      ...["batch", "submit", file, "--addr", master.address, ...again.split(" ")],
    );
    assert.deepEqual(second, { code: 0, out: `${told.batch_id}\n`, err: "" });
    assert.equal(new Set(secondKeys).size, 1_500);
    assert.deepEqual(keys.slice(0, 1_500), secondKeys);
    assert.equal(secondKeys[7], "mine");
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("a batch that is refused half way says what is there", async () => {
  const file = await Deno.makeTempFile({ suffix: ".jsonl" });
  try {
    await Deno.writeTextFile(file, '{"type":"noop"}\n'.repeat(1_001));
    let calls = 0;
    await using master = await startTestMaster({
      submit: (submissions) => {
        if (++calls === 2) throw new Refusal("permission_denied", "the token is over");
        return made(submissions);
      },
    });
    const { code, out, err } = await run("batch", "submit", file, "--addr", master.address);
    assert.equal(code, 1);
    assert.match(out, /^batch-[\w-]+\n$/);
    assert.match(err, /the token is over; 1000 of 1001 jobs are submitted/);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("a wait that is given up leaves a program the id of what goes on", async () => {
  const file = await Deno.makeTempFile({ suffix: ".jsonl" });
  try {
    await Deno.writeTextFile(file, '{"type":"noop"}\n');
    const untilGone = (signal: AbortSignal) =>
      new Promise<never>((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      });
    await using master = await startTestMaster({
      submit: made,
      watchJob: async (id, send, { signal }) => {
        await send({ kind: "state", atMs: 1, job: { ...RUNNING, id } });
        await untilGone(signal);
      },
      watchBatch: async (_name, send, { signal }) => {
        await send(BATCH);
        await untilGone(signal);
      },
    });
    const at = ["--addr", master.address, "-o", "json"];
    const given = async (...args: string[]) => {
      const { code, out } = await run(...args, ...at);
      assert.equal(code, 124, args.join(" "));
      return JSON.parse(out);
    };
    // Time enough to hear of it on a busy machine; all four wait at once.
    const [job, watched, submitted, batch] = await Promise.all([
      given("submit", "--type=noop", "--wait-timeout=2s"),
      given("watch", "j0", "--timeout=2s"),
      given("batch", "submit", file, "--batch=b", "--wait-timeout=2s"),
      given("batch", "wait", "b", "--timeout=2s"),
    ]);
    assert.deepEqual([job.id, job.status, watched.id], ["j0", "running", "j0"]);
    assert.deepEqual([submitted.batch_id, submitted.jobs[0].job_id], ["b", "j0"]);
    assert.deepEqual([batch.id, batch.running], ["b", 1]);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("a wait for what was taken outlasts masters that are gone, says so, and ends with its time", async () => {
  await using master = await startTestMaster({
    submit: made,
    watchJob: async () => {
      queueMicrotask(() => void master.server.stop(0));
      await new Promise<never>(() => {});
    },
  });
  // Longer than a call goes on trying for.
  const { code, out, err } = await run(
    ...["submit", "--addr", master.address, "--type=noop", "--wait-timeout=13s", "-o", "json"],
  );
  assert.equal(code, 124, err);
  assert.equal(JSON.parse(out).id, "j0");
  assert.match(
    err,
    /no master could be reached .*; waiting for job j0 goes on until the 13s that were given are over/,
  );
  assert.match(err, /the time to wait for job j0 is over; no master told of it/);
});
