import assert from "node:assert/strict";
import { join } from "node:path";
import {
  audit,
  canMount,
  Cluster,
  eventually,
  gather,
  History,
  Load,
  type MasterNode,
  SmallDisk,
} from "./support.ts";

const DISK_MEGABYTES = 96;
/** Payloads long enough to need more room soon. */
const PADDING_BYTES = 30_000;

Deno.test({
  name: "a member whose disk is full steps aside, and takes part again when there is room",
  ignore: !canMount,
  async fn() {
    const cluster = new Cluster();
    const disks = new Map<string, SmallDisk>();
    try {
      for (const name of ["m1", "m2"]) {
        disks.set(name, await SmallDisk.mount(join(cluster.directory, name), DISK_MEGABYTES));
      }
      await cluster.start();
      const history = new History();
      const [leader, follower] = [cluster.master("m1"), cluster.master("m2")];
      await cluster.makeLead(leader);
      await fillAndFree(cluster, history, follower, disks.get("m2")!);
      await cluster.makeLead(leader);
      await fillAndFree(cluster, history, leader, disks.get("m1")!);
    } finally {
      await cluster.stop({ keep: true }); // what is mounted cannot be removed
      for (const disk of disks.values()) await disk.unmount();
      await Deno.remove(cluster.directory, { recursive: true });
    }
  },
});

async function fillAndFree(
  cluster: Cluster,
  history: History,
  member: MasterNode,
  disk: SmallDisk,
): Promise<void> {
  const prefix = `${history.submissions.length}/`;
  const load = Load.start(cluster, { history, prefix, paddingBytes: PADDING_BYTES });
  try {
    await load.accepts(20);
    await disk.fill();
    await eventually(
      `${member.name} steps aside`,
      () => said(cluster, member, "this master steps aside"),
    );
    await load.accepts(40);
    const leader = await cluster.leader();
    assert.notEqual(leader.name, member.name, "a member that cannot write leads");
    await disk.free();
    await eventually(
      `${member.name} takes part again`,
      () => said(cluster, member, "this master takes part again"),
    );
    await load.accepts(20);
  } finally {
    await load.stop();
  }
  assert.deepEqual(audit(await gather(cluster, history)), []);
}

/** Whether a member's log says so. */
async function said(
  cluster: Cluster,
  member: MasterNode,
  words: string,
): Promise<true | undefined> {
  const log = await Deno.readTextFile(join(cluster.directory, `${member.name}.log`));
  return log.includes(words) ? true : undefined;
}
