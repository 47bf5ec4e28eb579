import assert from "node:assert/strict";
import {
  type Cluster,
  eventually,
  type MasterNode,
  onCluster,
  unusedPorts,
  written,
} from "./support.ts";
import { run } from "../e2e/support.ts";

/** Runs a command against one master. */
function command(master: MasterNode, ...args: string[]) {
  return run([...args, `--addr=${master.grpcAddress}`]);
}

/** A command that must succeed; its JSON. */
async function asked(master: MasterNode, ...args: string[]) {
  const { code, stdout, stderr } = await command(master, ...args, "--output=json");
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

/** Another master of `cluster` than `master`. */
function another(cluster: Cluster, ...masters: MasterNode[]): MasterNode {
  const found = cluster.masters.find((each) => !masters.includes(each));
  assert.ok(found !== undefined);
  return found;
}

interface Member {
  readonly id: string;
  readonly incarnation: string | null;
  readonly suffrage: string;
  readonly role: string;
  readonly answers: boolean;
  readonly lag: number;
  readonly match_index: number;
  readonly version: string;
  readonly raft_address: string;
  readonly grpc_address: string;
}

async function members(master: MasterNode): Promise<Member[]> {
  return (await asked(master, "cluster", "members")).members;
}

Deno.test("operators see the members, hand leadership over, and shrink and grow the cluster", () =>
  onCluster({ workers: 0 }, async (cluster) => {
    const leader = await cluster.leader();
    const seen = await eventually("everybody is heard of", async () => {
      const all = await members(leader);
      return all.every((each) => each.answers && each.lag === 0) ? all : undefined;
    });
    assert.deepEqual(seen.map((each) => each.id).sort(), ["m1", "m2", "m3"]);
    for (const member of seen) {
      const { id, incarnation, suffrage, raft_address, grpc_address, version } = member;
      assert.match(incarnation ?? "", /^[0-9a-f-]{36}$/);
      assert.equal(suffrage, "voter");
      assert.equal(raft_address, cluster.master(id).raftAddress);
      assert.equal(grpc_address, cluster.master(id).grpcAddress);
      assert.match(version, /^\d+\.\d+/);
    }
    assert.equal(new Set(seen.map((each) => each.incarnation)).size, 3);

    const successor = another(cluster, leader);
    const handed = await asked(
      leader,
      "cluster",
      "transfer-leadership",
      `--to=${successor.name}`,
    );
    assert.equal(handed.leader_id, successor.name);
    assert.equal((await cluster.leader()).name, successor.name);
    const again = await asked(
      successor,
      "cluster",
      "transfer-leadership",
      `--to=${successor.name}`,
    );
    assert.equal(again.term, handed.term, "who leads already goes on");

    const unknown = await command(successor, "cluster", "remove", "m9");
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /there is no member "m9"; there are m1, m2, m3/);
    const misnamed = await command(successor, "cluster", "promote", "../m1");
    assert.equal(misnamed.code, 2);
    const learner = await command(successor, "cluster", "transfer-leadership", "--to=m9");
    assert.equal(learner.code, 1);

    // The leader itself is removed: another one takes over and does it.
    const gone = successor;
    const removed = await asked(gone, "cluster", "remove", gone.name);
    // The other is the answer to one who lost the first, and asks again.
    assert.match(removed.message, /was removed|is no member any more/);
    await eventually("it learns that it was removed", async () => {
      const log = await Deno.readTextFile(`${cluster.directory}/${gone.name}.log`);
      return /not a member of this cluster \(any more\)/.test(log) ? true : undefined;
    });
    await gone.process.kill();
    const rest = await eventually("two are left", async () => {
      const all = await members(await cluster.leader([gone.name]));
      return all.length === 2 ? all : undefined;
    });
    assert.ok(rest.every((each) => each.suffrage === "voter"));
    // Whoever lost the answer with the leader asks again.
    const repeated = await asked(another(cluster, gone), "cluster", "remove", gone.name);
    assert.match(repeated.message, /is no member any more/);

    // It comes back under its own disk, through the follower.
    const follower = another(cluster, gone, await cluster.leader([gone.name]));
    gone.process.start([`--join=${follower.grpcAddress}`]);
    await cluster.settled();
    assert.equal((await members(follower)).length, 3);
    const added = await asked(follower, "cluster", "add", gone.name, gone.raftAddress);
    assert.match(added.message, /is a member already/);

    // One that is expected and does not come cannot be made to count.
    const [port] = unusedPorts(1);
    await asked(follower, "cluster", "add", "m9", `127.0.0.1:${port}`);
    const expected = (await members(follower)).find((each) => each.id === "m9");
    assert.equal(expected?.suffrage, "learner");
    assert.equal(expected?.incarnation, null);
    const early = await command(follower, "cluster", "promote", "m9");
    assert.equal(early.code, 1);
    assert.match(early.stderr, /m9 does not answer, so it is not promoted/);
    await asked(follower, "cluster", "remove", "m9");

    const compacted = await asked(follower, "cluster", "snapshot");
    assert.equal(compacted.node_id, follower.name);
    const status = await cluster.status(follower);
    assert.ok(compacted.first_log_index > 1 && status !== undefined);
  }));

Deno.test("a member whose loss would cost the quorum is not removed, unless by force", () =>
  onCluster({ workers: 0 }, async (cluster) => {
    const leader = await cluster.leader();
    const dead = another(cluster, leader);
    const alive = another(cluster, leader, dead);
    await dead.process.kill();
    await eventually("it is taken for dead", async () => {
      const found = (await members(leader)).find((each) => each.id === dead.name);
      return found?.answers === false ? true : undefined;
    });
    const refused = await command(leader, "cluster", "remove", alive.name);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /needs 2 of them, but only 1 answers \(silent: m\d\)/);
    assert.match(refused.stderr, /--force/);
    await asked(leader, "cluster", "remove", dead.name);
    assert.deepEqual(
      (await members(leader)).map((each) => each.id).sort(),
      [leader.name, alive.name].sort(),
    );
    const audit = `${cluster.directory}/${leader.name}.audit.log`;
    await written(audit, /Administrative act: remove a member".*"outcome":"refused"/);
    await written(audit, /Administrative act: remove a member".*"outcome":"done"/);
  }));

Deno.test("a worker that was given one master goes on to those that joined later when it loses that one", () =>
  onCluster({ masters: 1, workers: 1 }, async (cluster) => {
    const first = cluster.master("m1");
    for (const name of ["m2", "m3"]) {
      const joining = cluster.newMaster(name);
      cluster.masters.push(joining);
      joining.process.start([`--join=${first.grpcAddress}`]);
      await cluster.settled();
    }
    const client = cluster.client({ only: cluster.master("m2").grpcAddress });
    // Its heartbeats bring back who the members are: with the second one, it has been told.
    const worker = (await eventually("the worker is heard of", async () => {
      const [found] = await client.listWorkers();
      return found?.status === "active" ? found : undefined;
    })).lastHeartbeatMs;
    await eventually("two heartbeats more", async () => {
      const [found] = await client.listWorkers();
      return (found?.lastHeartbeatMs ?? 0) >= worker + 1_000 ? true : undefined;
    });
    await first.process.kill();
    const { jobId } = await client.submit({
      type: "noop",
      payload: new TextEncoder().encode("{}"),
      priority: 5,
      idempotencyKey: "after",
    });
    const job = await client.waitFor(jobId, AbortSignal.timeout(60_000));
    assert.equal(job.status, "completed");
  }));
