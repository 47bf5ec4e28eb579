import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { discardLogger } from "../observability/mod.ts";
import { HeldBodies } from "./held_bodies.ts";
import { startHttpServer } from "./server.ts";

Deno.test("what has kept most for longest is given up when all bodies keep too much, down to three quarters", () => {
  let nowMs = 0;
  const bodies = new HeldBodies(100_000, () => nowMs);
  const givenUp: string[] = [];
  const begin = (name: string) => bodies.begin("10.0.0.1", 10_000, () => void givenUp.push(name));
  const slow = begin("slow");
  slow.came(30_000);
  nowMs = 10_000;
  const quick = begin("quick");
  quick.came(60_000);
  assert.deepEqual(givenUp, []);
  nowMs = 10_100;
  begin("last").came(20_000);
  assert.deepEqual(givenUp, ["slow", "quick"]);
  assert.equal(bodies.bytes, 20_512);
});

Deno.test("a thousand bodies of one address give way to the one of another", () => {
  const bodies = new HeldBodies(1_000_000, () => 0);
  let isOtherGivenUp = false;
  bodies.begin("10.0.0.2", 100_000, () => void (isOtherGivenUp = true)).came(100_000);
  for (let each = 0; each < 1_000; each++) bodies.begin("10.0.0.1", 1_000, () => {}).came(1_000);
  assert.ok(!isOtherGivenUp);
});

Deno.test("a body that came in the smallest of pieces counts as what these cost", () => {
  const bodies = new HeldBodies(100_000);
  let isGivenUp = false;
  const body = bodies.begin("10.0.0.1", 1_000, () => void (isGivenUp = true));
  for (let pieces = 0; pieces < 190; pieces++) body.came(1);
  assert.ok(!isGivenUp);
  for (let pieces = 0; pieces < 10; pieces++) body.came(1);
  assert.ok(isGivenUp);
  assert.equal(bodies.bytes, 0);
});

Deno.test("a body that is there, or that nobody waits for, counts no more", () => {
  const bodies = new HeldBodies(100_000);
  const body = bodies.begin("10.0.0.1", 1_000, () => {});
  body.came(1_000);
  body.over();
  body.came(1_000);
  body.over();
  assert.equal(bodies.bytes, 0);
});

Deno.test("four of the longest bodies may be kept, however long these are", () => {
  const bodies = new HeldBodies(1_000);
  let givenUp = 0;
  for (let each = 0; each < 4; each++) {
    bodies.begin("10.0.0.1", 100_000, () => givenUp++).came(99_000);
  }
  assert.equal(givenUp, 0);
  bodies.begin("10.0.0.1", 100_000, () => givenUp++).came(99_000);
  assert.ok(givenUp > 0);
});

Deno.test("a body that is given up is answered, and costs its connection", async () => {
  await using server = await serving(new HeldBodies(40_000));
  const send = (bytes: number) => {
    const socket = connect(server.port, "127.0.0.1");
    let said = "";
    socket.on("error", () => {}).on("data", (chunk) => void (said += String(chunk)));
    socket.write(
      `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${bytes + 1}\r\n\r\n`,
    );
    socket.write("a".repeat(bytes));
    const signal = AbortSignal.timeout(60_000);
    return { socket, answer: once(socket, "close", { signal }).then(() => said) };
  };
  const held = Array.from({ length: 6 }, () => send(9_000));
  const answers = held.map(({ answer }) => answer);
  assert.match(await Promise.race(answers), /^HTTP\/1\.1 500 .*too many bodies/s);
  assert.equal(server.struck[0], "stalled");
  for (const { socket } of held) socket.destroy();
  await Promise.all(answers);
  const whole = send(9_000);
  whole.socket.write("a");
  assert.match(await whole.answer, /^HTTP\/1\.1 200 /);
});

Deno.test("answers that nobody reads are kept up to a bound, and then cost their connections", async () => {
  const bodies = new HeldBodies(40_000_000);
  await using server = await serving(bodies);
  const signal = AbortSignal.timeout(60_000);
  const ask = () => {
    const socket = connect(server.port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write("GET /long HTTP/1.1\r\nHost: a\r\n\r\n");
    // What the system keeps for a reader is not kept by the server.
    return { socket, closed: once(socket, "close", { signal }) };
  };
  const asked = Array.from({ length: 6 }, ask);
  await Promise.race(asked.map(({ closed }) => closed));
  assert.ok(bodies.bytes <= 40_000_000, `${bodies.bytes} bytes are kept`);
  for (const { socket } of asked) socket.destroy();
  await Promise.all(asked.map(({ closed }) => closed));
  const answer = await fetch(`http://127.0.0.1:${server.port}/long`);
  assert.equal((await answer.bytes()).length, 10_000_000);
});

async function serving(bodies: HeldBodies) {
  const struck: string[] = [];
  const server = await startHttpServer({
    host: "127.0.0.1",
    port: 0,
    setting: "the port",
    bodies,
    door: { tls: null, onLimit: (limit) => void struck.push(limit) },
    log: discardLogger,
    routes: [{
      path: "/long",
      access: "open",
      handle: () =>
        new Response(new Uint8Array(10_000_000), { headers: { "content-length": "10000000" } }),
    }, {
      path: "/",
      methods: ["POST"],
      access: "open",
      handle: async (_request, exchange) => {
        try {
          return new Response(`${(await exchange.body(10_000)).length} bytes`);
        } catch (failure) {
          return new Response(String(failure), { status: 500 });
        }
      },
    }],
  });
  return { port: server.port, struck, [Symbol.asyncDispose]: () => server.stop(0) };
}
