import assert from "node:assert/strict";
import { run } from "../e2e/support.ts";
import {
  Cluster,
  ELECTION_TIMEOUT_MS,
  eventually,
  isReady,
  type MasterNode,
  onCluster,
  pause,
  unusedPorts,
  written,
} from "./support.ts";
import { isSlice } from "../slice.ts";

interface Member {
  readonly id: string;
  readonly incarnation: string;
  readonly suffrage: string;
  readonly lag: number;
  readonly raft_address: string;
}

async function members(master: MasterNode): Promise<Member[]> {
  const { code, stdout, stderr } = await run([
    "cluster",
    "members",
    "--output=json",
    `--addr=${master.grpcAddress}`,
  ]);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout).members;
}

async function incarnationOf(asked: MasterNode, name: string): Promise<string | undefined> {
  return (await members(asked)).find((each) => each.id === name)?.incarnation;
}

function logOf(cluster: Cluster, name: string): Promise<string> {
  return Deno.readTextFile(`${cluster.directory}/${name}.log`);
}

/** Submits jobs that no worker takes; they are there to be kept. */
async function submit(cluster: Cluster, count: number): Promise<string[]> {
  const client = cluster.client();
  try {
    const jobs = await client.submitBatch(
      Array.from({ length: count }, () => ({
        type: "kept",
        payload: new Uint8Array(10),
        priority: 5,
      })),
      { allOrNothing: true },
    );
    return jobs.map((each) => "jobId" in each ? each.jobId : assert.fail(each.error));
  } finally {
    client.close();
  }
}

/** A follower loses its disk, and comes back under its name. */
async function loseDisk(cluster: Cluster): Promise<MasterNode> {
  const leader = await cluster.leader();
  const lost = cluster.masters.find((each) => each !== leader);
  assert.ok(lost !== undefined);
  await lost.process.kill();
  await Deno.remove(lost.directory, { recursive: true });
  return lost;
}

async function holdsAll(cluster: Cluster, master: MasterNode, jobs: readonly string[]) {
  await cluster.settled();
  const client = cluster.client({ only: master.grpcAddress });
  try {
    for (const jobId of jobs) {
      assert.equal((await client.getJob(jobId, { stale: true })).job.status, "pending");
    }
  } finally {
    client.close();
  }
}

for (const founding of ["join", "static"] as const) {
  Deno.test(`P17, S16: a member that lost its disk comes back as a new one (${founding})`, () =>
    onCluster({ workers: 0, founding }, async (cluster) => {
      const jobs = await submit(cluster, 50);
      const lost = await loseDisk(cluster);
      const witness = await cluster.leader([lost.name]);
      const before = await incarnationOf(witness, lost.name);
      // The flags are those of its first start; the founder of all needs to be told where to go.
      const wasFounder = founding === "join" && lost.name === "m1";
      lost.process.start(wasFounder ? [`--join=${witness.grpcAddress}`] : undefined);
      await eventually("its new incarnation votes", async () => {
        const member = (await members(witness)).find((each) => each.id === lost.name);
        const isNew = member !== undefined && member.incarnation !== before;
        return isNew && member.suffrage === "voter" && member.lag === 0 ? true : undefined;
      });
      assert.equal((await members(witness)).length, 3);
      await holdsAll(cluster, lost, jobs);
      await written(`${cluster.directory}/${witness.name}.log`, /lost its disk/);
      const audit = `${cluster.directory}/${witness.name}.audit.log`;
      await written(audit, /Administrative act: join a member/);
      // The new one counts: with another member gone it is half of the majority.
      const third = cluster.masters.find((each) => each !== lost && each !== witness)!;
      await third.process.kill();
      assert.equal((await submit(cluster, 1)).length, 1);
    }));
}

Deno.test("a founder that lost its disk votes for nobody until it is let in again", () =>
  onCluster({ workers: 0, founding: "static" }, async (cluster) => {
    const lost = await loseDisk(cluster);
    const [gone, survivor] = cluster.masters.filter((each) => each !== lost);
    assert.ok(gone !== undefined && survivor !== undefined);
    await gone.process.kill();
    lost.process.start();
    await eventually(
      "the survivor told it who it was",
      async () =>
        /disk is not the one that it had in the cluster/.test(await logOf(cluster, lost.name))
          ? true
          : undefined,
    );
    // Two of three are up, and one of them forgot: nobody may be elected.
    const untilMs = performance.now() + 6 * ELECTION_TIMEOUT_MS;
    while (performance.now() < untilMs) {
      for (const each of [lost, survivor]) {
        assert.notEqual((await cluster.status(each))?.state, "Leader", `${each.name} was elected`);
      }
      await pause(50);
    }
    gone.process.start();
    await cluster.settled();
    assert.equal((await members(survivor)).length, 3);
  }));

Deno.test(
  "of two members with one wiped, the other takes no new one by itself, and can be recovered",
  { ignore: isSlice },
  () =>
    onCluster({ workers: 0, masters: 2 }, async (cluster) => {
      const jobs = await submit(cluster, 20);
      await cluster.settled();
      const lost = await loseDisk(cluster);
      const survivor = cluster.masters.find((each) => each !== lost)!;
      lost.process.start([`--join=${survivor.grpcAddress}`]);
      await eventually("it asks in vain, and the survivor says why", async () => {
        const isAsking = /does not let this master in yet/.test(await logOf(cluster, lost.name));
        const isTold = /no leader is found: of 2 voters 2 are needed; .*cluster recover/
          .test(await logOf(cluster, survivor.name));
        return isAsking && isTold ? true : undefined;
      });
      const status = await cluster.status(survivor);
      assert.notEqual(status?.state, "Leader");
      assert.deepEqual(status?.servers.map((each) => each.suffrage), ["Voter", "Voter"]);
      await lost.process.kill();
      await survivor.process.terminate();
      const place = ["cluster", "recover", `--data-dir=${survivor.directory}`];
      const recovered = await run([...place, "--accept-data-loss"]);
      assert.equal(recovered.code, 0, recovered.stderr);
      survivor.process.start([]);
      await Deno.remove(lost.directory, { recursive: true });
      lost.process.start();
      await cluster.settled();
      await holdsAll(cluster, lost, jobs);
    }),
);

Deno.test("one node id started twice: the second is refused while the first lives", () =>
  onCluster({ workers: 0 }, async (cluster) => {
    const twin = cluster.newMaster("twin");
    twin.process.start([`--join=${cluster.masters[0]!.grpcAddress}`, "--node-id=m3"]);
    assert.equal(await twin.process.ended(), 1);
    assert.match(await twin.process.said, /m3 is alive at .* one node id was started twice/);
    assert.equal((await members(cluster.masters[1]!)).length, 3);
  }));

Deno.test({
  name: "a copy of a member's data directory, started beside it, is refused while that one lives",
  ignore: isSlice,
  fn: () =>
    onCluster({ workers: 0, founding: "static" }, async (cluster) => {
      const jobs = await submit(cluster, 20);
      const leader = await cluster.leader();
      const original = cluster.masters.find((each) => each !== leader)!;
      const others = cluster.masters.filter((each) => each !== original).map((each) => each.name);
      const addresses = async () => (await members(leader)).map((each) => each.raft_address);
      const before = await addresses();
      const copy = cluster.newMaster("copy");
      const start = (...flags: string[]) =>
        copy.process.start([`--node-id=${original.name}`, ...flags]);
      await original.process.terminate();
      await copyDirectory(original.directory, copy.directory);
      original.process.start();
      await cluster.settled();
      start(`--join=${leader.grpcAddress}`);
      assert.equal(await copy.process.ended(), 1);
      assert.match(
        await copy.process.said,
        /another master runs on a copy of this data directory.*(it answers|m\d hears it from|m\d says: .* is heard from another process, at)/,
      );

      // It cannot reach the original, but the others can.
      cluster.network.part(["copy"], [original.name], { kind: "cut" });
      start();
      assert.equal(await copy.process.ended(), 1);
      assert.match(await copy.process.said, /(hears it|is heard) from .*--node-id NEW --join/);
      assert.deepEqual(await addresses(), before, "nobody was told that the member has moved");

      // The original is out of everybody's sight: the copy is the member now, until it is seen again.
      cluster.network.part([original.name], [...others, "copy"], { kind: "hold" });
      await eventually("the copy is the member", async () => {
        // On a busy machine what the original sent is heard for some time: then the copy ends, as before.
        if (!copy.process.isRunning) start();
        const found = (await members(leader)).find((each) => each.id === original.name);
        return found?.raft_address === copy.raftAddress ? true : undefined;
      });
      cluster.network.heal();
      assert.equal(await original.process.ended(), 1);
      assert.match(await original.process.said, /another master runs on a copy/);
      cluster.masters.splice(cluster.masters.indexOf(original), 1, copy);
      await holdsAll(cluster, copy, jobs);
    }),
});

async function copyDirectory(from: string, to: string): Promise<void> {
  const copied = await new Deno.Command("cp", { args: ["-r", from, to] }).output();
  assert.ok(copied.success, new TextDecoder().decode(copied.stderr));
}

Deno.test("a node of another cluster is refused, and told so, on both sides", () =>
  onCluster({ workers: 0, masters: 1 }, async (cluster) => {
    const [member] = cluster.masters;
    assert.ok(member !== undefined);
    const stranger = cluster.newMaster("stranger");
    stranger.process.start(["--bootstrap"]);
    await eventually(
      "it leads its own cluster",
      async () => (await cluster.status(stranger))?.state === "Leader" ? true : undefined,
    );
    await stranger.process.terminate();
    stranger.process.start([`--join=${member.grpcAddress}`]);
    assert.equal(await stranger.process.ended(), 1);
    assert.match(
      await stranger.process.said,
      /data directory of stranger belongs to cluster [0-9a-f-]+, and this is cluster [0-9a-f-]+/,
    );
    assert.equal((await members(member)).length, 1);
    const audit = `${cluster.directory}/${member.name}.audit.log`;
    await written(audit, /join a member".*stranger.*"outcome":"refused"/);
  }));

Deno.test("a member whose address to join is another cluster's by now goes on as the member that it is", () =>
  onCluster({ workers: 0 }, async (cluster) => {
    const [member, leader] = cluster.masters;
    assert.ok(member !== undefined && leader !== undefined);
    const stranger = cluster.newMaster("stranger");
    stranger.process.start(["--bootstrap"]);
    await eventually(
      "it leads its own cluster",
      async () => (await cluster.status(stranger))?.state === "Leader" ? true : undefined,
    );
    await member.process.terminate();
    member.process.start([`--join=${stranger.grpcAddress}`]);
    await written(
      `${cluster.directory}/${member.name}.log`,
      /belongs to cluster.*another cluster answers at the address to join/,
    );
    await eventually("it is ready", async () => await isReady(member) ? true : undefined);
    assert.equal((await members(leader)).length, 3);
    assert.equal((await members(stranger)).length, 1);
    await member.process.terminate();
    await stranger.process.terminate();
  }));

Deno.test("a master that was wiped and founded anew is turned away by its former peers", () =>
  onCluster({ workers: 0 }, async (cluster) => {
    const [founder, ...others] = cluster.masters;
    assert.ok(founder !== undefined);
    await founder.process.kill();
    await Deno.remove(founder.directory, { recursive: true });
    founder.process.start(["--bootstrap"]);
    await eventually("its former peers turn it away", async () => {
      const logs = await Promise.all(
        [founder, ...others].map((each) => logOf(cluster, each.name)),
      );
      const isTold = logs.some((log) => /you belong to cluster/.test(log));
      return isTold ? true : undefined;
    });
    const leader = await cluster.leader([founder.name]);
    assert.equal((await members(leader)).length, 3);
    assert.equal((await submit(cluster, 3)).length, 3);
  }));

Deno.test("a flag that differs from the cluster on disk is said and does no harm", () =>
  onCluster({ workers: 0, founding: "static" }, async (cluster) => {
    const [first] = cluster.masters;
    assert.ok(first !== undefined);
    await first.process.terminate();
    first.process.start([
      `--initial-cluster=m1=${first.raftAddress}`,
      "--initial-cluster=m9=127.0.0.1:1",
    ]);
    await cluster.settled();
    await written(
      `${cluster.directory}/m1.log`,
      /m9 left and m2, m3 came; the flag is only.*differs from the cluster on disk, which counts/,
    );
  }));

Deno.test("masters on every interface form a cluster by the addresses they advertise", () =>
  onCluster({ workers: 0 }, async (cluster) => {
    const joiner = cluster.newMaster("m4");
    const [port] = unusedPorts(1);
    joiner.process.start([
      // Nobody is at the first one.
      `--join=127.0.0.1:1,${cluster.masters[1]!.grpcAddress}`,
      `--bind-addr=0.0.0.0:${port}`,
      `--advertise-addr=127.0.0.1:${port}`,
      "--grpc-bind-host=0.0.0.0",
    ]);
    cluster.masters.push(joiner);
    await cluster.settled();
    const found = (await members(joiner)).find((each) => each.id === "m4");
    assert.equal(found?.raft_address, `127.0.0.1:${port}`);
  }));

Deno.test("masters that say they are ready go on without the one that they joined", async () => {
  const cluster = new Cluster({ workers: 0 });
  try {
    const [founder, ...joiners] = ["m1", "m2", "m3"].map((name) => cluster.newMaster(name));
    assert.ok(founder !== undefined);
    cluster.masters.push(founder, ...joiners);
    founder.process.start(["--bootstrap"]);
    for (const joiner of joiners) joiner.process.start([`--join=${founder.grpcAddress}`]);
    await eventually("each has said that it is ready", async () => {
      await cluster.assertAlive();
      const ready = await Promise.all(cluster.masters.map((each) => isReady(each)));
      return ready.includes(false) ? undefined : true;
    });
    await founder.process.kill();
    await cluster.leader([founder.name]);
    const addresses = joiners.map((each) => each.grpcAddress).join(",");
    const submitted = await run(["submit", "--type=kept", `--addr=${addresses}`]);
    assert.equal(submitted.code, 0, submitted.stderr);
  } finally {
    await cluster.stop();
  }
});
