import assert from "node:assert/strict";
import { audit, gather, Load, onCluster } from "./support.ts";

Deno.test("no accepted job is lost or doubled when the leader is killed under load", () =>
  onCluster({}, async (cluster) => {
    const load = Load.start(cluster);
    await load.accepts(50);
    const leader = await cluster.leader();
    await leader.process.kill();
    await load.accepts(50);
    leader.process.start();
    await load.accepts(50);
    await load.stop();
    assert.deepEqual(audit(await gather(cluster, load.history)), []);
  }));
