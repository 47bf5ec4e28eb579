import assert from "node:assert/strict";
import { join } from "node:path";
import { type CommandResult, end, onHost, run, until } from "./support.ts";

/** Nothing listens there: the port is reserved, and never given out. */
const NOBODY = "--addr=127.0.0.1:1";

/** One line on stderr that begins with our name and holds `pattern`, and nothing on stdout. */
function assertRefused(
  { code, stdout, stderr }: CommandResult,
  expected: { readonly code: number; readonly says: RegExp },
): void {
  assert.equal(code, expected.code, stderr);
  assert.equal(stdout, "");
  assert.match(stderr, expected.says);
  const lines = stderr.trimEnd().split("\n");
  assert.match(lines[0]!, /^conductor: /);
  assert.equal(lines.length, 1, `more than one line:\n${stderr}`);
}

/** As {@linkcode assertRefused}, with a line for each fault below the first. */
function assertFaults({ code, stdout, stderr }: CommandResult, faults: readonly RegExp[]): void {
  assert.equal(code, 2, stderr);
  assert.equal(stdout, "");
  const [head, ...rest] = stderr.trimEnd().split("\n");
  assert.match(head!, /^conductor: /);
  assert.equal(rest.length, faults.length, stderr);
  for (const fault of faults) {
    assert.ok(rest.some((line) => fault.test(line)), `${fault}\n${stderr}`);
  }
}

Deno.test("a mistyped subcommand is named with what was meant, below a group and after help too", async () => {
  assertRefused(await run(["dlq", "retri", "x"]), {
    code: 2,
    says: /'retri'.*did you mean retry\?/,
  });
  assertRefused(await run(["workers", "darin", "w"]), { code: 2, says: /did you mean drain\?/ });
  assertRefused(await run(["help", "sumbit"]), { code: 2, says: /did you mean submit\?/ });
  assertRefused(await run(["cluster", "xyzzy"]), { code: 2, says: /there are status, / });
});

Deno.test("a wrong format of answers is refused before anything is sent", async () => {
  const xml = await run(["status", "--output=xml", NOBODY]);
  assertRefused(xml, { code: 2, says: /'xml' is invalid.*table, json/ });
});

Deno.test("every fault of a submission's flags is told at once, and nothing is submitted", async () => {
  const many = await run([
    "submit",
    "--priority=high",
    "--max-retries=-1",
    "--timeout=30",
    "--delay=soon",
    "--label=nameless",
    "--require=a=1",
    "--require=a=2",
    NOBODY,
  ]);
  assertRefused(many, { code: 2, says: /--type is missing; .*such as web_scraping/ });
  for (
    const fault of [
      /--priority is "high"; give a whole number from -2147483648 to 2147483647/,
      /--max-retries is "-1"/,
      /--timeout is "30"; .*did you mean 30s\?/,
      /--delay is "soon"; give a duration/,
      /--label is "nameless"; give name=value/,
      /--require is "a=2"; names "a" twice/,
    ]
  ) assert.match(many.stderr, fault);
  const page = await run(["list", "--limit=0", "--offset=x", NOBODY]);
  assertRefused(page, { code: 2, says: /--limit is "0".*; --offset is "x"/ });
});

Deno.test("a payload that cannot be read is refused by the path that was given", async () => {
  const missing = await run(["submit", "--type=x", "--payload=@/no/such/file", NOBODY]);
  assertRefused(missing, { code: 2, says: /payload from \/no\/such\/file: No such file/ });
  assert.doesNotMatch(missing.stderr, /os error/);
  const directory = await run(["submit", "--type=x", "--payload=@/tmp", NOBODY]);
  assertRefused(directory, { code: 2, says: /payload from \/tmp: Is a directory/ });
  const nothing = await run(["submit", "--type=x", "--payload=@", NOBODY]);
  assertRefused(nothing, { code: 2, says: /give the file's path after it/ });
});

Deno.test("a cluster that nobody runs is named with the reason, and the exit code is 1", async () => {
  const nobody = await run(["status", NOBODY]);
  assertRefused(nobody, { code: 1, says: /127\.0\.0\.1:1 .*refuses connections.*is one running/ });
  const unknown = await run(["status", "--addr=no-such-host.invalid:9000"]);
  assertRefused(unknown, { code: 1, says: /no-such-host\.invalid:9000/ });
});

Deno.test("a configuration file that is missing, malformed or mistaken is refused with every fault", async () => {
  const directory = await Deno.makeTempDir({ prefix: "conductor-e2e-" });
  const refused = async (text: string | undefined) => {
    const path = join(directory, "conductor.yaml");
    if (text !== undefined) await Deno.writeTextFile(path, text);
    return await run(["master", `--config=${path}`]);
  };
  try {
    assertFaults(await refused(undefined), [
      /cannot be read: No such file or directory \(flag --config\)\. Name/,
    ]);
    assertFaults(await refused("cluster: [1, 2"), [/is not valid YAML .*conductor\.yaml:1/]);
    assertFaults(
      await refused(
        "cluster:\n  htpp_port: 1\nraft:\n  apply_timeout: soon\nscheduler:\n  max_retries: -1\n",
      ),
      [
        /cluster\.htpp_port is not a key .*:2\). Did you mean cluster\.http_port\?/,
        /raft\.apply_timeout is not a duration: "soon" from .*:4/,
        /scheduler\.max_retries .*-1.* from .*:6/,
      ],
    );
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("flags that contradict each other are refused", async () => {
  const founding = await run([
    "master",
    "--join=127.0.0.1:1",
    "--initial-cluster=dev-node-1=127.0.0.1:7000",
  ]);
  assertFaults(founding, [/join_addr contradicts cluster\.initial_cluster.*Keep one/]);
  const tokens = await run(["status", "--token=secret-token", "--token-file=/x", NOBODY]);
  assertFaults(tokens, [/security\.token is set, and security\.token_file/]);
  assert.doesNotMatch(tokens.stderr, /secret-token/, "the secret is told");
});

Deno.test("a worker that cannot offer what it was told to is refused before it registers", async () => {
  const directory = await Deno.makeTempDir({ prefix: "conductor-e2e-" });
  const worker = (...flags: string[]) =>
    run(["worker", "--join=127.0.0.1:1", `--data-dir=${directory}`, "--grpc-port=0", ...flags]);
  try {
    const missing = await worker(`--handlers=${directory}/none.js`);
    assertRefused(missing, { code: 2, says: /there is no such file/ });
    await Deno.writeTextFile(`${directory}/empty.js`, "export const answer = 42;\n");
    const empty = await worker(`--handlers=${directory}/empty.js`);
    assertRefused(empty, { code: 2, says: /none of its exports \(answer\) is a handler/ });
    await Deno.writeTextFile(`${directory}/broken.js`, "export function (\n");
    const broken = await worker(`--handlers=${directory}/broken.js`);
    assert.equal(broken.code, 2);
    assert.match(broken.stderr, /^conductor: Handlers ".*broken\.js" failed to load: SyntaxError/);
    // What a module does as it is loaded may go well the next time: a supervisor may start the worker again.
    await Deno.writeTextFile(`${directory}/fails.js`, 'throw new Error("not now");\n');
    const fails = await worker(`--handlers=${directory}/fails.js`);
    assertRefused(fails, { code: 1, says: /failed to load: Error: not now/ });
    await Deno.writeTextFile(`${directory}/one.js`, "export const mine = () => 1;\n");
    await Deno.copyFile(`${directory}/one.js`, `${directory}/two.js`);
    const twice = await worker(`--handlers=${directory}/one.js,${directory}/two.js`);
    assertRefused(twice, { code: 2, says: /two\.js": There is a job type "mine" already/ });
    const unknown = await worker("--job-types=nope");
    assertRefused(unknown, {
      code: 2,
      says: /nope, which this worker does not have; it has data_/,
    });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("bytes that are no text are refused where a type takes JSON, and nothing is kept", () =>
  onHost(async (host) => {
    await host.startMaster();
    const given = { stdin: Uint8Array.of(0xff, 0xfe, 0x00) };
    const submit = ["submit", "--type=image_processing", "--payload=-"];
    const bytes = await host.clientGiven(given, ...submit);
    assertRefused(bytes, { code: 2, says: /not JSON, nor any text in UTF-8/ });
    const wrong = await host.client(
      "submit",
      "--type=data_analysis",
      '--payload={"url":7,"operatoins":[]}',
    );
    assertRefused(wrong, { code: 2, says: /has \d faults: .*url.*; .*operatoins/ });
    const name = await host.client("submit", "--type=not a name");
    assertRefused(name, { code: 2, says: /type "not a name" is not a name/ });

    // Beyond what may be sent: it is not even read to its end.
    const huge = await host.clientGiven(
      { stdin: new Uint8Array(6 * 1024 * 1024) },
      "submit",
      "--type=custom",
      "--payload=-",
    );
    assertRefused(huge, {
      code: 2,
      says: /the payload is more than 2097152 bytes; jobs\.payload_bytes_max/,
    });

    const cursor = await host.client("list", "--cursor=no cursor");
    assertRefused(cursor, { code: 2, says: /cursor "no cursor"/ });
    const status = await host.client("list", "--status=dead");
    assertRefused(status, { code: 2, says: /"dead"; it may be one of waiting, pending/ });
    for (const command of ["status", "watch", "result", "cancel"]) {
      const unknown = await host.client(command, "no-such-job");
      assertRefused(unknown, { code: 1, says: /there is no job "no-such-job"/ });
    }
    const worker = await host.client("workers", "drain", "nobody");
    assertRefused(worker, { code: 1, says: /there is no worker "nobody"/ });
    const { total } = JSON.parse((await host.client("list", "--output=json")).stdout);
    assert.equal(total, 0);
  }));

Deno.test("a port that speaks something else than a master's gRPC is told as such", () =>
  onHost(async (host) => {
    await host.startMaster();
    const http = await run(["status", `--addr=${new URL(host.httpUrl).host}`]);
    assert.equal(http.code, 1);
    assert.match(http.stderr, /^conductor: [^\n]+\n$/);
    assert.match(http.stderr, /speaks HTTP\/1\.1 and not gRPC/);
    const raft = await run([
      "list",
      `--addr=${host.masterFlags().join(" ").match(/bind-addr=(\S+)/)![1]}`,
    ]);
    assertRefused(raft, { code: 1, says: /is not known there: is it a master's Raft port/ });
  }));

Deno.test("each port of a master that is taken is named with its key, and the master does not start", () =>
  onHost(async (host) => {
    const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = taken.addr;
    try {
      for (
        const [flag, key] of [
          [`--http-port=${port}`, /cluster\.http_port/],
          [`--metrics-port=${port}`, /metrics\.port/],
          [`--bind-addr=127.0.0.1:${port}`, /cluster\.bind_addr/],
        ] as const
      ) {
        const refused = await run(["master", ...host.masterFlags(), flag]);
        assertRefused(refused, { code: 1, says: key });
        assert.match(refused.stderr, new RegExp(`127\\.0\\.0\\.1:${port}`));
      }
    } finally {
      taken.close();
    }
    await host.startMaster();
    assert.equal((await host.client("status")).code, 0, "a refused start left its mark");
  }));

Deno.test("a data directory that cannot be made is refused with its path", () =>
  onHost(async (host) => {
    // Where even root may make nothing.
    const refused = await run(["master", ...host.masterFlags(), "--data-dir=/proc/conductor"]);
    assertRefused(refused, { code: 1, says: /\/proc\/conductor/ });
  }));

Deno.test("a worker without a master tries again with longer and longer pauses, and ends when told to", () =>
  onHost(async (host) => {
    const worker = host.startWorker("w1", "--log-format=json");
    const pauses = async () => {
      const log = await Deno.readTextFile(join(host.directory, "w1.log")).catch(() => "");
      return log.split("\n").filter((line) => line.includes("cannot reach a master"))
        .map((line) => JSON.parse(line).retry_in_ms as number);
    };
    await until("it has tried six times", async () => (await pauses()).length >= 6);
    const told = await pauses();
    assert.ok(told[5]! > 4 * told[0]!, `the pauses do not grow: ${told}`);
    assert.equal(await end(worker, "SIGTERM"), 0);
  }));

Deno.test("a second worker of one name on a host is told so, and the first keeps its session", () =>
  onHost(async (host) => {
    await host.startMaster();
    host.startWorker("w1");
    await host.finished("noop", {});
    const second = await run([
      "worker",
      `--join=${host.grpcAddress}`,
      "--worker-id=w1",
      "--grpc-port=0",
      `--data-dir=${join(host.directory, "worker")}`,
    ]);
    assertRefused(second, { code: 1, says: /worker called w1 runs already .*--worker-id/ });
    assert.equal((await host.finished("noop", {})).assigned_to, "w1");
    const log = await Deno.readTextFile(join(host.directory, "w1.log"));
    assert.equal(log.match(/connected to a master/g)?.length, 1, "its session was taken away");
  }));

Deno.test("of two workers of one name on two machines the first keeps its session while it lives", () =>
  onHost(async (host) => {
    await host.startMaster();
    const first = host.startWorker("w1");
    await host.finished("noop", {});
    const logOf = (name: string) => join(host.directory, name);
    host.startWorker(
      "w1",
      `--data-dir=${logOf("elsewhere")}`,
      `--log-output=${logOf("second.log")}`,
    );
    await until("the second was refused twice", async () => {
      const log = await Deno.readTextFile(logOf("second.log")).catch(() => "");
      return (log.match(/w1.{1,3} is connected already.*--worker-id/g)?.length ?? 0) >= 2;
    });
    assert.equal((await host.finished("noop", {})).assigned_to, "w1");
    const log = await Deno.readTextFile(logOf("w1.log"));
    assert.equal(log.match(/connected to a master/g)?.length, 1, "its session was taken away");
    await end(first, "SIGKILL");
    assert.equal((await host.finished("noop", {})).status, "completed", "nobody took its place");
  }));

Deno.test("a worker that is killed may start again at once under its name", () =>
  onHost(async (host) => {
    await host.startMaster();
    const first = host.startWorker("w1");
    await host.finished("noop", {});
    await end(first, "SIGKILL");
    host.startWorker("w1");
    assert.equal((await host.finished("noop", {})).status, "completed");
  }));
