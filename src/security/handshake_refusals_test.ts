import assert from "node:assert/strict";
import { connect as connectPlain, type Socket } from "node:net";
import { connect, type ConnectionOptions } from "node:tls";
import type { AddressInfo } from "node:net";
import { AuthorityFixture } from "./certificate_fixtures.ts";
import { OTHERS, RefusalTally, type RefusedConnections } from "./handshake_refusals.ts";
import { Bench, type EchoServer } from "./tls_fixtures.ts";
import { createWebServer } from "./web_door.ts";

/** Resolves when the connection is over, however it ended. */
function over(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.on("error", () => {});
    socket.on("data", () => {});
    socket.once("close", () => resolve());
  });
}

/** Speaks TLS to it, as far as it is let. */
async function knock(port: number, options: ConnectionOptions): Promise<void> {
  const socket = connect({
    host: "127.0.0.1",
    port,
    servername: "localhost",
    rejectUnauthorized: false,
    ALPNProtocols: ["h2"],
    ...options,
  });
  await over(socket);
}

async function plain(port: number): Promise<void> {
  const socket = connectPlain(port, "127.0.0.1", () => socket.write("GET / HTTP/1.1\r\n\r\n"));
  await over(socket);
}

/** The server's side hears of an end at another time than the client's. */
async function refusedBy(server: EchoServer, count: number): Promise<readonly string[]> {
  while (server.refused.length < count) await new Promise((resolve) => setTimeout(resolve, 5));
  return server.refused.splice(0);
}

Deno.test("a handshake that fails is told of with its reason and whose it was", async () => {
  await using bench = await Bench.create();
  const server = await bench.serve({ guard: true, verify: true });
  const stranger = await (await AuthorityFixture.create("other")).issue({ commonName: "eve" });
  const expired = await bench.authority.issue({ endsInMs: -1_000 });
  const good = await bench.authority.issue({ commonName: "alice" });
  await knock(server.port, {});
  assert.deepEqual(await refusedBy(server, 1), ["no_certificate"]);
  for (const pair of [stranger, expired]) {
    await knock(server.port, pair);
    assert.deepEqual(await refusedBy(server, 1), ["untrusted_certificate"]);
  }
  await knock(server.port, { ...good, maxVersion: "TLSv1.2" });
  assert.deepEqual(await refusedBy(server, 1), ["handshake_failed"]);
  await plain(server.port);
  assert.deepEqual(await refusedBy(server, 1), ["not_tls"]);
  assert.deepEqual([...new Set(server.peers)], ["127.0.0.1"]);
  // A probe that connects and goes away is nobody's business, and comes before what is told next.
  const probe = connectPlain(server.port, "127.0.0.1", () => probe.destroy());
  await over(probe);
  await plain(server.port);
  assert.deepEqual(await refusedBy(server, 1), ["not_tls"]);
});

Deno.test("pages tell of handshakes that fail as well", async () => {
  await using bench = await Bench.create();
  const refused = Promise.withResolvers<readonly string[]>();
  const { server, connections } = createWebServer({
    tls: bench.material,
    onRefused: (peer, reason) => refused.resolve([peer, reason]),
  }, (_, response) => void response.end());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await plain((server.address() as AddressInfo).port);
    assert.deepEqual(await refused.promise, ["127.0.0.1", "not_tls"]);
  } finally {
    connections.endQuiet();
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
});

Deno.test("the first refusal of a kind is told at once, the others as a count, and kinds are bounded", () => {
  const told: RefusedConnections[] = [];
  const tally = new RefusalTally((refused) => told.push(refused));
  const refuse = (client: string, times = 1) => {
    for (let time = 0; time < times; time++) {
      tally.add({ listener: "grpc", reason: "not_tls", client, error: "no" });
    }
  };
  refuse("10.0.0.1", 5);
  assert.deepEqual(told.splice(0), [
    { listener: "grpc", reason: "not_tls", client: "10.0.0.1", error: "no", refused: 1 },
  ]);
  for (let host = 2; host <= 100; host++) refuse(`10.0.0.${host}`);
  assert.equal(told.splice(0).length, 99);
  for (let host = 1; host <= 1_000; host++) refuse(`10.0.1.${host}`);
  assert.deepEqual(told.splice(0).map(({ client }) => client), [OTHERS]);
  tally.flush();
  assert.deepEqual(told.splice(0).map(({ client, refused }) => [client, refused]), [
    ["10.0.0.1", 4],
    [OTHERS, 999],
  ]);
  refuse("10.0.0.1");
  assert.equal(told.length, 1, "a new minute, a new line");
  tally.flush();
  assert.equal(told.length, 1);
});
