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
