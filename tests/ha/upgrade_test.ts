import assert from "node:assert/strict";
import { join } from "node:path";
import { decodeCommand, ENTRY_FORMATS, SqliteRaftLog } from "../../src/storage/mod.ts";
import { isSlice } from "../slice.ts";
import { makeOlderProgram, OLDER_ENTRY_FORMAT } from "./older_program.ts";
import {
  audit,
  type Cluster,
  describeFaults,
  gather,
  Load,
  type MasterNode,
  type NodeProcess,
  onCluster,
} from "./support.ts";
import { MAIN } from "../program.ts";

Deno.test({
  name:
    "a cluster under load is upgraded one by one, and writes what is new when the last one reads it",
  ignore: isSlice,
  async fn() {
    const directory = await Deno.makeTempDir({ prefix: "conductor-older-" });
    try {
      const main = await makeOlderProgram(directory);
      await onCluster({ main }, (cluster) => upgrade(cluster, main));
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
});

async function upgrade(cluster: Cluster, olderMain: string): Promise<void> {
  const [first, second, last] = cluster.masters as [MasterNode, MasterNode, MasterNode];
  const [worker, olderWorker] = cluster.workers as [NodeProcess, NodeProcess];
  const load = Load.start(cluster, { lanes: 1, batchLanes: 2 });
  try {
    await load.accepts(20);
    // It offers to take briefs, and no master knows what that is.
    await change(worker, MAIN);
    await load.accepts(20);
    await change(first.process, MAIN);
    await change(second.process, MAIN);
    await cluster.settled();
    await cluster.makeLead(first);
    await load.accepts(30);
    const before = await formatsOf(cluster, second);
    assert.deepEqual([...before.keys()], [OLDER_ENTRY_FORMAT], "one member does not read more");

    await change(last.process, MAIN);
    await cluster.settled();
    await load.accepts(30);
    await change(olderWorker, MAIN);
    await load.accepts(20);
    const after = await formatsOf(cluster, last);
    assert.ok(after.get(ENTRY_FORMATS.newest)?.has("submit"), "every member reads it now");

    await last.process.kill();
    last.process.main = olderMain;
    last.process.start();
    assert.equal(await last.process.ended(), 1);
    const refusal = `its format is version ${ENTRY_FORMATS.newest}.*run a newer version`;
    assert.match(await last.process.said, new RegExp(refusal));
    await change(last.process, MAIN);
    await load.accepts(20);
  } finally {
    await load.stop();
  }
  assert.deepEqual(describeFaults(audit(await gather(cluster, load.history))), []);
}

async function change(process: NodeProcess, main: string): Promise<void> {
  await process.kill();
  process.main = main;
  process.start();
}

/** Kinds of the commands in a member's log, by the format that they are written in. */
async function formatsOf(
  cluster: Cluster,
  { process, directory }: MasterNode,
): Promise<Map<number, Set<string>>> {
  await process.kill();
  const log = SqliteRaftLog.open(join(directory, "raft"), {});
  const formats = new Map<number, Set<string>>();
  try {
    for (let index = log.boundary.index + 1; index <= log.lastIndex;) {
      const entries = log.entries(index, log.lastIndex, 1024 * 1024);
      for (const { kind, data } of entries) {
        if (kind !== "command") continue;
        const kinds = formats.get(data[0]!) ?? new Set();
        formats.set(data[0]!, kinds.add(decodeCommand(data).kind));
      }
      index += entries.length;
    }
  } finally {
    log.close();
  }
  process.start();
  await cluster.settled();
  return formats;
}
