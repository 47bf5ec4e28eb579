import assert from "node:assert/strict";
import { Refusal } from "../../src/rpc/mod.ts";
import {
  audit,
  gather,
  LEDGER_JOB_TYPE,
  Load,
  onCluster,
  payloadOf,
  SUBMISSION_LABEL,
} from "./support.ts";
import { isSlice } from "../slice.ts";

Deno.test(
  "five members lose two and go on; without a third they accept nothing, and lose nothing",
  { ignore: isSlice },
  () =>
    onCluster({ masters: 5, workers: 1 }, async (cluster) => {
      const load = Load.start(cluster);
      await load.accepts(20);
      const [first, second, third] = [
        await cluster.leader(),
        ...cluster.masters.filter((each) => each.process.isRunning),
      ].filter((each, position, all) => all.indexOf(each) === position);
      await Promise.all([first!.process.kill(), second!.process.kill()]);
      await load.accepts(30);
      await load.stop();

      await third!.process.kill();
      const impatient = cluster.client({ callTimeoutMs: 2_500 });
      const lost = { id: "without a quorum", sentMs: performance.now() };
      load.history.submissions.push(lost);
      await assert.rejects(
        impatient.submit({
          type: LEDGER_JOB_TYPE,
          payload: payloadOf({ id: lost.id }),
          priority: 5,
          labels: { [SUBMISSION_LABEL]: lost.id },
        }),
        (failure) =>
          failure instanceof Refusal && /unavailable|outcome_unknown/.test(failure.reason),
      );
      await assert.rejects(impatient.listJobs({ limit: 1 }), Refusal, "a read without a quorum");

      third!.process.start();
      const after = Load.start(cluster, { history: load.history, prefix: "after/" });
      await after.accepts(30);
      first!.process.start();
      second!.process.start();
      await after.accepts(10);
      await after.stop();
      assert.deepEqual(audit(await gather(cluster, load.history)), []);
    }),
);
