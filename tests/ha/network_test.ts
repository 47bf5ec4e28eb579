import assert from "node:assert/strict";
import { CLIENT, Network } from "./network.ts";
import { eventually } from "./wait.ts";

const ON_LINUX = { ignore: Deno.build.os !== "linux" };

/** A server that says back what it hears, with a network before it. */
async function withEcho(
  test: (network: Network, connect: () => Promise<Caller>) => Promise<void>,
): Promise<void> {
  const server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const network = new Network();
  const callers: Caller[] = [];
  const served: Deno.TcpConn[] = [];
  const serving = (async () => {
    for await (const connection of server) {
      served.push(connection);
      connection.readable.pipeTo(connection.writable).catch(() => {}); // the caller went away
    }
  })();
  const port = Number(network.route("echo", server.addr.port).split(":")[1]);
  try {
    await test(network, async () => {
      const caller = new Caller(await Deno.connect({ hostname: "127.0.0.1", port }));
      callers.push(caller);
      return caller;
    });
  } finally {
    network.close();
    for (const caller of callers) caller.close();
    server.close();
    await serving;
    served.forEach(closeQuietly);
  }
}

/** A connection that remembers what came back. */
class Caller {
  heard = "";
  isEnded = false;
  readonly #connection: Deno.TcpConn;

  constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
    this.#listen();
  }

  async say(text: string): Promise<void> {
    await this.#connection.write(new TextEncoder().encode(text));
  }

  close(): void {
    closeQuietly(this.#connection);
  }

  async hears(text: string): Promise<void> {
    await eventually(`"${text}" comes back`, () => answer(this.heard === text));
  }

  async ends(): Promise<void> {
    await eventually("the connection ends", () => answer(this.isEnded));
  }

  async #listen(): Promise<void> {
    const buffer = new Uint8Array(1024);
    try {
      for (let length; (length = await this.#connection.read(buffer)) !== null;) {
        this.heard += new TextDecoder().decode(buffer.subarray(0, length));
      }
    } catch (failure) {
      if (!(failure instanceof Error)) throw failure; // reset, or closed by this test
    }
    this.isEnded = true;
  }
}

/** A caller that has said "1" and heard it. */
async function greeted(connect: () => Promise<Caller>): Promise<Caller> {
  const caller = await connect();
  await caller.say("1");
  await caller.hears("1");
  return caller;
}

/** Closes a connection that may be closed already. */
function closeQuietly(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch (failure) {
    if (!(failure instanceof Deno.errors.BadResource)) throw failure;
  }
}

function answer(holds: boolean): Promise<true | undefined> {
  return Promise.resolve(holds ? true : undefined);
}

Deno.test(
  "bytes pass both ways, and an end travels with them",
  ON_LINUX,
  () =>
    withEcho(async (network, connect) => {
      const caller = await connect();
      await caller.say("hello");
      await caller.hears("hello");
      assert.equal(network.connections(CLIENT, "echo"), 1);
      caller.close();
      await eventually("the pipe is gone", () => answer(network.connections(CLIENT, "echo") === 0));
    }),
);

Deno.test(
  "what one direction holds arrives when it is healed, and the other is free",
  ON_LINUX,
  () =>
    withEcho(async (network, connect) => {
      const caller = await greeted(connect);
      network.set(CLIENT, "echo", { kind: "hold" });
      await caller.say("2");
      network.set("echo", "somebody", { kind: "delay", ms: 1 }); // another link changes nothing
      const other = await connect(); // its handshake is held too
      await other.say("x");
      assert.equal(caller.heard, "1");
      network.heal();
      await caller.hears("12");
      await other.hears("x");
      network.set("echo", CLIENT, { kind: "hold" });
      await caller.say("3");
      assert.equal(caller.heard, "12");
      assert.equal(caller.isEnded, false);
      network.heal();
      await caller.hears("123");
    }),
);

Deno.test(
  "a cut closes connections and refuses new ones until it is healed",
  ON_LINUX,
  () =>
    withEcho(async (network, connect) => {
      const caller = await greeted(connect);
      network.part([CLIENT], ["echo"], { kind: "cut" });
      await caller.ends();
      await (await connect()).ends();
      network.heal();
      const later = await connect();
      await later.say("2");
      await later.hears("2");
    }),
);

Deno.test(
  "delayed bytes arrive in order, not before their time",
  ON_LINUX,
  () =>
    withEcho(async (network, connect) => {
      const caller = await greeted(connect);
      network.set(CLIENT, "echo", { kind: "delay", ms: 120 });
      const startedMs = performance.now();
      await caller.say("2");
      await caller.say("3");
      await caller.hears("123");
      assert.ok(performance.now() - startedMs >= 119);
    }),
);

Deno.test(
  "a half-open connection is silent at one end and gone at the other",
  ON_LINUX,
  () =>
    withEcho(async (network, connect) => {
      const caller = await greeted(connect);
      network.halfOpen(CLIENT, "echo");
      await caller.say("2");
      const other = await connect();
      await other.say("3");
      await other.hears("3");
      assert.equal(caller.heard, "1");
      assert.equal(caller.isEnded, false);
    }),
);

Deno.test(
  "a process that was registered is known by its connections",
  ON_LINUX,
  () =>
    withEcho(async (network, connect) => {
      network.register("me", Deno.pid);
      await greeted(connect);
      assert.equal(network.connections("me", "echo"), 1);
      assert.equal(network.connections(CLIENT, "echo"), 0);
    }),
);
