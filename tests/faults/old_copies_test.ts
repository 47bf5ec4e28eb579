/**
 * A member's whole directory, replaced by an old copy of itself: every file of it is sound, and only
 * the others know what it has forgotten. (Files of different ages: raft_files_test.ts.)
 */

import assert from "node:assert/strict";
import { audit, gather, Load, onCluster } from "../ha/support.ts";
import { isSlice } from "../slice.ts";

Deno.test("a member that was set back to an old copy ends, says why, and is rebuilt as it says", {
  ignore: isSlice,
}, () =>
  onCluster({ workers: 1 }, async (cluster) => {
    const load = Load.start(cluster);
    await load.accepts(20);
    const leader = await cluster.leader();
    const follower = cluster.masters.find((each) => each !== leader)!;
    await follower.process.terminate();
    const copy = `${cluster.directory}/copy`;
    await copyDirectory(follower.directory, copy);
    follower.process.start();
    await cluster.settled();
    await load.accepts(40);
    await cluster.settled();

    await follower.process.kill();
    await Deno.remove(follower.directory, { recursive: true });
    await Deno.rename(copy, follower.directory);
    follower.process.start();
    assert.equal(await follower.process.ended(), 1);
    const said = (await follower.process.said).trim().split("\n").at(-1)!;
    assert.match(said, /knows that this node held entries up to \d+, but its log ends at \d+/);
    assert.match(said, /empty its data directory and start it with `conductor master --join/);

    await cluster.rejoinWiped(follower);
    await load.accepts(10);
    await load.stop();
    assert.deepEqual(audit(await gather(cluster, load.history)), []);
  }));

async function copyDirectory(from: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyDirectory(`${from}/${name}`, `${to}/${name}`);
    else await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}
