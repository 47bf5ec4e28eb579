import assert from "node:assert/strict";
import { join } from "node:path";
import { Line, PLACEMENT_ROWS, POLICIES_FLAG, POLICY_HANDLERS, TWO_WORKERS } from "./placement.ts";
import { onHost, until } from "./support.ts";

Deno.test("each policy does what it is named for, for all jobs or for a type: on one master", (test) =>
  onHost(async (host) => {
    await host.startMaster(
      "--policy=priority",
      "--set=scheduler.priority_ageing=1ms",
      POLICIES_FLAG,
    );
    const client = host.library();
    try {
      const line = await Line.closed(client);
      await line.join([1, 1], { queue: "early" });
      await line.join([3, 9, 3], { queue: "late" });
      const handlers = join(host.directory, "policies.js");
      await Deno.writeTextFile(handlers, POLICY_HANDLERS);
      for (const [id, flags] of TWO_WORKERS) {
        host.startWorker(id, ...flags, `--handlers=${handlers}`);
      }
      await until("both are known", async () => (await client.listWorkers("active")).length === 2);
      await test.step("priority: strictly the higher one, and of equals the older one", async () =>
        assert.deepEqual(await line.order(), [3, 2, 4, 0, 1]));
      for (const [name, show] of Object.entries(PLACEMENT_ROWS)) {
        if (!await test.step(name, () => show(client))) return;
      }
    } finally {
      client.close();
    }
  }));
