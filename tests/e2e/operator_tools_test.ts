/** What an operator looks with: top, --watch, doctor, raft, snapshot and debug bundle on one host. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { type Host, onHost, run, until } from "./support.ts";

const CANARY = "c4n4ry-in-a-payload";

Deno.test("an operator sees, examines and bundles a cluster, and never a payload", () =>
  onHost(async (host) => {
    await host.startMaster();
    host.startWorker("w1");
    const job = await host.finished("test_sleep", { duration: "1ms", result: CANARY });

    const sample = JSON.parse((await succeeds(host, "top", "--once", "--output=json")).stdout);
    assert.equal(sample.cluster.leader_id, sample.members[0].id);
    assert.deepEqual(sample.workers.map((each: { id: string }) => each.id), ["w1"]);
    assert.deepEqual(sample.jobs.map((each: { id: string }) => each.id), [job.id]);
    assert.match((await succeeds(host, "top")).stdout, /^Cluster .*\nJobs .*\nWorkers .*1 active/);

    await watches(host, job.id);
    await isHealthy(host);
    await isSound(host, job.id);
    await bundles(host);
  }));

/** What was told once is told again only when it changes; who stops to read, as `head` does, ends it. */
async function watches(host: Host, firstId: string): Promise<void> {
  const watching = host.start([
    "list",
    "--watch=100ms",
    "--output=jsonl",
    `--addr=${host.grpcAddress}`,
  ], "piped");
  let text = "";
  const said = new Response(watching.stderr).text();
  const reader = watching.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const reading = (async () => {
    for (let part = await reader.read(); !part.done; part = await reader.read()) text += part.value;
  })();
  const lines = () =>
    text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
  await until("the job is told", () => Promise.resolve(lines().some(({ id }) => id === firstId)));
  const later = await host.finished("noop", {});
  await until(
    "the later one is told to its end",
    () =>
      Promise.resolve(lines().some(({ id, status }) => id === later.id && status === "completed")),
  );
  await reader.cancel();
  await reading;
  // Elsewhere the next change would tell it.
  if (Deno.build.os !== "linux") watching.kill("SIGTERM");
  await watching.status;
  assert.equal(await said, "");
  assert.equal(lines().filter(({ id }) => id === firstId).length, 1);
}

async function isHealthy(host: Host): Promise<void> {
  const { stdout } = await succeeds(host, "doctor", ...host.masterFlags(), "--output=json");
  const { healthy, checks } = JSON.parse(stdout);
  assert.equal(healthy, true);
  const of = (check: string) =>
    checks.filter((each: { check: string }) => each.check === check)
      .map((each: { status: string }) => each.status);
  assert.deepEqual(of("port"), ["ok", "ok", "ok", "ok"]);
  assert.deepEqual(of("member"), ["ok"]);
  assert.deepEqual(of("clock"), ["ok"]);
  assert.deepEqual(of("version"), ["ok"]);
  // Its own flags say where it is.
  const alone = await succeedsAlone("doctor", ...host.masterFlags(), "--output=json");
  const members = JSON.parse(alone.stdout).checks
    .filter((each: { check: string }) => each.check === "member");
  assert.deepEqual(members.map((each: { status: string }) => each.status), ["ok"]);
}

/** The log is read beside the master that has it open; a backup says what it holds. */
async function isSound(host: Host, jobId: string): Promise<void> {
  const directory = `--data-dir=${join(host.directory, "master")}`;
  const inspected = JSON.parse(
    (await succeedsAlone("raft", "inspect", directory, "--output=json")).stdout,
  );
  assert.deepEqual([inspected.sound, inspected.faults], [true, []]);
  const logged = ["raft", "log", directory, "--limit=0", "--output=jsonl"];
  const entries = (await succeedsAlone(...logged)).stdout;
  const submitted = entries.trim().split("\n").map((line) => JSON.parse(line))
    .find(({ command, jobs }) => command === "submit" && jobs[0].id === jobId);
  assert.equal(submitted.jobs[0].type, "test_sleep");
  assert.ok(!entries.includes(CANARY), "a payload is shown unasked");
  assert.ok((await succeedsAlone(...logged, "--payloads")).stdout.includes(CANARY));

  const file = join(host.directory, "backup");
  await succeeds(host, "backup", file);
  const backup = JSON.parse(
    (await succeedsAlone("snapshot", "inspect", file, "--output=json")).stdout,
  );
  assert.deepEqual(
    [backup.kind, backup.integrity, backup.finished_jobs],
    ["backup", "ok", { completed: 2 }],
  );
  await isBackedUpToStdout(host);
}

/** stdout has the backup and nothing else; one that replaces a link leaves the link. */
async function isBackedUpToStdout(host: Host): Promise<void> {
  const { stdout, stderr } = host.start(["backup", "-", `--addr=${host.grpcAddress}`], "piped");
  const piped = join(host.directory, "piped");
  const [said] = await Promise.all([new Response(stderr).text(), Deno.writeFile(piped, stdout)]);
  assert.match(said, /^conductor: backed up the state of cluster \S+ at entry \d+, \d+ bytes\n$/);
  const { integrity } = JSON.parse(
    (await succeedsAlone("snapshot", "inspect", piped, "--output=json")).stdout,
  );
  assert.equal(integrity, "ok");

  if (Deno.build.os === "windows") return;
  const refused = await host.client("backup", "/dev/null", "--force");
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /\/dev\/null is a character device/);
  const link = join(host.directory, "link");
  await Deno.symlink("piped", link);
  await succeeds(host, "backup", link, "--force");
  assert.ok(Deno.lstatSync(link).isSymlink);
  await succeedsAlone("snapshot", "inspect", piped);
}

async function bundles(host: Host): Promise<void> {
  const file = join(host.directory, "bundle.tar.gz");
  const told = await succeeds(
    host,
    "debug",
    "bundle",
    file,
    ...host.masterFlags(),
    "--output=json",
  );
  const { files } = JSON.parse(told.stdout);
  assert.deepEqual(
    files.filter(({ missing }: { missing: string | null }) => missing !== null),
    [],
  );
  for (const name of ["metrics.txt", "members.json", "raft.json", "log-1.txt"]) {
    assert.ok(files.some((each: { name: string }) => each.name === name), name);
  }
  const stream = (await Deno.open(file)).readable.pipeThrough(new DecompressionStream("gzip"));
  const text = await new Response(stream).text();
  assert.ok(!text.includes(CANARY), "a payload is in the bundle");
  assert.match(text, /conductor_raft_is_leader/);
}

async function succeeds(host: Host, ...args: string[]) {
  const answer = await host.client(...args);
  assert.equal(answer.code, 0, `${args.join(" ")}\n${answer.stderr}${answer.stdout}`);
  return answer;
}

/** A command that calls no cluster. */
async function succeedsAlone(...args: string[]) {
  // What a master of a compose file has in its environment is nothing to whoever looks at its files.
  const environment = { CONDUCTOR_CLUSTER_INITIAL_CLUSTER: "m1=127.0.0.1:7000,m2=127.0.0.1:7001" };
  const answer = await run(args, undefined, { environment });
  assert.equal(answer.code, 0, `${args.join(" ")}\n${answer.stderr}${answer.stdout}`);
  return answer;
}
