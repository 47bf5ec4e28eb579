import assert from "node:assert/strict";
import { join } from "node:path";
import { canInject } from "../faults/process.ts";
import { eventually } from "./wait.ts";
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
      const injecting = tamper(leader, "error=EIO");
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

Deno.test({
  name: "a leader whose disk has become slow gives leadership to a member whose disk is fast",
  ignore: !await canInject(),
  fn: () =>
    onCluster({ workers: 1 }, async (cluster) => {
      const load = Load.start(cluster);
      await load.accepts(20);
      const leader = await cluster.leader();
      const injecting = tamper(leader, "delay_exit=60000");
      try {
        const next = await eventually("another one leads", async () => {
          const now = await cluster.leader();
          return now === leader ? undefined : now;
        });
        const log = await Deno.readTextFile(join(cluster.directory, `${leader.name}.log`));
        assert.match(log, new RegExp(`"to":"${next.name}","fsync_ms":6\\d.*disk is slow`));
        // As a follower it keeps nobody waiting, and gets leadership back no more.
        await load.accepts(300);
        assert.equal(await cluster.leader(), next);
        const acts = await Deno.readTextFile(join(cluster.directory, `${leader.name}.audit.log`));
        assert.match(acts, new RegExp(`"target":"${next.name}".*"outcome":"done"`));
        // Nor from a leader that is stopped.
        await next.process.terminate();
        const third = await cluster.leader();
        assert.notEqual(third, leader);
        const parting = await Deno.readTextFile(join(cluster.directory, `${next.name}.log`));
        assert.match(parting, new RegExp(`"to":"${third.name}","msg":"handing leadership over"`));
        next.process.start();
      } finally {
        injecting.kill("SIGTERM");
        await injecting.status;
      }
      await load.stop();
      assert.deepEqual(audit(await gather(cluster, load.history)), []);
    }),
});

/** Does this to each sync of the journal of `master` from now on, as long as it runs. */
function tamper({ process, directory }: MasterNode, how: string): Deno.ChildProcess {
  const file = join(directory, "raft", "raft.journal");
  const args = ["-f", "-qq", "-o", "/dev/null", "-P", file, "-p", String(process.pid)];
  const calls = "fsync,fdatasync";
  return new Deno.Command("strace", {
    args: [...args, "-e", `trace=${calls}`, "-e", `inject=${calls}:${how}`],
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
