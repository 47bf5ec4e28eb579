import assert from "node:assert/strict";
import { join } from "node:path";
import { canInject } from "../faults/process.ts";
import { audit, gather, Load, type MasterNode, onCluster } from "./support.ts";

const BLOCK_BYTES = 4096;

Deno.test("a damaged member is refused at its start, and rebuilt from its peers as it says", () =>
  onCluster({ workers: 1 }, async (cluster) => {
    const load = Load.start(cluster, { paddingBytes: 2_000 });
    await load.accepts(60);
    const leader = await cluster.leader();
    const damaged = cluster.masters.find((each) => each !== leader)!;
    await damaged.process.kill();
    await corrupt(join(damaged.directory, "raft", "raft.journal"));

    damaged.process.start();
    assert.equal(await damaged.process.ended(), 1);
    const said = (await damaged.process.said).trim().split("\n").at(-1)!;
    assert.match(said, /^conductor: Cannot use .*raft\.db/);
    assert.match(said, /empty its data directory and start it with `conductor master --join/);

    await cluster.rejoinWiped(damaged);
    await cluster.settled();
    await load.accepts(20);
    await load.stop();
    assert.deepEqual(audit(await gather(cluster, load.history)), []);
  }));

Deno.test({
  name: "a leader whose disk fails ends at once and says so, and another one leads",
  ignore: !await canInject(),
  fn: () =>
    onCluster({ workers: 1 }, async (cluster) => {
      const load = Load.start(cluster);
      await load.accepts(20);
      const leader = await cluster.leader();
      const injecting = failSyncs(leader, join(leader.directory, "raft", "raft.journal"));
      assert.equal(await leader.process.ended(), 1);
      await injecting.status;
      assert.match(await leader.process.said, /^conductor: Cannot write ".*raft\.journal": /);
      // Its node can do nothing any more, and nobody is to wait for that.
      const log = await Deno.readTextFile(join(cluster.directory, `${leader.name}.log`));
      assert.doesNotMatch(log, /handing leadership over/);

      leader.process.start();
      await load.accepts(20);
      await load.stop();
      assert.deepEqual(audit(await gather(cluster, load.history)), []);
    }),
});

/** Makes each sync of `file` fail from now on, as long as `master` runs. */
function failSyncs({ process }: MasterNode, file: string): Deno.ChildProcess {
  const args = ["-f", "-qq", "-o", "/dev/null", "-P", file, "-p", String(process.pid)];
  const calls = "fsync,fdatasync";
  return new Deno.Command("strace", {
    args: [...args, "-e", `trace=${calls}`, "-e", `inject=${calls}:error=EIO`],
    stdout: "null",
    stderr: "null",
  }).spawn();
}

/** Turns over a byte in every block that was written, but for the first one, which names the file. */
async function corrupt(path: string): Promise<void> {
  const bytes = await Deno.readFile(path);
  for (let at = BLOCK_BYTES + 100; at < bytes.length; at += BLOCK_BYTES) {
    if (bytes[at] !== 0) bytes[at]! ^= 0xff;
  }
  await Deno.writeFile(path, bytes);
}
