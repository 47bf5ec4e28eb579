import { create } from "@bufbuild/protobuf";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import assert from "node:assert/strict";
import { Health, HealthCheckResponse_ServingStatus } from "./gen/grpc/health/v1/health_pb.ts";
import { startTestServer } from "./server_test_support.ts";
import { SocketRegistry } from "./socket_registry.ts";
import { methodDefinition } from "./wire.ts";

/** Calls `address` many times, says so, then waits for its connection to end. */
const CLIENT = `
import { credentials } from "@grpc/grpc-js";
import { ClusterChannel, Health } from "${new URL("./mod.ts", import.meta.url)}";
const [address] = Deno.args;
const channel = new ClusterChannel({
  addresses: [address], credentials: credentials.createInsecure(), messageBytesMax: 1 << 20,
  callTimeoutMs: 60_000, dialTimeoutMs: 5_000,
});
for (let round = 0; round < 200; round++) {
  await Promise.all(Array.from({ length: 25 }, () => channel.call(Health.method.check, {})));
}
console.log("called");
const client = channel.clientFor(address).getChannel();
await new Promise((resolve) => client.watchConnectivityState(2, Date.now() + 30_000, resolve));
console.log("survived");
channel.close();
Deno.exit(0);
`;

/** What a client process of its own says of a server that makes ready, serves it, and is ended. */
async function clientOf(
  address: string,
  end: () => Promise<void> | void,
): Promise<{ code: number; said: string; complaint: string }> {
  const directory = await Deno.makeTempDir();
  try {
    const program = `${directory}/client.ts`;
    await Deno.writeTextFile(program, CLIENT);
    const config = new URL("../../deno.json", import.meta.url).pathname;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "-A", "--config", config, program, address],
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const complaint = new Response(child.stderr).text();
    let said = "";
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
      const isFirst = said === "";
      said += chunk;
      if (isFirst && said.startsWith("called")) await end();
    }
    return { code: (await child.status).code, said, complaint: await complaint };
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("a client process that made thousands of calls survives the server's stop", async () => {
  const server = await startTestServer((each) =>
    each.add(Health, {
      check: () => ({ status: HealthCheckResponse_ServingStatus.SERVING }),
      list: () => ({}),
      watch: () => Promise.resolve(),
    })
  );
  const outcome = await clientOf(server.address, () => server.server.stop(1_000));
  assert.deepEqual(outcome.said.trim().split("\n"), ["called", "survived"], outcome.complaint);
  assert.equal(outcome.code, 0, outcome.complaint);
  // A client that waits long on a busy machine also asks whether the server lives.
  assert.ok(server.codes.length >= 5_000, String(server.codes.length));
});

Deno.test("a client process survives a server of another make, which says goodbye", async () => {
  const server = new Server();
  server.addService({
    check: methodDefinition(Health.method.check),
  }, {
    check: (_call: unknown, answer: (failure: null, response: unknown) => void) =>
      answer(
        null,
        create(Health.method.check.output, { status: HealthCheckResponse_ServingStatus.SERVING }),
      ),
  });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(
      "127.0.0.1:0",
      ServerCredentials.createInsecure(),
      (failure, bound) => failure === null ? resolve(bound) : reject(failure),
    )
  );
  const stop = () => new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  const outcome = await clientOf(`127.0.0.1:${port}`, stop);
  assert.deepEqual(outcome.said.trim().split("\n"), ["called", "survived"], outcome.complaint);
  assert.equal(outcome.code, 0, outcome.complaint);
});

Deno.test("a version of grpc-js without the hook is refused at once", () => {
  assert.throws(() => new SocketRegistry({} as Server), /createHttp2Server/);
});

Deno.test("a registry knows whether it was made in time", async () => {
  const server = new Server();
  const registry = new SocketRegistry(server);
  assert.equal(registry.isArmed, false);
  await new Promise<void>((resolve) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), () => resolve())
  );
  assert.equal(registry.isArmed, true);
  registry.stopListening();
  registry.destroyAll();
  server.forceShutdown();
});
