import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { connect as connectTcp } from "node:net";
import { join } from "node:path";
import { AuthorityFixture, type PemPair, writePair } from "./certificate_fixtures.ts";
import { LiveTls } from "./live_tls.ts";
import { nodeIsHere, resume } from "./resumption_fixture.ts";
import { createPeerVerifier } from "./tls_doors.ts";
import { Bench, tlsOptions } from "./tls_fixtures.ts";
import {
  createWebServer,
  hasResumedCertificate,
  requestCertificate,
  type WebDoorOptions,
} from "./web_door.ts";

/** Says who the certificate of the request is of, as {@linkcode PeerVerifier} has it. */
async function serving(
  bench: Bench,
  options: Partial<WebDoorOptions> = {},
  handle?: (request: IncomingMessage, response: ServerResponse) => void,
) {
  const verifier = createPeerVerifier(bench.material);
  const { server, connections } = createWebServer(
    { tls: bench.material, ...options },
    handle ?? ((request, response) => {
      const verdict = verifier?.verify(requestCertificate(request), Date.now());
      const who = verdict?.ok ? verdict.identity.commonName : verdict?.reason;
      response.end(hasResumedCertificate(request) ? `${who}, resumed one` : who);
    }),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  return {
    port: address.port,
    connections,
    async [Symbol.asyncDispose]() {
      connections.endQuiet();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

async function page(port: number, authority: AuthorityFixture, pair?: PemPair): Promise<string> {
  using client = Deno.createHttpClient({ caCerts: [authority.pem], ...pair });
  const response = await fetch(`https://localhost:${port}/`, { client });
  return await response.text();
}

Deno.test("a page needs no certificate, knows a good one, and no other", async () => {
  await using bench = await Bench.create();
  await using web = await serving(bench);
  assert.equal(await page(web.port, bench.authority), "no_certificate");
  const good = await bench.authority.issue({ commonName: "alice", roles: ["admin"] });
  assert.equal(await page(web.port, bench.authority, good), "alice");
  const stranger = await (await AuthorityFixture.create("other")).issue({ commonName: "eve" });
  assert.equal(await page(web.port, bench.authority, stranger), "unknown_authority");
  const old = await bench.authority.issue({ endsInMs: -1_000 });
  assert.equal(await page(web.port, bench.authority, old), "expired");
});

Deno.test("pages follow a new certificate", async () => {
  await using bench = await Bench.create();
  const file = (suffix: string) => join(bench.directory, `server${suffix}`);
  const live = await LiveTls.load(
    tlsOptions({ certFile: file(".crt"), keyFile: file(".key"), caFile: file("-ca.crt") }),
  );
  assert.ok(live !== null);
  await using web = await serving(bench, { tls: live });
  assert.equal(await page(web.port, bench.authority), "no_certificate");
  const next = await AuthorityFixture.create("next");
  await writePair(bench.directory, "server", await next.issue(), next.pem);
  await live.reload();
  await assert.rejects(page(web.port, bench.authority));
  assert.equal(await page(web.port, next), "no_certificate");
});

for (const defence of ["guard", "verifier"] as const) {
  Deno.test({
    name: `a session from the pages opens no gRPC port, by the ${defence} alone`,
    ignore: !nodeIsHere,
    async fn() {
      await using bench = await Bench.create();
      await using web = await serving(bench);
      const server = await bench.serve({ guard: defence === "guard", verify: defence !== "guard" });
      const outcome = await resume(web.port, server.port, null);
      if (defence === "guard") assert.deepEqual(server.refused, ["resumed"]);
      else assert.equal(outcome.status, status.UNAUTHENTICATED, JSON.stringify(outcome));
      assert.ok(!server.verdicts.some(({ ok }) => ok));
    },
  });
}

Deno.test({
  name:
    "a certificate that comes with a resumed session counts as none, from the pages or a gRPC port",
  ignore: !nodeIsHere,
  async fn() {
    await using bench = await Bench.create();
    await using web = await serving(bench);
    const server = await bench.serve({ guard: true, verify: true });
    const pair = await bench.authority.issue({ commonName: "alice", roles: ["admin"] });
    for (const first of [web.port, server.port]) {
      const outcome = await resume(first, web.port, pair, "/");
      assert.equal(outcome.status, 200, JSON.stringify(outcome));
      const expected = outcome.reused === true ? "no_certificate" : "alice";
      assert.ok(outcome.body?.includes(expected), JSON.stringify(outcome));
      assert.equal(
        outcome.body?.includes("resumed one"),
        outcome.reused === true,
        JSON.stringify(outcome),
      );
    }
    const own = await resume(web.port, web.port, pair, "/");
    assert.equal(own.reused, true, "or this would prove nothing");
  },
});

Deno.test("a request that never ends costs its connection", async () => {
  await using bench = await Bench.create();
  const struck: string[] = [];
  await using web = await serving(bench, {
    tls: null,
    bounds: {
      connectionsMax: 10,
      connectionsOfAddressMax: 10,
      handshakeTimeoutMs: 300,
      idleTimeoutMs: 300,
      headerBytesMax: 16_384,
    },
    onLimit: (limit) => struck.push(limit),
  });
  const ended = (bytes: string) => {
    const socket = connectTcp(web.port, "127.0.0.1");
    socket.on("error", () => {});
    const said: string[] = [];
    socket.on("data", (chunk) => said.push(String(chunk)));
    socket.write(bytes);
    return new Promise<string>((resolve) => socket.once("close", () => resolve(said.join(""))));
  };
  const [silent, slow, large] = await Promise.all([
    ended(""),
    ended("GET / HTTP/1.1\r\nHost: a\r\nX-Slow: "),
    ended(`GET / HTTP/1.1\r\nHost: a\r\nX-Large: ${"a".repeat(40_000)}\r\n\r\n`),
  ]);
  assert.equal(silent, "");
  for (const answer of [slow, large]) assert.doesNotMatch(answer, /^HTTP\/1\.1 200/);
  assert.ok(struck.includes("handshake_timeout"));
  const kept = await ended("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  assert.match(kept, /^HTTP\/1\.1 200/, "an answer comes, and then the idle connection ends");
});

for (const expects of ["", "Expect: nothing\r\n"]) {
  Deno.test(`a connection that asks on and on before it is answered is ended ${expects.trim()}`, async () => {
    await using bench = await Bench.create();
    const struck: string[] = [];
    const waiting = Promise.withResolvers<void>();
    let handled = 0;
    await using web = await serving(
      bench,
      { tls: null, onLimit: (limit) => struck.push(limit) },
      async () => {
        handled++;
        await waiting.promise;
      },
    );
    const request = `GET / HTTP/1.1\r\nHost: a\r\n${expects}\r\n`;
    const socket = connectTcp(web.port, "127.0.0.1");
    socket.on("error", () => {}); // it is broken while we write, as it should be
    socket.resume();
    socket.write(request.repeat(500));
    await once(socket, "close", { signal: AbortSignal.timeout(60_000) });
    waiting.resolve();
    assert.deepEqual(struck, ["pipelined"]);
    assert.ok(handled <= 64, `${handled} were handled`);
  });
}

Deno.test("some requests at once have their answers, one after the other", async () => {
  await using bench = await Bench.create();
  await using web = await serving(bench, { tls: null });
  const socket = connectTcp(web.port, "127.0.0.1");
  const request = "GET / HTTP/1.1\r\nHost: a\r\n";
  socket.write(`${request}\r\n`.repeat(63) + `${request}Connection: close\r\n\r\n`);
  let said = "";
  for await (const chunk of socket) said += String(chunk);
  assert.equal(said.match(/HTTP\/1\.1 200/g)?.length, 64);
});

Deno.test("all answers that wait for their turn are told when their connection is lost", async () => {
  await using bench = await Bench.create();
  const all = Promise.withResolvers<void>();
  const lost = Promise.withResolvers<void>();
  AbortSignal.timeout(60_000).addEventListener(
    "abort",
    () => lost.reject(new Error(`${open} are open`)),
  );
  let open = 0;
  await using web = await serving(bench, { tls: null }, (_request, response) => {
    open++;
    response.once("close", () => --open === 0 && lost.resolve());
    if (open === 10) all.resolve();
    response.write("the beginning");
  });
  const socket = connectTcp(web.port, "127.0.0.1");
  socket.on("error", () => {});
  socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(10));
  await all.promise;
  socket.destroy();
  await lost.promise;
});
