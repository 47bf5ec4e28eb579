import assert from "node:assert/strict";
import { join } from "node:path";
import { VERSION } from "../../src/cli/version.ts";
import { type CommandResult, type Host, onHost, run, until } from "./support.ts";
import { MAIN } from "../program.ts";

function json(result: CommandResult) {
  assert.equal(result.code, 0, result.stderr);
  return JSON.parse(result.stdout);
}

async function submitMany(host: Host, count: number): Promise<string[]> {
  const client = host.library();
  try {
    const ids: string[] = [];
    for (let n = 0; n < count; n++) {
      const payload = new TextEncoder().encode(String(n));
      ids.push((await client.submit({ type: "nobodys", payload, priority: 5 })).jobId);
    }
    return ids;
  } finally {
    client.close();
  }
}

Deno.test("a list is read page by page, by cursor and by offset, without a gap or a repetition", () =>
  onHost(async (host) => {
    await host.startMaster();
    const ids = (await submitMany(host, 5)).reverse();
    const idsOf = (page: { jobs: { id: string }[] }) => page.jobs.map((each) => each.id);

    const first = json(await host.client("list", "--limit=2", "--output=json"));
    assert.deepEqual([idsOf(first), first.total], [ids.slice(0, 2), 5]);
    const [late] = await submitMany(host, 1);
    const second = json(
      await host.client("list", "--limit=2", `--cursor=${first.next_cursor}`, "--output=json"),
    );
    assert.deepEqual(idsOf(second), ids.slice(2, 4), "a job that came meanwhile moved the page");
    const byOffset = json(await host.client("list", "--offset=5", "--output=json"));
    assert.deepEqual(idsOf(byOffset), ids.slice(4));

    const table = await host.client("list", "--limit=2");
    assert.match(table.stdout.split("\n")[1]!, new RegExp(`^${late} +nobodys +pending`));
    assert.match(table.stderr, /^2 of 6 jobs; the next page: --cursor \S+\n$/);
    const none = await host.client("list", "--status=completed");
    assert.equal(none.stdout.trim().split("\n").length, 1, "a head and no rows");
  }));

Deno.test("retries, the dead letters and their redrive are seen and steered from the command line", () =>
  onHost(async (host) => {
    await host.startMaster();
    host.startWorker("w1");
    const job = await host.finished(
      "test_sleep",
      { duration: "1ms", fail: "on purpose", fail_attempts: 3 },
      "--max-retries=1",
      "--retry-delay=10ms",
    );
    assert.deepEqual([job.status, job.attempt, job.dead_letter], ["failed", 2, true]);
    const letters = await host.client("dlq");
    assert.match(letters.stdout, new RegExp(`${job.id} +test_sleep +2/2 +w1 +\\S+ +on purpose\\n`));

    const unknown = await host.client("dlq", "retry", job.id, "nope");
    assert.equal(unknown.code, 1, "one of the two could not be retried");
    assert.match(unknown.stdout, /back in the queue/);
    assert.match(unknown.stderr, /there is no job "nope"/);
    const again = await host.client("watch", job.id, "--output=json");
    const retried = JSON.parse(again.stdout);
    assert.deepEqual([again.code, retried.status], [0, "completed"], again.stderr);
    const empty = json(await host.client("dlq", "--output=json"));
    assert.equal(empty.total, 0);
    const history = json(await host.client("status", job.id, "--output=json"));
    assert.deepEqual(
      history.attempts.map((each: { outcome: string }) => each.outcome),
      ["failed", "failed", "failed", "completed"],
    );
    const table = await host.client("status", job.id);
    assert.match(table.stdout, /ATTEMPT +WORKER +OUTCOME/);
  }));

Deno.test("watch and result answer for a job of any state, with the exit code that is due", () =>
  onHost(async (host) => {
    await host.startMaster();
    host.startWorker("w1");
    const done = await host.finished("test_sleep", { duration: "1ms", result: { n: 7 } });
    const result = await host.client("result", done.id);
    assert.deepEqual([result.code, JSON.parse(result.stdout)], [0, done.result.output]);
    assert.equal(json(await host.client("result", done.id, "--output=json")).success, true);

    const [waiting] = await submitMany(host, 1);
    const early = await host.client("result", waiting!);
    assert.equal(early.code, 1);
    assert.match(early.stderr, /has no result; it is pending/);

    const watched = host.client("watch", waiting!);
    assert.equal((await host.client("cancel", waiting!, "--reason=not needed")).code, 0);
    const { code, stderr } = await watched;
    assert.equal(code, 1, "a cancelled job has not completed");
    assert.match(stderr, /cancelled: .*not needed/);
    const cancelled = await host.client("result", waiting!);
    assert.match(cancelled.stderr, /it is cancelled: .*not needed/);
  }));

Deno.test("Ctrl-C during --wait ends the waiting with 130 and says how to go on; the job runs on", () =>
  onHost(async (host) => {
    await host.startMaster();
    host.startWorker("w1");
    const waiting = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--quiet",
        "--allow-all",
        MAIN,
        "submit",
        "--type=test_sleep",
        '--payload={"duration":"2s"}',
        "--wait",
        `--addr=${host.grpcAddress}`,
      ],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const client = host.library();
    try {
      await until(
        "it runs",
        async () => (await client.listJobs({ status: "running" })).total === 1,
      );
      waiting.kill("SIGINT");
      const { code, stderr, stdout } = await waiting.output();
      const [job] = (await client.listJobs()).jobs;
      assert.equal(code, 130);
      assert.equal(stdout.length, 0);
      assert.match(new TextDecoder().decode(stderr), new RegExp(`conductor watch ${job!.id}`));
      assert.equal((await client.waitFor(job!.id)).status, "completed");
    } finally {
      client.close();
    }
  }));

Deno.test("a payload comes from a file or from stdin, and labels, keys and delays are kept", () =>
  onHost(async (host) => {
    await host.startMaster();
    const file = join(host.directory, "job.json");
    await Deno.writeTextFile(file, '{"from":"file"}');
    const flags = ["submit", "--type=custom", "--output=json"];
    const fromFile = json(await host.client(...flags, `--payload=@${file}`));
    const fromStdin = json(
      await host.clientGiven({ stdin: '{"from":"stdin"}' }, ...flags, "--payload=-"),
    );
    const payloadOf = async (id: string) =>
      json(await host.client("status", id, "--output=json")).payload;
    assert.deepEqual(await payloadOf(fromFile.job_id), { from: "file" });
    assert.deepEqual(await payloadOf(fromStdin.job_id), { from: "stdin" });

    const once = [...flags, "--payload=x", "--idempotency-key=k", "--label=a=b", "--delay=1h"];
    const first = json(await host.client(...once));
    const second = await host.client(...once);
    assert.deepEqual([json(second).job_id, json(second).duplicate], [first.job_id, true]);
    assert.match(second.stderr, /an earlier submission made this job/);
    const job = json(await host.client("status", first.job_id, "--output=json"));
    assert.deepEqual([job.status, job.labels], ["waiting", { a: "b" }]);
    const other = await host.client(...flags, "--payload=y", "--idempotency-key=k");
    assert.equal(other.code, 1, "another payload under the key of an existing job");
    assert.match(other.stderr, /idempotency/);
  }));

Deno.test("a worker that is drained gets nothing more until it is undrained", () =>
  onHost(async (host) => {
    await host.startMaster();
    host.startWorker("w1");
    await host.finished("noop", {});
    assert.match((await host.client("workers", "drain", "w1")).stdout, /gets no new jobs/);
    const listed = await host.client("workers", "--status=draining");
    assert.match(listed.stdout, /^w1 +draining/m);
    const { job_id: id } = json(
      await host.client("submit", "--type=noop", "--payload={}", "--output=json"),
    );
    const status = await host.client("status", id);
    assert.match(status.stdout, /Waits +.*drain/);
    assert.equal((await host.client("workers", "undrain", "w1")).code, 0);
    assert.equal((await host.client("watch", id)).code, 0);
  }));

Deno.test("the types that workers offer are listed with what waits for them, custom ones too", () =>
  onHost(async (host) => {
    await host.startMaster();
    const handlers = join(host.directory, "greet.js");
    await Deno.writeTextFile(handlers, "export const greet = () => 1;");
    host.startWorker("w1", "--job-types=noop,greet", `--handlers=${handlers}`);
    await host.finished("greet", {});
    await host.client("submit", "--type=test_sleep", "--payload=1s");

    const { job_types: types } = json(await host.client("job-types", "--cluster", "--output=json"));
    const of = (name: string) => types.find((each: { name: string }) => each.name === name);
    assert.deepEqual(of("noop").cluster, { workers: ["w1"], waiting: 0, pending: 0, running: 0 });
    assert.deepEqual(of("test_sleep").cluster, { workers: [], waiting: 0, pending: 1, running: 0 });
    assert.deepEqual([of("greet").source, of("greet").summary], ["cluster", null]);
    const unknown = await host.client("job-types", "show", "greet", "--cluster");
    assert.match(unknown.stdout, /^Workers +1 \(w1\)$[^]*--handlers FILE/m);
    const known = await host.client("job-types", "show", "noop", "--cluster");
    assert.match(known.stdout, /^Workers +1 \(w1\)$[^]*^Payload$[^]*--type noop/m);
  }));

Deno.test("help, version and the completion scripts need no cluster and exit 0", async () => {
  const help = await run(["--help"]);
  assert.equal(help.code, 0);
  assert.equal(help.stderr, "");
  const commands = [
    "master",
    "worker",
    "submit",
    "status",
    "list",
    "cancel",
    "watch",
    "result",
    "dlq",
    "workers",
    "cluster",
    "config",
    "completion",
  ];
  for (const command of commands) assert.match(help.stdout, new RegExp(`^  ${command} `, "m"));
  assert.equal((await run(["-V"])).stdout, `conductor ${VERSION}\n`);
  const submit = await run(["help", "submit"]);
  assert.match(submit.stdout, /^Usage: conductor submit --type <type>/);
  assert.match(submit.stdout, /^Connection:$/m);
});

Deno.test("NO_COLOR and a pipe leave the escape sequences out; answers stay on stdout", () =>
  onHost(async (host) => {
    await host.startMaster();
    const { stdout, stderr } = await host.client("cluster");
    // deno-lint-ignore no-control-regex -- what must not be there
    assert.doesNotMatch(stdout + stderr, /\u001b/);
    assert.match(stdout, /^Leader +dev-node-1 /m);
    assert.equal(stderr, "");
  }));
