import assert from "node:assert/strict";
import { describeFaults } from "./audit.ts";
import { perform } from "./perform.ts";
import { STEPS } from "./steps.ts";
import { History, onCluster } from "./support.ts";

Deno.test("one fault after the other breaks no promise to any client", (test) =>
  onCluster({}, async (cluster) => {
    const history = new History();
    for (const [position, step] of STEPS.entries()) {
      const isWell = await test.step(step.title, async () => {
        const { row, found } = await perform(cluster, history, step, `${position}/`);
        assert.deepEqual(describeFaults(found), []);
        assert.equal(row.accepted, row.submitted, "a submission was not accepted");
        assert.equal(row.finished, row.accepted, "an accepted job did not finish");
      });
      if (!isWell) return; // what follows would begin with a broken cluster
    }
  }));
