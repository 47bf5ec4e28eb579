import assert from "node:assert/strict";
import { run } from "../e2e/support.ts";
import { onCluster } from "./support.ts";

const CASES = {
  "": [],
  ", their logs cut,": ["cluster", "snapshot"],
};

for (const [what, command] of Object.entries(CASES)) {
  Deno.test(`with one master dead and the others${what} restarted, the cluster still does all it could before`, () =>
    onCluster({ workers: 0 }, async (cluster) => {
      const submit = async (key: string) => {
        const asked = cluster.masters[0]!.grpcAddress;
        const job = ["submit", "--type=kept", "--payload={}", `--unique-key=${key}`];
        return await run([...job, `--addr=${asked}`]);
      };
      const before = await submit("a");
      assert.equal(before.code, 0, before.stderr);
      // Nobody who lives has ever heard from the dead one which entries it reads.
      await cluster.masters[2]!.process.kill();
      const living = cluster.masters.slice(0, 2);
      for (const { directAddress } of command.length === 0 ? [] : living) {
        const cut = await run([...command, `--addr=${directAddress}`]);
        assert.equal(cut.code, 0, cut.stderr);
      }
      for (const master of living) {
        await master.process.terminate();
        master.process.start();
        await cluster.settled();
      }
      const after = await submit("b");
      assert.equal(after.code, 0, after.stderr);
    }));
}
