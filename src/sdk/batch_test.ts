import assert from "node:assert/strict";
import { Refusal } from "../rpc/light.ts";
import { startTestMaster } from "../rpc/server_test_support.ts";
import { ConductorError, connect } from "./client.ts";

Deno.test("whoever's long batch fails half way is told how far it came, and under which name", async () => {
  let calls = 0;
  await using master = await startTestMaster({
    submit(submissions) {
      if (++calls > 1) throw new Refusal("failed_precondition", "the disk is full");
      return Promise.resolve(
        submissions.map((_, at) => ({ jobId: `j${at}`, duplicate: false, message: "" })),
      );
    },
  });
  await using client = connect(master.address);
  const jobs = Array.from({ length: 1_500 }, () => ({ type: "noop" }));
  await assert.rejects(client.submitBatch(jobs, { batchId: "b1" }), (failure) => {
    assert.ok(failure instanceof ConductorError);
    assert.equal(failure.reason, "failed_precondition");
    const before = "1000 of 1500 jobs were answered before, those of batch b1";
    assert.equal(failure.message, `the disk is full; ${before}`);
    return true;
  });
});

Deno.test("a batch into which no job came is over, and any other that is not there is not", async () => {
  const gone = () => {
    throw new Refusal("not_found", "there is no batch");
  };
  await using master = await startTestMaster({
    watchBatch: gone,
    getBatch: gone,
    submit: (submissions) =>
      Promise.resolve(
        submissions.map(({ type }) =>
          type === "noop"
            ? { jobId: "j1", duplicate: false, message: "" }
            : { refused: new Refusal("invalid", "it is no name") }
        ),
      ),
  });
  await using client = connect(master.address);
  for (const jobs of [[], [{ type: "a b" }]]) {
    const batch = await client.submitBatch(jobs, { batchId: "b1" });
    const { id, total, isFinished, byStatus } = await batch.wait();
    assert.deepEqual([id, total, isFinished, byStatus.completed], ["b1", 0, true, 0]);
    assert.deepEqual(await batch.counts(), await batch.wait());
  }
  const other = await client.submitBatch([{ type: "noop" }]);
  await assert.rejects(other.wait(), { code: "NOT_FOUND" });
  await assert.rejects(client.batch("b1").wait(), { code: "NOT_FOUND" });
});

Deno.test("whoever cancels a batch is told how many jobs that ended, or that nobody knows", async () => {
  const taken = Promise.withResolvers<void>();
  const dying = await startTestMaster({
    cancelBatch: () => {
      taken.resolve();
      return new Promise(() => {});
    },
  });
  // Asked again, this one would tell of what the first has left: nothing.
  await using other = await startTestMaster({
    cancelBatch: () => Promise.resolve({ matched: 0, cancelled: 0 }),
  });
  await using client = connect([dying.address, other.address]);
  const cancelled = client.batch("b1").cancel();
  await taken.promise;
  await dying.server.stop(0);
  await assert.rejects(cancelled, { name: "ConductorError", reason: "outcome_unknown" });
  assert.deepEqual(other.codes, []);
  assert.deepEqual(await client.batch("b1").cancel(), { matched: 0, cancelled: 0 });
});
