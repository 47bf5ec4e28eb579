import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectHttp2 } from "node:http2";
import { Client, credentials, Metadata, Server, ServerCredentials, status } from "@grpc/grpc-js";
import { limitServer, type ServerBounds } from "./server_limits.ts";
import { Bench } from "./tls_fixtures.ts";
import { createServerCredentials, secureServer } from "./tls_doors.ts";

const METHOD = "/test.Echo/Echo";
const BOUNDS: ServerBounds = {
  connectionsMax: 100,
  connectionsOfAddressMax: 100,
  handshakeTimeoutMs: 60_000,
  idleTimeoutMs: 0,
  headerBytesMax: 16_384,
};

class LimitedServer implements AsyncDisposable {
  readonly struck: string[] = [];
  readonly #stack = new AsyncDisposableStack();
  port = 0;

  static async start(
    bounds: Partial<ServerBounds>,
    isSecure = false,
  ): Promise<LimitedServer> {
    const limited = new LimitedServer();
    const server = new Server();
    limited.#stack.defer(() => server.forceShutdown());
    const bench = isSecure ? limited.#stack.use(await Bench.create()) : undefined;
    limitServer(server, { ...BOUNDS, ...bounds }, (limit) => limited.struck.push(limit));
    if (bench !== undefined) secureServer(server, bench.material);
    const same = (value: Buffer) => value;
    server.addService({
      echo: {
        path: METHOD,
        requestStream: false,
        responseStream: false,
        requestSerialize: same,
        requestDeserialize: same,
        responseSerialize: same,
        responseDeserialize: same,
      },
    }, {
      echo: (_call: unknown, callback: (failure: null, value: Buffer) => void) =>
        callback(null, Buffer.from("here")),
    });
    limited.port = await new Promise((resolve, reject) =>
      server.bindAsync(
        "127.0.0.1:0",
        bench === undefined
          ? ServerCredentials.createInsecure()
          : createServerCredentials(bench.material),
        (failure, port) => failure === null ? resolve(port) : reject(failure),
      )
    );
    return limited;
  }

  /** A TCP connection that says nothing; `closed` resolves when the server has ended it. */
  async silent(): Promise<{ socket: Socket; closed: Promise<void> }> {
    const socket = connectTcp(this.port, "127.0.0.1");
    socket.on("error", () => {});
    socket.resume();
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    this.#stack.defer(() => void socket.destroy());
    await Promise.race([new Promise((resolve) => socket.once("connect", resolve)), closed]);
    return { socket, closed };
  }

  call(metadata = new Metadata()): Promise<{ code: number; details: string }> {
    const client = new Client(`127.0.0.1:${this.port}`, credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1,
    });
    const same = (value: Buffer) => value;
    return new Promise((resolve) =>
      client.makeUnaryRequest(
        METHOD,
        same,
        same,
        Buffer.from(""),
        metadata,
        { deadline: Date.now() + 20_000 },
        (failure) => {
          client.close();
          resolve(
            failure === null
              ? { code: status.OK, details: "" }
              : { code: failure.code, details: failure.details },
          );
        },
      )
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

for (const isSecure of [false, true]) {
  const how = isSecure ? "with TLS" : "without TLS";

  Deno.test(`connections that say nothing are ended ${how}`, async () => {
    await using server = await LimitedServer.start({ handshakeTimeoutMs: 300 }, isSecure);
    const silent = await Promise.all(Array.from({ length: 5 }, () => server.silent()));
    // A handshake that trickles in is none.
    silent[0]?.socket.write(Uint8Array.of(0x16, 0x03));
    await Promise.all(silent.map(({ closed }) => closed));
    assert.deepEqual(new Set(server.struck), new Set(["handshake_timeout"]));
  });

  Deno.test(`a listener takes as many connections as it may ${how}`, async () => {
    await using server = await LimitedServer.start({ connectionsOfAddressMax: 3 }, isSecure);
    const taken = await Promise.all(Array.from({ length: 3 }, () => server.silent()));
    const fourth = await server.silent();
    await fourth.closed;
    assert.deepEqual(server.struck, ["too_many_of_address"]);
    assert.ok(taken.every(({ socket }) => !socket.destroyed));
  });
}

Deno.test("a thousand idle connections leave room for who is known", async () => {
  await using server = await LimitedServer.start({ connectionsMax: 50, handshakeTimeoutMs: 500 });
  const idle = await Promise.all(Array.from({ length: 1_000 }, () => server.silent()));
  await Promise.all(idle.map(({ closed }) => closed));
  assert.deepEqual(new Set(server.struck), new Set(["too_many", "handshake_timeout"]));
  assert.equal(server.struck.length, 1_000);
  assert.equal((await server.call()).code, status.OK);
});

Deno.test("headers that are too long are refused before anything is made of them", async () => {
  await using server = await LimitedServer.start({});
  const metadata = new Metadata();
  metadata.set("x-long", "a".repeat(20_000));
  const { code, details } = await server.call(metadata);
  assert.equal(code, status.RESOURCE_EXHAUSTED, details);
  assert.match(details, /the headers have 20\d\d\d bytes of 16384 that are allowed/);
  assert.deepEqual(server.struck, ["headers"]);
  const short = new Metadata();
  short.set("x-long", "a".repeat(10_000));
  assert.equal((await server.call(short)).code, status.OK);
});

Deno.test("headers without end cost their connection, and nobody else theirs", async () => {
  await using server = await LimitedServer.start({});
  const session = connectHttp2(`http://127.0.0.1:${server.port}`, {
    maxSendHeaderBlockLength: 10_000_000,
  });
  session.on("error", () => {});
  const many = Object.fromEntries(
    Array.from({ length: 200 }, (_, each) => [`x-${each}`, "a".repeat(5_000)]),
  );
  const stream = session.request({ ":method": "POST", ":path": METHOD, ...many });
  stream.on("error", () => {});
  await new Promise<void>((resolve) => stream.once("close", () => resolve()));
  session.destroy();
  assert.equal((await server.call()).code, status.OK);
});

Deno.test("a connection that idles after its calls is ended, and the next call makes another", async () => {
  await using server = await LimitedServer.start({ idleTimeoutMs: 200 });
  const session = connectHttp2(`http://127.0.0.1:${server.port}`);
  session.on("error", () => {});
  const ended = new Promise<void>((resolve) => session.once("close", () => resolve()));
  const stream = session.request({
    ":method": "POST",
    ":path": METHOD,
    "content-type": "application/grpc",
    te: "trailers",
  });
  stream.on("error", () => {});
  stream.resume();
  stream.end(Buffer.from([0, 0, 0, 0, 0]));
  await ended;
  assert.deepEqual(server.struck, ["idle"]);
  assert.equal((await server.call()).code, status.OK);
});

Deno.test("a connection that has shaken hands may wait with its first call", async () => {
  await using server = await LimitedServer.start({ handshakeTimeoutMs: 200 });
  const session = connectHttp2(`http://127.0.0.1:${server.port}`);
  session.on("error", () => {});
  const silent = await server.silent();
  await silent.closed;
  const later = await server.silent();
  await later.closed;
  assert.equal(session.closed, false);
  session.destroy();
  assert.deepEqual(server.struck, ["handshake_timeout", "handshake_timeout"]);
});

Deno.test("a grpc-js without the hook that limits need is refused at once", () => {
  assert.throws(
    () => limitServer({} as unknown as Server, BOUNDS),
    /no Server\.createHttp2Server/,
  );
});

/** Frames as bytes: each one's type, flags, stream and payload. */
function frames(...each: readonly (readonly [number, number, number, readonly number[]])[]) {
  return new Uint8Array(each.flatMap(([type, flags, stream, payload]) => [
    ...[0, payload.length >> 8, payload.length & 0xff, type, flags, 0, 0, 0, stream],
    ...payload,
  ]));
}

function field(name: string, value: string): number[] {
  const text = (of: string) => [of.length, ...new TextEncoder().encode(of)];
  return [0, ...text(name), ...text(value)];
}

function headersOf(path: string, ...more: readonly number[]): number[] {
  return [
    ...[...field(":method", "POST"), ...field(":scheme", "http"), ...field(":path", path)],
    ...[...field(":authority", "a"), ...field("content-type", "application/grpc"), ...more],
  ];
}

/** Writes to a server as HTTP/2 begins, and what is given; resolves when it has answered a ping, or closed. */
async function answeredTo(port: number, bytes: Uint8Array): Promise<void> {
  const socket = connectTcp(port, "127.0.0.1");
  socket.on("error", () => {}); // it may be closed under our hands
  const ping = frames([6, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8]]);
  const answer = new Promise<void>((resolve) => {
    socket.on("close", () => resolve());
    socket.on("data", (data: Buffer) => {
      if (data.includes(Buffer.from([1, 2, 3, 4, 5, 6, 7, 8]))) resolve();
    });
  });
  socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  socket.write(Buffer.concat([frames([4, 0, 0, []]), bytes, ping]));
  await answer;
  socket.destroy();
}

Deno.test("a call whose connection is lost in one piece with its headers ends no server, whatever they are", async () => {
  await using server = await LimitedServer.start({ headerBytesMax: 600 });
  const tooLong = headersOf(
    METHOD,
    ...["x", "y", "z", "a"].flatMap((x) => field(x, x.repeat(100))),
  );
  for (const headers of [tooLong, headersOf("/nobody/knows"), headersOf(METHOD)]) {
    await answeredTo(server.port, frames([1, 4, 1, headers], [3, 0, 1, [0, 0, 0, 8]]));
    // A ping of one byte: the connection is at an end before the call is looked at.
    await answeredTo(server.port, frames([1, 4, 1, headers], [6, 0, 0, [1]]));
  }
  assert.equal((await server.call()).code, status.OK);
});

Deno.test("a connection ends that is refused for its headers again and again", async () => {
  await using server = await LimitedServer.start({ headerBytesMax: 600 });
  const tooLong = headersOf(
    METHOD,
    ...["x", "y", "z", "a"].flatMap((x) => field(x, x.repeat(100))),
  );
  const session = connectTcp(server.port, "127.0.0.1");
  session.on("error", () => {}); // it is closed under our hands, as it should be
  const closed = new Promise((resolve) => session.once("close", resolve));
  session.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  session.write(frames([4, 0, 0, []]));
  for (let stream = 1; stream < 100; stream += 2) session.write(frames([1, 5, stream, tooLong]));
  session.resume();
  await closed;
  assert.ok(server.struck.length >= 17 && server.struck.every((limit) => limit === "headers"));
});
