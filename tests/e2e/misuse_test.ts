import assert from "node:assert/strict";
import { MAIN, RUNTIME_ENVIRONMENT } from "../program.ts";
import { end, onHost, run } from "./support.ts";

/** One line for the person who reads it, and no stack trace. */
function assertOneLine(stderr: string, pattern: RegExp): void {
  assert.match(stderr, pattern);
  assert.equal(stderr.trim().split("\n").length, 1, stderr);
}

Deno.test("commands and flags that do not exist are named, with what was meant, and exit 2", async () => {
  const command = await run(["submti"]);
  assert.equal(command.code, 2);
  assert.match(command.stderr, /unknown command 'submti'[\s\S]*submit/);
  const flag = await run(["submit", "--type=x", "--pyload", "x"]);
  assert.equal(flag.code, 2);
  assert.match(flag.stderr, /unknown option '--pyload'[\s\S]*--payload/);
  const config = await run(["master", "--set=raft.election_timeout=1ms", "--set=nope.key=1"]);
  assert.equal(config.code, 2);
  assert.match(config.stderr, /raft\.election_timeout/);
  assert.match(config.stderr, /nope\.key/);
});

Deno.test({
  name: "an answer for which stdout has no room is one line that says so, and exits 1",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const onFull = ["sh", "-c", 'exec "$@" > /dev/full', "sh", Deno.execPath()] as const;
    const program = {
      command: [...onFull, "run", "--quiet", "--no-check", "--allow-all", MAIN] as const,
      environment: RUNTIME_ENVIRONMENT,
    };
    for (const args of [["--version"], ["--help"], ["config", "show"], ["man"]]) {
      const { code, stderr } = await run(args, program);
      assert.equal(code, 1, args.join(" "));
      assertOneLine(stderr, /^conductor: cannot write to stdout: No space left on device$/m);
    }
  },
});

Deno.test("a payload that is not what its type takes is refused before it is accepted", () =>
  onHost(async (host) => {
    await host.startMaster();
    const malformed = await host.client("submit", "--type=test_sleep", '--payload={"duration":');
    assert.equal(malformed.code, 2);
    assertOneLine(malformed.stderr, /is not JSON/);
    const large = `${host.directory}/large`;
    await Deno.writeFile(large, new Uint8Array(3 * 1024 * 1024));
    const oversize = await host.client("submit", "--type=custom", `--payload=@${large}`);
    assert.equal(oversize.code, 2);
    assertOneLine(oversize.stderr, /payload is 3145728 bytes/);
    const missing = await host.client("status", "no-such-job");
    assert.equal(missing.code, 1);
    assertOneLine(missing.stderr, /there is no job "no-such-job"/);
    const finished = JSON.parse((await host.client("list", "--output=json")).stdout);
    assert.equal(finished.total, 0);
  }));

Deno.test("a second master on the same data is refused, and the first goes on", () =>
  onHost(async (host) => {
    await host.startMaster();
    const second = await run([
      "master",
      ...host.masterFlags(),
      `--set=log.audit_output=${host.directory}/audit-2.log`,
    ]);
    assert.equal(second.code, 1);
    assertOneLine(second.stderr, /raft\.db/);
    assert.equal((await host.client("status")).code, 0);
  }));

Deno.test("a port that is taken is named with the key that changes it", () =>
  onHost(async (host) => {
    const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    try {
      const refused = await run([
        "master",
        ...host.masterFlags(),
        `--grpc-port=${taken.addr.port}`,
      ]);
      assert.equal(refused.code, 1);
      assertOneLine(refused.stderr, /grpc\.master_port/);
    } finally {
      taken.close();
    }
  }));

Deno.test("a data directory that cannot be used, or is damaged, is refused with what to do", () =>
  onHost(async (host) => {
    const file = `${host.directory}/file`;
    await Deno.writeTextFile(file, "");
    const notDirectory = await run(["master", ...host.masterFlags(), `--data-dir=${file}`]);
    assert.equal(notDirectory.code, 1);
    assertOneLine(notDirectory.stderr, /Cannot use data directory/);

    const master = await host.startMaster();
    const kept = await host.client("submit", "--type=custom", "--payload=x");
    await end(master, "SIGTERM");
    const database = `${host.directory}/master/raft/raft.db`;
    const bytes = await Deno.readFile(database);
    const damaged = bytes.slice();
    damaged.fill(0x55, 4096);
    await Deno.writeFile(database, damaged);
    const refused = await run(["master", ...host.masterFlags()]);
    assert.equal(refused.code, 1);
    assertOneLine(refused.stderr, /raft\.db/);

    await Deno.writeFile(database, bytes);
    await host.startMaster();
    const status = await host.client("status", kept.stdout.trim());
    assert.equal(status.code, 0, "the job that was accepted is lost");
  }));
