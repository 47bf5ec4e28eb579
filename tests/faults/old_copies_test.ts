/**
 * A member's whole directory, replaced by an old copy of itself: every file of it is sound, and only
 * the others know what it has forgotten. (Files of different ages: raft_files_test.ts.)
 */

import assert from "node:assert/strict";
import {
  audit,
  type Cluster,
  eventually,
  gather,
  Load,
  type MasterNode,
  onCluster,
} from "../ha/support.ts";
import { isSlice } from "../slice.ts";

Deno.test("a member that was set back to an old copy ends, says why, and is rebuilt as it says", {
  ignore: isSlice,
}, () =>
  onCluster({ workers: 1 }, async (cluster) => {
    const load = Load.start(cluster);
    await load.accepts(20);
    let follower = await setBack(cluster, load);
    while (follower === undefined) follower = await setBack(cluster, load);
    assert.equal(await follower.process.ended(), 1);
    const said = (await follower.process.said).trim().split("\n").at(-1)!;
    assert.match(said, /knows that this node held entries up to \d+, but its log ends at \d+/);
    assert.match(said, /empty its data directory and start it with `conductor master --join/);

    await cluster.rejoinWiped(follower);
    await load.accepts(10);
    await load.stop();
    assert.deepEqual(audit(await gather(cluster, load.history)), []);
  }));

/**
 * Sets a follower back to an old copy of its directory, and resolves to it once it has ended. Undefined: on a
 * busy machine somebody else came to lead, who cannot know what it held; then it was built anew.
 */
async function setBack(cluster: Cluster, load: Load): Promise<MasterNode | undefined> {
  const leader = await cluster.leader();
  const follower = cluster.masters.find((each) => each !== leader)!;
  await follower.process.terminate();
  const copy = `${cluster.directory}/copy`;
  await copyDirectory(follower.directory, copy);
  follower.process.start();
  await cluster.settled();
  await load.accepts(40);
  await cluster.settled();

  const termNow = async () => (await cluster.status(await cluster.leader()))?.term;
  const term = await termNow();
  await follower.process.kill();
  await Deno.remove(follower.directory, { recursive: true });
  await Deno.rename(copy, follower.directory);
  follower.process.start();
  const hasEnded = await eventually("it ends, or another term began", async () => {
    if (follower.process.hasDied) return true;
    return await termNow() === term ? undefined : false;
  });
  if (hasEnded) return follower;
  await follower.process.kill();
  await cluster.rejoinWiped(follower);
  await cluster.settled();
  return undefined;
}

async function copyDirectory(from: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyDirectory(`${from}/${name}`, `${to}/${name}`);
    else await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}
