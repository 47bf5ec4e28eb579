import assert from "node:assert/strict";
import { health } from "./health.ts";
import { recording } from "./terminal_test_support.ts";

/** A node's pages, of which `ready` answers as told. */
function pages(status: number, text: string) {
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    ({ url }) =>
      url.endsWith("/ready")
        ? new Response(text, { status })
        : url.endsWith("/health")
        ? new Response("OK")
        : new Response("no such page", { status: 404 }),
  );
  const { port } = server.addr as Deno.NetAddr;
  return {
    port,
    async [Symbol.asyncDispose]() {
      await server.shutdown();
    },
  };
}

const onPort = (port: number) => ({ role: "master", timeout: "30s", httpPort: String(port) });

Deno.test("health prints what a ready node says, and finds it by its configuration", async () => {
  await using node = pages(200, "READY");
  const terminal = recording();
  await health(onPort(node.port), terminal);
  assert.equal(terminal.written.out, "READY\n");
});

Deno.test("health fails with the reasons of a node that is not ready, which is alive all the same", async () => {
  await using node = pages(503, "NOT READY\nno leader is known\u001b[2J\n");
  const terminal = recording();
  await assert.rejects(health(onPort(node.port), terminal), {
    name: "NegativeAnswer",
    message:
      `http://127.0.0.1:${node.port}/ready answers 503: NOT READY; no leader is known\\u001b[2J`,
  });
  await health({ ...onPort(node.port), live: true }, terminal);
  assert.equal(terminal.written.out, "OK\n");
});

Deno.test("health fails where nobody listens", async () => {
  const node = pages(200, "READY");
  await node[Symbol.asyncDispose]();
  await assert.rejects(health(onPort(node.port), recording()), {
    name: "NegativeAnswer",
    message: /cannot be reached: .*ECONNREFUSED/,
  });
});

Deno.test("health asks no other node because it cannot read where its own is", async () => {
  const config = { name: "ConfigError", message: /cluster\.http_port .*"80a0"/ };
  await assert.rejects(health({ role: "master", httpPort: "80a0" }, recording()), config);
  // Of what does not matter here it says nothing: its node does.
  await using node = pages(200, "READY");
  await health({ ...onPort(node.port), set: ["log.level=loud"] }, recording());
});

Deno.test("health says that it was asked with TLS where there is none, and the other way round", async () => {
  await using node = pages(200, "READY");
  await assert.rejects(health({ url: `https://127.0.0.1:${node.port}/ready` }, recording()), {
    name: "NegativeAnswer",
    message: /speaks no TLS, and was asked with it/,
  });
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const alerting = (async () => {
    for await (const connection of listener) {
      await connection.write(new Uint8Array([0x15, 3, 3, 0, 2, 2, 50]));
      connection.close();
    }
  })();
  try {
    const url = `http://127.0.0.1:${listener.addr.port}/ready`;
    await assert.rejects(health({ url }, recording()), { message: /is no HTTP; it may speak TLS/ });
  } finally {
    listener.close();
    await alerting;
  }
});

Deno.test("health says what is wrong with an address, a time, and a worker without a port", async () => {
  const terminal = recording();
  await assert.rejects(health({ url: "8080" }, terminal), {
    name: "Misuse",
    message: /--url .*"8080"/,
  });
  await assert.rejects(health({ timeout: "3" }, terminal), {
    name: "Misuse",
    message: /did you mean 3s/,
  });
  await assert.rejects(health({ role: "worker" }, terminal), {
    name: "Misuse",
    message: /no HTTP port/,
  });
});
