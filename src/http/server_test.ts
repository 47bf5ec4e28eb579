import assert from "node:assert/strict";
import { createLogger, discardLogger, type Logger } from "../observability/mod.ts";
import { textAnswer } from "./answer.ts";
import {
  type HttpServer,
  type HttpServerOptions,
  ListenError,
  type Route,
  startHttpServer,
} from "./server.ts";

const HELLO: Route = { path: "/hello", access: "open", handle: () => textAnswer(200, "hello") };

async function serving(
  routes: readonly Route[],
  work: (server: HttpServer) => Promise<void>,
  log: Logger = discardLogger,
  changes: Partial<HttpServerOptions> = {},
): Promise<void> {
  const server = await startHttpServer({
    host: "127.0.0.1",
    port: 0,
    setting: "http_port",
    routes,
    log,
    ...changes,
  });
  try {
    await work(server);
  } finally {
    await server.stop();
  }
}

Deno.test("a page is answered with its type, its length, and not to be kept", () =>
  serving([HELLO], async ({ url, port }) => {
    assert.equal(url, `http://127.0.0.1:${port}`);
    const response = await fetch(`${url}/hello?a=1`);
    assert.equal(response.status, 200);
    assert.equal(await response.text(), "hello");
    assert.equal(response.headers.get("content-type"), "text/plain; charset=utf-8");
    assert.equal(response.headers.get("content-length"), "5");
    assert.equal(response.headers.get("cache-control"), "no-store");
    assert.equal(response.headers.get("x-content-type-options"), "nosniff");
  }));

Deno.test("HEAD is GET without the body", () =>
  serving([HELLO], async ({ url }) => {
    const response = await fetch(`${url}/hello`, { method: "HEAD" });
    assert.equal(response.status, 200);
    assert.equal(await response.text(), "");
    assert.equal(response.headers.get("content-length"), "5");
    assert.equal(response.headers.get("content-type"), "text/plain; charset=utf-8");
  }));

Deno.test("a page that is not open is not shown under the name of another site", () => {
  const takesHost = (host: string) => !host.startsWith("evil.example");
  const secret: Route = { ...HELLO, path: "/state", access: { permission: "cluster:view" } };
  const judged: Route = { ...HELLO, path: "/api/v1/jobs", access: "judged" };
  return serving(
    [HELLO, secret, judged],
    async ({ port }) => {
      const statusOf = async (path: string, host: string) => {
        const connection = await Deno.connect({ hostname: "127.0.0.1", port });
        const writer = connection.writable.getWriter();
        const head = `GET ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`;
        await writer.write(new TextEncoder().encode(head));
        return (await new Response(connection.readable).text()).split(" ")[1];
      };
      assert.equal(await statusOf("/state", `evil.example:${port}`), "403");
      assert.equal(await statusOf("/api/v1/jobs", "evil.example"), "403");
      assert.equal(await statusOf("/hello", "evil.example"), "200", "it says nothing");
      assert.equal(await statusOf("/state", `localhost:${port}`), "200");
      assert.equal(await statusOf("/api/v1/jobs", "127.0.0.1"), "200");
    },
    discardLogger,
    { takesHost },
  );
});

Deno.test("an unknown path is told what there is", () =>
  serving([HELLO, { ...HELLO, path: "/again" }], async ({ url }) => {
    for (const path of ["/", "/hello/", "/HELLO", "/hello%2f", `/${"x".repeat(1_000)}`]) {
      const response = await fetch(`${url}${path}`);
      assert.equal(response.status, 404);
      assert.equal(response.headers.get("content-type"), "application/json; charset=utf-8");
      const body = await response.json();
      assert.deepEqual(body.paths, ["/again", "/hello"]);
      assert.ok(body.message.length < 300);
    }
  }));

Deno.test("a method that a page does not take is told which it does", () =>
  serving([HELLO], async ({ url }) => {
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
      const response = await fetch(`${url}/hello`, { method });
      assert.equal(response.status, 405);
      assert.equal(response.headers.get("allow"), "GET, HEAD");
      assert.equal((await response.json()).message, `/hello takes GET and HEAD, not ${method}`);
    }
  }));

Deno.test("a page that fails tells the caller nothing, and the log all", async () => {
  const lines: Record<string, unknown>[] = [];
  const log = await createLogger({
    level: "info",
    format: "json",
    name: "http",
    output: (line) => lines.push(JSON.parse(line)),
  });
  const broken: Route[] = [
    {
      path: "/sync",
      access: "open",
      handle: () => {
        throw new Error("the secret of /etc/shadow");
      },
    },
    {
      path: "/async",
      access: "open",
      handle: () => Promise.reject(new Error("the secret of /etc/shadow")),
    },
  ];
  await serving(broken, async ({ url }) => {
    for (const { path } of broken) {
      const response = await fetch(`${url}${path}`);
      assert.equal(response.status, 500);
      const text = await response.text();
      assert.equal(JSON.parse(text).error, "internal");
      assert.doesNotMatch(text, /secret|shadow|at /);
    }
  }, log);
  assert.deepEqual(lines.map(({ msg, path, error }) => [msg, path, error]), [
    ["an HTTP page failed", "/sync", "the secret of /etc/shadow"],
    ["an HTTP page failed", "/async", "the secret of /etc/shadow"],
  ]);
});

/** What a server says to bytes that no HTTP client would send. */
async function rawAnswer(port: number, bytes: string): Promise<string> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  try {
    await connection.write(new TextEncoder().encode(bytes));
    const buffer = new Uint8Array(4_096);
    const count = await connection.read(buffer);
    return new TextDecoder().decode(buffer.subarray(0, count ?? 0));
  } finally {
    connection.close();
  }
}

Deno.test("a path that begins with two slashes names no host, and is not another's", () =>
  serving([HELLO], async ({ port }) => {
    const statusOf = async (target: string) =>
      (await rawAnswer(port, `GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`)).split(" ")[1];
    for (const target of ["//x/hello", "///x/hello", "/\\x/hello", "//hello", "//x:y/hello"]) {
      assert.equal(await statusOf(target), "404", target);
    }
    // As a proxy is asked, which servers have to understand (RFC 9112, 3.2.2).
    for (const target of ["/hello", "http://localhost/hello", "/a/../hello"]) {
      assert.equal(await statusOf(target), "200", target);
    }
  }));

Deno.test("a request that is none is refused, and the server lives on", () =>
  serving([HELLO], async ({ port, url }) => {
    const attempts = [
      "GARBAGE\r\n\r\n",
      "GET /hello HTTP/1.1\r\nHost: a b\r\n\r\n",
      "GET /hello HTTP/1.1\r\nHost: [\r\n\r\n",
    ];
    for (const bytes of attempts) assert.match(await rawAnswer(port, bytes), /^HTTP\/1.1 400 /);
    assert.equal(await (await fetch(`${url}/hello`)).text(), "hello");
  }));

Deno.test("a request that is too slow or whose headers are too long is told so", () => {
  const bounds = {
    connectionsMax: 10,
    connectionsOfAddressMax: 10,
    handshakeTimeoutMs: 300,
    idleTimeoutMs: 60_000,
    headerBytesMax: 16_384,
  };
  const reading: Route = {
    path: "/read",
    methods: ["POST"],
    access: "open",
    handle: async (_request, exchange) =>
      textAnswer(200, String((await exchange.body(100)).length)),
  };
  return serving(
    [reading],
    async ({ port }) => {
      const begun = "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc";
      assert.match(await rawAnswer(port, begun), /^HTTP\/1.1 408 /);
      const long = `POST /read HTTP/1.1\r\nHost: a\r\nX-Long: ${"a".repeat(40_000)}\r\n\r\n`;
      assert.match(await rawAnswer(port, long), /^HTTP\/1.1 431 /);
    },
    discardLogger,
    { door: { tls: null, bounds } },
  );
});

Deno.test("a port in use is an error that names the setting", () =>
  serving([HELLO], ({ port }) => {
    const again = {
      host: "127.0.0.1",
      port,
      setting: "cluster.http_port (--http-port)",
      routes: [],
      log: discardLogger,
    };
    return assert.rejects(startHttpServer(again), {
      name: ListenError.name,
      message: `cannot listen on 127.0.0.1:${port} for HTTP: another process uses the port; ` +
        "stop it, or choose another port with cluster.http_port (--http-port)",
    });
  }));

Deno.test("an address of another machine is an error that says so", async () => {
  const options = {
    port: 0,
    setting: "http_port",
    hostSetting: "http_bind_host",
    routes: [],
    log: discardLogger,
  };
  const failures = [
    [
      "192.0.2.1",
      "192.0.2.1:0 for HTTP: 192.0.2.1 is no address of this host; choose one that it has",
    ],
    [
      "2001:db8::1",
      "[2001:db8::1]:0 for HTTP: 2001:db8::1 is no address of this host; choose one that it has",
    ],
  ] as const;
  for (const [host, words] of failures) {
    await assert.rejects(startHttpServer({ ...options, host }), {
      name: ListenError.name,
      message: `cannot listen on ${words}, or 0.0.0.0 for all, with http_bind_host`,
    });
  }
});

Deno.test("one path for two pages is an error", async () => {
  const routes = [HELLO, HELLO];
  const options = { host: "127.0.0.1", port: 0, setting: "http_port", log: discardLogger };
  await assert.rejects(startHttpServer({ ...options, routes }), /\/hello is served twice/);
});

Deno.test("stopping lets a request finish, closes its connection, and takes no other", async () => {
  const asked = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const slow: Route = {
    path: "/slow",
    access: "open",
    async handle() {
      asked.resolve();
      await release.promise;
      return textAnswer(200, "done");
    },
  };
  const server = await startHttpServer({
    host: "127.0.0.1",
    port: 0,
    setting: "http_port",
    routes: [slow],
    log: discardLogger,
  });
  const pending = rawAnswer(server.port, "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
  await asked.promise;
  const stopped = server.stop(60_000);
  release.resolve();
  const answer = await pending;
  assert.match(answer, /^HTTP\/1\.1 200 /);
  assert.match(answer, /connection: close/i);
  assert.match(answer, /done$/);
  await stopped;
  await assert.rejects(fetch(`${server.url}/slow`));
});

Deno.test("stopping cuts off what does not finish in time", async () => {
  const asked = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const server = await startHttpServer({
    host: "127.0.0.1",
    port: 0,
    setting: "http_port",
    routes: [
      {
        path: "/endless",
        access: "open",
        handle: () => new Response(new ReadableStream({ start: () => asked[0]?.resolve() })),
      },
      {
        path: "/stuck",
        access: "open",
        handle() {
          asked[1]?.resolve();
          return new Promise(() => {});
        },
      },
    ],
    log: discardLogger,
  });
  const connect = () => Deno.connect({ hostname: "127.0.0.1", port: server.port });
  const [endless, stuck] = await Promise.all([connect(), connect()]);
  await endless.write(new TextEncoder().encode("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n"));
  await stuck.write(new TextEncoder().encode("GET /stuck HTTP/1.1\r\nHost: a\r\n\r\n"));
  await Promise.all(asked.map(({ promise }) => promise));
  await server.stop(20);
  const said = await new Response(stuck.readable).text();
  assert.match(said, /^HTTP\/1\.1 503 .*"this node is stopping"/s);
  endless.close();
});

Deno.test("idle and half-open connections do not hold up the end", async () => {
  const server = await startHttpServer({
    host: "127.0.0.1",
    port: 0,
    setting: "http_port",
    routes: [HELLO],
    log: discardLogger,
  });
  const connect = () => Deno.connect({ hostname: "127.0.0.1", port: server.port });
  const [idle, half] = await Promise.all([connect(), connect()]);
  await half.write(new TextEncoder().encode("GET /hello HT"));
  await server.stop(60_000);
  idle.close();
  half.close();
});

Deno.test({
  name: "a client that asks and does not read does not hold up the end",
  // Its answer is given up, not ended: Deno.serve has no way to.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const asked = Promise.withResolvers<void>();
    const server = await startHttpServer({
      host: "127.0.0.1",
      port: 0,
      setting: "http_port",
      routes: [{
        path: "/large",
        access: "open",
        handle() {
          asked.resolve();
          return textAnswer(200, "x".repeat(64 * 1024 * 1024));
        },
      }],
      log: discardLogger,
    });
    const connection = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    await connection.write(new TextEncoder().encode("GET /large HTTP/1.1\r\nHost: a\r\n\r\n"));
    await asked.promise;
    await server.stop(10);
    connection.close();
  },
});

Deno.test("a node that stops answers its last pages alone, once what was under way has ended", async () => {
  const asked = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const server = await startHttpServer({
    host: "127.0.0.1",
    port: 0,
    setting: "http_port",
    routes: [
      { path: "/ready", access: "open", isLast: true, handle: () => textAnswer(503, "stopping") },
      {
        path: "/api/v1/slow",
        access: "open",
        async handle() {
          asked.resolve();
          await release.promise;
          return textAnswer(200, "done");
        },
      },
    ],
    log: discardLogger,
  });
  const under = rawAnswer(server.port, "GET /api/v1/slow HTTP/1.1\r\nHost: a\r\n\r\n");
  await asked.promise;
  const quiet = server.quiet(60_000);
  const late = await fetch(`${server.url}/api/v1/slow`);
  assert.equal(late.status, 503);
  assert.match(await late.text(), /"UNAVAILABLE".*this node is stopping/s);
  release.resolve();
  assert.match(await under, /^HTTP\/1\.1 200 .*done$/s);
  await quiet;
  assert.equal(await (await fetch(`${server.url}/ready`)).text(), "stopping");
  await server.stop();
});

Deno.test("a node that becomes quiet cuts off what does not end, and still answers its last pages", async () => {
  const asked = Promise.withResolvers<void>();
  const server = await startHttpServer({
    host: "127.0.0.1",
    port: 0,
    setting: "http_port",
    routes: [
      { path: "/ready", access: "open", isLast: true, handle: () => textAnswer(503, "stopping") },
      {
        path: "/stuck",
        access: "open",
        handle() {
          asked.resolve();
          return new Promise(() => {});
        },
      },
    ],
    log: discardLogger,
  });
  const stuck = rawAnswer(server.port, "GET /stuck HTTP/1.1\r\nHost: a\r\n\r\n");
  await asked.promise;
  await server.quiet(20);
  assert.match(await stuck, /^HTTP\/1\.1 503 /);
  assert.equal(await (await fetch(`${server.url}/ready`)).text(), "stopping");
  await server.stop();
});
