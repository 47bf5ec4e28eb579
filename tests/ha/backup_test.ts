import assert from "node:assert/strict";
import { join } from "node:path";
import { type CommandResult, run } from "../e2e/support.ts";
import { type Cluster, eventually, type MasterNode, onCluster } from "./support.ts";
import { isSlice } from "../slice.ts";

function command(master: MasterNode, ...args: string[]): Promise<CommandResult> {
  return run([...args, `--addr=${master.grpcAddress}`]);
}

/** Submits jobs that no worker takes; they are there to be kept. */
async function submit(cluster: Cluster, master: MasterNode, count: number): Promise<string[]> {
  const client = cluster.client({ only: master.grpcAddress });
  try {
    const jobs = await client.submitBatch(
      Array.from({ length: count }, () => ({
        type: "kept",
        payload: crypto.getRandomValues(new Uint8Array(500)),
        priority: 5,
      })),
      { allOrNothing: true },
    );
    return jobs.map((each) => "jobId" in each ? each.jobId : assert.fail(each.error));
  } finally {
    client.close();
  }
}

async function statusesOf(cluster: Cluster, master: MasterNode, jobs: readonly string[]) {
  const client = cluster.client({ only: master.grpcAddress });
  try {
    return await Promise.all(jobs.map(async (jobId) => (await client.getJob(jobId)).job.status));
  } finally {
    client.close();
  }
}

/** Starts `master` on an empty disk to join `member`, and waits until the running ones agree. */
async function joined(cluster: Cluster, master: MasterNode, member: MasterNode): Promise<void> {
  await Deno.remove(master.directory, { recursive: true });
  master.process.start([`--join=${member.grpcAddress}`]);
  await cluster.settled();
}

Deno.test("a backup from a follower under load is restored under a cluster of three", () =>
  onCluster({ workers: 0 }, async (cluster) => {
    const leader = await cluster.leader();
    const follower = cluster.masters.find((each) => each !== leader)!;
    const before = await submit(cluster, leader, 400);
    const file = join(cluster.directory, "cluster.backup");
    let isSubmitting = true;
    const load = (async () => {
      while (isSubmitting) await submit(cluster, leader, 20);
    })();
    const taken = await command(follower, "backup", file, "--output=json");
    isSubmitting = false;
    await load;
    assert.equal(taken.code, 0, taken.stderr);
    const { index, node_id } = JSON.parse(taken.stdout);
    assert.equal(node_id, follower.name);
    assert.deepEqual(
      [...Deno.readDirSync(cluster.directory)].filter(({ name }) => name.includes(".partial")),
      [],
    );
    const again = await command(follower, "backup", file);
    assert.equal(again.code, 2);
    assert.match(again.stderr, /is there already/);

    const later = await submit(cluster, leader, 5);
    await Promise.all(cluster.masters.map((each) => each.process.terminate()));
    const [first, ...others] = cluster.masters;
    assert.ok(first !== undefined);
    const place = [`--data-dir=${first.directory}`, `--node-id=${first.name}`];
    const full = await run(["restore", file, ...place]);
    assert.equal(full.code, 1, "a directory that holds data is not overwritten");
    assert.match(full.stderr, /is not empty/);
    await Deno.remove(first.directory, { recursive: true });

    const bytes = await Deno.readFile(file);
    bytes[bytes.length >> 1] = bytes[bytes.length >> 1]! ^ 0x10;
    await Deno.writeFile(`${file}.damaged`, bytes);
    const damaged = await run(["restore", `${file}.damaged`, ...place]);
    assert.equal(damaged.code, 1);
    assert.match(damaged.stderr, /damaged or not whole/);

    const restored = await run(["restore", file, ...place, "--output=json"]);
    assert.equal(restored.code, 0, restored.stderr);
    assert.equal(JSON.parse(restored.stdout).backup_index, index);
    // A member of the old cluster that comes back meets strangers, whose answers it cannot use.
    others[0]!.process.start();
    first.process.start([]);
    await eventually(
      "the restored one leads",
      async () => (await cluster.status(first))?.state === "Leader" ? true : undefined,
    );
    assert.deepEqual(new Set(await statusesOf(cluster, first, before)), new Set(["pending"]));
    const client = cluster.client({ only: first.grpcAddress });
    try {
      await assert.rejects(client.getJob(later[0]!), /there is no job/);
    } finally {
      client.close();
    }
    await others[0]!.process.kill();
    for (const other of others) await joined(cluster, other, first);
    assert.deepEqual(new Set(await statusesOf(cluster, others[1]!, before)), new Set(["pending"]));
    await first.process.kill();
    assert.equal((await submit(cluster, await cluster.leader([first.name]), 1)).length, 1);
  }));

Deno.test(
  "three masters, two lost for good: the third goes on with every job, and two new ones join",
  { ignore: isSlice },
  () =>
    onCluster({ workers: 0 }, async (cluster) => {
      const leader = await cluster.leader();
      const jobs = await submit(cluster, leader, 200);
      await cluster.settled();
      const survivor = cluster.masters.find((each) => each !== leader)!;
      const lost = cluster.masters.filter((each) => each !== survivor);
      await Promise.all(lost.map((each) => each.process.kill()));
      await survivor.process.terminate();

      const place = ["cluster", "recover", `--data-dir=${survivor.directory}`];
      const asked = await run(place);
      assert.equal(asked.code, 1);
      assert.match(asked.stderr, /LOST: whatever the others acknowledged behind entry \d+/);
      assert.match(asked.stderr, /--accept-data-loss/);
      survivor.process.start();
      await eventually(
        "nothing was changed",
        async () => (await cluster.status(survivor))?.servers.length === 3 ? true : undefined,
      );
      const file = join(cluster.directory, "survivor.backup");
      const current = await command(survivor, "backup", file);
      assert.equal(current.code, 1, "nobody says that its state is current");
      const stale = await command(survivor, "backup", file, "--stale", "--output=json");
      assert.equal(stale.code, 0, stale.stderr);
      assert.equal(JSON.parse(stale.stdout).node_id, survivor.name);
      const running = await run([...place, "--accept-data-loss"]);
      assert.equal(running.code, 1, "a running master is left alone");
      assert.match(running.stderr, /locked/);
      await survivor.process.kill();

      const recovered = await run([...place, "--accept-data-loss", "--output=json"]);
      assert.equal(recovered.code, 0, recovered.stderr);
      const answer = JSON.parse(recovered.stdout);
      assert.equal(answer.node_id, survivor.name);
      assert.equal(answer.unfinished_jobs, 200);
      survivor.process.start([]);
      await eventually("it leads alone", async () => {
        const status = await cluster.status(survivor);
        return status?.state === "Leader" && status.servers.length === 1 ? true : undefined;
      });
      await survivor.process.terminate();
      const needless = await run([...place, "--accept-data-loss"]);
      assert.equal(needless.code, 1);
      assert.match(needless.stderr, /is the only voter of its cluster, so no majority is lost/);
      survivor.process.start([]);
      await cluster.leader(lost.map((each) => each.name));
      assert.deepEqual(new Set(await statusesOf(cluster, survivor, jobs)), new Set(["pending"]));

      // One of the lost ones was not lost after all: it is turned away, and harms nothing.
      lost[0]!.process.start();
      await eventually("it is told", async () => {
        const logs = [survivor, lost[0]!].map((each) =>
          Deno.readTextFile(join(cluster.directory, `${each.name}.log`))
        );
        return /you belong to cluster/.test((await Promise.all(logs)).join("")) ? true : undefined;
      });
      assert.equal((await cluster.status(survivor))?.servers.length, 1);
      await lost[0]!.process.kill();
      for (const each of lost) await joined(cluster, each, survivor);
      assert.equal((await cluster.status(survivor))?.servers.length, 3);
      assert.deepEqual(new Set(await statusesOf(cluster, lost[1]!, jobs)), new Set(["pending"]));
    }),
);

Deno.test({
  name: "C13: a worker that outlives a restore is fenced, and its job runs anew under a new token",
  ignore: isSlice,
  fn: () =>
    onCluster({ masters: 1, workers: 1 }, async (cluster) => {
      const [master] = cluster.masters;
      assert.ok(master !== undefined);
      const client = cluster.client();
      const { jobId } = await client.submit({
        type: "test_sleep",
        payload: new TextEncoder().encode('{"duration":"12s"}'),
        priority: 5,
      });
      const running = await eventually("it runs", async () => {
        const { job } = await client.getJob(jobId);
        return job.status === "running" ? job : undefined;
      });
      const file = join(cluster.directory, "running.backup");
      const taken = await command(master, "backup", file);
      assert.equal(taken.code, 0, taken.stderr);
      await master.process.kill();
      await Deno.remove(master.directory, { recursive: true });
      const place = [`--data-dir=${master.directory}`, `--node-id=${master.name}`];
      const restored = await run(["restore", file, ...place, "--output=json"]);
      assert.equal(restored.code, 0, restored.stderr);
      assert.equal(JSON.parse(restored.stdout).released_attempts, 1);
      master.process.start([]);
      const done = await client.waitFor(jobId);
      client.close();
      assert.equal(done.status, "completed");
      assert.ok(done.fencingToken > running.fencingToken + 1e12, String(done.fencingToken));
      assert.equal(done.attempt, running.attempt + 1);
      const { attempts } = await cluster.client().getJob(jobId);
      assert.deepEqual(attempts.map((each) => each.outcome), ["released", "completed"]);
    }),
});
