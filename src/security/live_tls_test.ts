import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import { join } from "node:path";
import {
  AuthorityFixture,
  type LeafFixture,
  temporaryDirectory,
  writePair,
} from "./certificate_fixtures.ts";
import { ConnectionWatch } from "./connection_watch.ts";
import { LiveTls } from "./live_tls.ts";
import { createPeerVerifier } from "./tls_doors.ts";
import { Caller, EchoServer, tlsOptions } from "./tls_fixtures.ts";

/** A server and a client whose files can be changed, and what watches over their connections. */
class Stage implements AsyncDisposable {
  readonly ended: string[] = [];
  readonly revoked = new Set<string>();
  readonly watch = new ConnectionWatch(({ direction, reason }) =>
    this.ended.push(`${direction}: ${reason}`)
  );
  readonly #stack = new AsyncDisposableStack();

  private constructor(readonly directory: string) {}

  static async create(): Promise<Stage> {
    const temporary = await temporaryDirectory();
    const stage = new Stage(temporary.path);
    stage.#stack.use(temporary);
    return stage;
  }

  /** Writes the files of `who` and loads them, or loads them anew. */
  async write(
    who: "server" | "client",
    authority: AuthorityFixture,
    trusted: readonly AuthorityFixture[],
    leaf: LeafFixture = {},
  ): Promise<void> {
    const pair = await authority.issue({ commonName: who, ...leaf });
    await writePair(this.directory, who, pair, trusted.map(({ pem }) => pem).join(""));
  }

  async load(who: "server" | "client"): Promise<LiveTls> {
    const file = (suffix: string) => join(this.directory, `${who}${suffix}`);
    const live = await LiveTls.load(tlsOptions({
      certFile: file(".crt"),
      keyFile: file(".key"),
      caFile: file("-ca.crt"),
      purpose: who,
    }));
    assert.ok(live !== null);
    return live;
  }

  /** A server and a client of one authority, which both trust it. */
  async pair(
    authority: AuthorityFixture,
    clientLeaf: LeafFixture = {},
  ): Promise<[LiveTls, LiveTls]> {
    await this.write("server", authority, [authority]);
    await this.write("client", authority, [authority], clientLeaf);
    return [await this.load("server"), await this.load("client")];
  }

  async serve(server: LiveTls): Promise<EchoServer> {
    const verifier = createPeerVerifier(server, { revoked: this.revoked });
    return this.#stack.use(
      await EchoServer.start(server, { guard: true, verifier, watch: this.watch }),
    );
  }

  caller(port: number, client: LiveTls): Caller {
    const { watch, revoked } = this;
    return this.#stack.use(new Caller(port, client, { rules: { watch, revoked } }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

Deno.test("new handshakes get the new certificate, and connections that stand go on", async () => {
  await using stage = await Stage.create();
  const authority = await AuthorityFixture.create("one");
  const [server, client] = await stage.pair(authority, { commonName: "before" });
  const { port } = await stage.serve(server);
  const old = stage.caller(port, client);
  assert.deepEqual(await old.call(), { answer: "before" });

  await stage.write("client", authority, [authority], { commonName: "after" });
  await stage.write("server", authority, [authority], { commonName: "renewed" });
  await client.reload();
  await server.reload();
  stage.watch.sweep(Date.now());
  assert.deepEqual(await old.call(), { answer: "before" }, "it was not made to connect again");
  assert.deepEqual(await stage.caller(port, client).call(), { answer: "after" });
  assert.deepEqual(stage.ended, []);
});

Deno.test("an authority is rolled while both are trusted, and the old one's peers then end", async () => {
  await using stage = await Stage.create();
  const [one, two] = [await AuthorityFixture.create("one"), await AuthorityFixture.create("two")];
  const [server, client] = await stage.pair(one);
  const { port } = await stage.serve(server);
  const roll = async (steps: readonly [() => Promise<void>, LiveTls][]) => {
    for (const [write, live] of steps) {
      await write();
      await live.reload();
      stage.watch.sweep(Date.now());
      const answer = await stage.caller(port, client).call();
      assert.deepEqual(answer, { answer: "client" });
    }
  };
  const oldest = stage.caller(port, client);
  assert.deepEqual(await oldest.call(), { answer: "client" });
  await roll([
    [() => stage.write("server", one, [one, two]), server],
    [() => stage.write("client", one, [one, two]), client],
    [() => stage.write("server", two, [one, two]), server],
    [() => stage.write("client", two, [one, two]), client],
  ]);
  assert.deepEqual(stage.ended, [], "while both are trusted nobody is cut off");
  assert.ok(oldest.isConnected);
  await stage.write("server", two, [two]);
  await server.reload();
  stage.watch.sweep(Date.now());
  assert.match(stage.ended[0] ?? "", /incoming: .*was not issued by an authority of this cluster/);
  await oldest.disconnected();
  assert.deepEqual(await oldest.call(), { answer: "client" }, "it comes back with its new one");
});

Deno.test("material that is bad is refused by name, and the old one stays in use", async () => {
  await using stage = await Stage.create();
  const authority = await AuthorityFixture.create("one");
  const [server, client] = await stage.pair(authority);
  const { port } = await stage.serve(server);
  const kept = server.material;
  const stranger = await authority.issue();
  await Deno.writeTextFile(join(stage.directory, "server.key"), stranger.key);
  await assert.rejects(server.reload(), /is not the private key of the certificate/);
  await stage.write("server", authority, [authority], { endsInMs: -1_000 });
  await assert.rejects(server.reload(), /expired at .*renew it/);
  await Deno.remove(join(stage.directory, "server-ca.crt"));
  await assert.rejects(server.reload(), /there is no such file/);
  assert.equal(server.material, kept);
  assert.deepEqual(await stage.caller(port, client).call(), { answer: "client" });
});

Deno.test("a connection ends when its client's certificate is revoked, and does not come back", async () => {
  await using stage = await Stage.create();
  const authority = await AuthorityFixture.create("one");
  const [server, client] = await stage.pair(authority);
  const { port } = await stage.serve(server);
  const caller = stage.caller(port, client);
  assert.deepEqual(await caller.call(), { answer: "client" });
  assert.equal(stage.watch.sweep(Date.now()), 0);
  stage.revoked.add(client.material.own?.identity.fingerprint256 ?? "");
  assert.equal(stage.watch.sweep(Date.now()), 1);
  assert.deepEqual(stage.ended, ['incoming: the client certificate "CN=client" has been revoked']);
  await caller.disconnected();
  const refused = await caller.call();
  assert.ok("code" in refused && refused.code === status.UNAUTHENTICATED, JSON.stringify(refused));
});

Deno.test("a connection ends when its server's certificate is revoked, and none is made to it", async () => {
  await using stage = await Stage.create();
  const authority = await AuthorityFixture.create("one");
  const [server, client] = await stage.pair(authority);
  const { port } = await stage.serve(server);
  const caller = stage.caller(port, client);
  assert.deepEqual(await caller.call(), { answer: "client" });
  stage.revoked.add(server.material.own?.identity.fingerprint256 ?? "");
  assert.equal(stage.watch.sweep(Date.now()), 1);
  assert.match(stage.ended[0] ?? "", /^outgoing: the server's certificate .* has been revoked/);
  await caller.disconnected();
  const refused = await caller.call();
  assert.ok("code" in refused && refused.code === status.UNAVAILABLE, JSON.stringify(refused));
});

Deno.test("a connection ends with its certificate, on either side", async () => {
  await using stage = await Stage.create();
  const authority = await AuthorityFixture.create("one");
  const hourMs = 3_600_000;
  await stage.write("server", authority, [authority], { endsInMs: 2 * hourMs });
  await stage.write("client", authority, [authority], { endsInMs: hourMs });
  const [server, client] = [await stage.load("server"), await stage.load("client")];
  const { port } = await stage.serve(server);
  assert.deepEqual(await stage.caller(port, client).call(), { answer: "client" });
  assert.equal(stage.watch.size, 2, "both ends of it are in this process");
  const nowMs = Date.now();
  assert.equal(stage.watch.sweep(nowMs + hourMs - 60_000), 0);
  assert.equal(stage.watch.sweep(nowMs + hourMs), 1);
  assert.match(stage.ended[0] ?? "", /^incoming: the client certificate .* expired/);

  assert.deepEqual(await stage.caller(port, client).call(), { answer: "client" });
  stage.ended.length = 0;
  stage.watch.sweep(nowMs + 2 * hourMs);
  assert.ok(
    stage.ended.some((each) => /^outgoing: the server's certificate .* expired/.test(each)),
  );
});

Deno.test("a worker's certificate does not pass for a master's, one without roles does", async () => {
  await using stage = await Stage.create();
  const authority = await AuthorityFixture.create("one");
  await stage.write("client", authority, [authority]);
  const client = await stage.load("client");
  const table: [readonly string[], boolean][] = [
    [["worker"], false],
    [["admin", "client"], false],
    [["worker", "master"], true],
    [["master"], true],
    [[], true],
  ];
  for (const [roles, passes] of table) {
    await stage.write("server", authority, [authority], { roles });
    const { port } = await stage.serve(await stage.load("server"));
    using caller = new Caller(port, client, { rules: { serverRole: "master" } });
    const answer = await caller.call();
    assert.equal("answer" in answer, passes, `${roles}: ${JSON.stringify(answer)}`);
  }
});
