import assert from "node:assert/strict";
import { join } from "node:path";
import { unusedPorts } from "../ha/ports.ts";
import { type Host, onHost, run, until } from "./support.ts";

/** In the order in which a master takes its ports. */
const PORT_FLAGS = ["--bind-addr", "--grpc-port", "--http-port", "--metrics-port"] as const;

function portsOfFirst({ raftAddress, grpcAddress, httpUrl, metricsUrl }: Host): number[] {
  const urls = [`http://${raftAddress}`, `http://${grpcAddress}`, httpUrl, metricsUrl];
  return urls.map((each) => Number(new URL(each).port));
}

function flagsOf(directory: string, [raft, grpc, http, metrics]: readonly number[]): string[] {
  return [
    `--bind-addr=127.0.0.1:${raft}`,
    `--grpc-port=${grpc}`,
    `--http-port=${http}`,
    `--metrics-port=${metrics}`,
    `--data-dir=${directory}`,
    `--log-output=${directory}.log`,
    `--set=log.audit_output=${directory}.audit.log`,
  ];
}

async function suffrages(host: Host): Promise<string[]> {
  const { code, stdout, stderr } = await host.client("cluster", "members", "--output=json");
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout).members.map((each: { suffrage: string }) => each.suffrage);
}

const BEGINNINGS: readonly [what: string, flag: (host: Host, raftPort: number) => string][] = [
  ["is to found a cluster", () => "--bootstrap"],
  ["is to found one with others", (_, raftPort) => `--initial-cluster=m9=127.0.0.1:${raftPort}`],
  ["is to join", ({ grpcAddress }) => `--join=${grpcAddress}`],
];

for (const [what, flag] of BEGINNINGS) {
  Deno.test(`a master that ${what} and finds a port taken leaves nothing in the way of the next one`, () =>
    onHost(async (host) => {
      await host.startMaster();
      const directory = join(host.directory, "second");
      const taken = portsOfFirst(host);
      const own = unusedPorts(taken.length);
      for (const [at, portFlag] of PORT_FLAGS.entries()) {
        const ports = [...own.slice(0, at), ...taken.slice(at)];
        const beginning = flag(host, ports[0]!);
        const flags = [beginning, "--node-id=m9", ...flagsOf(directory, ports)];
        const failed = await run(["master", ...flags]);
        assert.equal(failed.code, 1);
        assert.match(failed.stderr, /another process uses the port; stop it, or choose another/);
        assert.ok(failed.stderr.includes(portFlag), failed.stderr);
        assert.doesNotMatch(await logOf(directory), /cluster founded|joined/);
      }
      assert.deepEqual(await suffrages(host), ["voter"], "the first one was told of nobody");

      const corrected = [`--join=${host.grpcAddress}`, "--node-id=m2", ...flagsOf(directory, own)];
      host.start(["master", ...corrected]);
      await until("the second one is ready", async () => {
        const response = await fetch(`http://127.0.0.1:${own[2]}/ready`);
        await response.body?.cancel();
        return response.ok;
      });
      assert.deepEqual(await suffrages(host), ["voter", "voter"]);
    }));
}

Deno.test("a port that is taken while a master waits to join is found out before it joins", () =>
  onHost(async (host) => {
    const directory = join(host.directory, "second");
    const own = unusedPorts(PORT_FLAGS.length);
    const flags = [`--join=${host.grpcAddress}`, "--node-id=m2", ...flagsOf(directory, own)];
    const ended = host.start(["master", ...flags], "piped").output();
    await until("it waits", async () => {
      const response = await fetch(`http://127.0.0.1:${own[2]}/health`);
      await response.body?.cancel();
      return response.ok && /does not let this master in yet/.test(await logOf(directory));
    });
    using _other = Deno.listen({ hostname: "127.0.0.1", port: own[1]! });
    await host.startMaster();
    const { code, stderr } = await ended;
    assert.equal(code, 1);
    assert.match(new TextDecoder().decode(stderr), /cannot listen on .*another process uses the/);
    assert.deepEqual(await suffrages(host), ["voter"]);
    await assert.rejects(Deno.stat(join(directory, "raft", "raft.db")), Deno.errors.NotFound);
  }));

function logOf(directory: string): Promise<string> {
  return Deno.readTextFile(`${directory}.log`);
}
