/** What is read of a body, when, and of whom. */

import assert from "node:assert/strict";
import { type AuditEvent, CallLimits } from "../security/mod.ts";
import { json, serving, strictGate, tokenOf } from "./gateway_test_support.ts";
import { hasQuery } from "./request.ts";
import { API_ROUTES, routeName } from "./routes.ts";

function limitsOf(burst: number): CallLimits {
  return new CallLimits({
    requestsPerSec: 0.001,
    burst,
    cleanupIntervalMs: 60_000,
    clientTtlMs: 60_000,
  });
}

/** Begins a request whose body never comes, or never ends; the status of its answer. */
async function answerTo(url: string, route: string, ...head: readonly string[]): Promise<number> {
  const { hostname, port } = new URL(url);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const lines = [
    `${route} HTTP/1.1`,
    `host: ${hostname}`,
    "content-type: application/json",
    ...head,
  ];
  await connection.write(new TextEncoder().encode(`${lines.join("\r\n")}`));
  const answer = new Uint8Array(64);
  await connection.read(answer);
  return Number(new TextDecoder().decode(answer).split(" ")[1]);
}

Deno.test("no route waits for the body of a stranger, but login for a small one", async () => {
  await serving({ gate: await strictGate() }, async (_ask, url) => {
    for (const row of API_ROUTES.filter((each) => !hasQuery(each))) {
      const route = routeName(row).replaceAll(/\{\w+\}/g, "x");
      const status = await answerTo(url, route, "content-length: 5000000\r\n\r\n");
      const expected = route.endsWith("/login") ? 413 : route.endsWith("/logout") ? 200 : 401;
      assert.equal(status, expected, route);
    }
  });
});

Deno.test("what is longer than a login may be is read no further, and ends its connection", async () => {
  await serving({ gate: await strictGate() }, async (_ask, url) => {
    const { hostname, port } = new URL(url);
    using connection = await Deno.connect({ hostname, port: Number(port) });
    const head = "POST /api/v1/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n" +
      "transfer-encoding: chunked\r\n\r\n";
    await connection.write(new TextEncoder().encode(head));
    const part = new TextEncoder().encode(`1000\r\n${" ".repeat(4_096)}\r\n`);
    const sending = (async () => {
      for (let sent = 0; sent < 10_000; sent++) await connection.write(part);
    })();
    const cutOff = assert.rejects(sending, /pipe|reset/i, "it is read on");
    const answer = new Uint8Array(2_048);
    const length = await connection.read(answer) ?? 0;
    const text = new TextDecoder().decode(answer.subarray(0, length));
    assert.match(text, /^HTTP\/1\.1 413 /);
    assert.match(text, /\r\nconnection: close\r\n/i);
    await cutOff;
  });
});

Deno.test("a login that shows no token is counted by its address, and audited", async () => {
  const audited: AuditEvent[] = [];
  const gate = await strictGate(audited, limitsOf(5));
  await serving({ gate }, async (ask) => {
    const bodies = [
      json({ token: [[[]]] }),
      json({ token: "" }),
      { ...json({}), body: "{" },
      { ...json({}), body: "x".repeat(20_000) },
      { body: "{}" },
    ];
    const statuses = [];
    for (const body of [...bodies, ...bodies]) {
      const response = await ask("POST /login", body);
      statuses.push(response.status);
      await response.body?.cancel();
    }
    assert.deepEqual(statuses, [400, 400, 400, 413, 415, 429, 429, 429, 429, 429]);
  });
  assert.deepEqual(audited.map(({ kind }) => kind), [
    ...Array.from({ length: 5 }, () => "authentication_failed"),
    "rate_limited",
  ]);
  const [first] = audited;
  assert.ok(first?.kind === "authentication_failed");
  assert.deepEqual(
    [first.reason, first.error, first.call.method, first.call.client],
    ["invalid_token", "the body shows no token", "POST /api/v1/login", "127.0.0.1"],
  );
});

Deno.test("an address is counted before its login is read, and once for each", async () => {
  await serving({ gate: await strictGate([], limitsOf(3)) }, async (ask, url) => {
    for (let login = 0; login < 3; login++) {
      const response = await ask("POST /login", json({ token: await tokenOf("operator") }));
      assert.equal(response.status, 200, `login ${login + 1}`);
      await response.body?.cancel();
    }
    assert.equal(await answerTo(url, "POST /api/v1/login", "content-length: 9\r\n\r\n"), 429);
  });
});

Deno.test("who shows wrong tokens or none at login has to wait longer and longer", async () => {
  await serving({ gate: await strictGate([], limitsOf(1_000)) }, async (ask) => {
    let tries = 0;
    let status;
    do {
      const response = await ask("POST /login", json({ token: "no token" }));
      status = response.status;
      assert.ok(tries++ < 20, `${tries} bodies were looked at`);
      await response.body?.cancel();
    } while (status !== 429);
  });
});

Deno.test("a body that is nested too deeply is refused before it is parsed", async () => {
  const deep = (levels: number) => `${"[".repeat(levels)}${"]".repeat(levels)}`;
  let submitted = 0;
  const handlers = { submitJob: () => ({ jobId: `j${++submitted}` }) };
  await serving({ handlers }, async (ask) => {
    const posted = (levels: number) =>
      ask("POST /jobs", { ...json({}), body: `{"type":"t","payload_json":${deep(levels)}}` });
    const taken = await posted(99);
    assert.equal(taken.status, 200);
    await taken.body?.cancel();
    const refused = await posted(100);
    assert.equal(refused.status, 400);
    const { error } = await refused.json();
    assert.equal(error.code, "INVALID_ARGUMENT");
    assert.match(error.message, /^the body is nested deeper than the 100 levels of lists and/);
  });
  assert.equal(submitted, 1);
});

Deno.test("more jobs than a call takes are refused before they are messages", async () => {
  await serving({}, async (ask) => {
    const body = `{"jobs":[${"{},".repeat(10_000)}{}]}`;
    const response = await ask("POST /jobs/submit-many", { ...json({}), body });
    assert.equal(response.status, 400);
    const { error } = await response.json();
    assert.equal(error.message, "10001 jobs in one call; at most 10000 are taken");
  });
});

Deno.test("a payload that is nested too deeply is shown as a file, and not parsed to see that it is JSON", async () => {
  const payload = new TextEncoder().encode(`${"[".repeat(500)}${"]".repeat(500)}`);
  await serving(
    { handlers: { getJobStatus: () => ({ job: { id: "j", payload } }) } },
    async (ask) => {
      const response = await ask("GET /jobs/j/payload");
      assert.equal(response.headers.get("content-type"), "application/octet-stream");
      assert.deepEqual(await response.bytes(), payload);
    },
  );
});

Deno.test("a request id goes on with its call if gRPC can carry it, and else one is made", async () => {
  const seen: string[] = [];
  const listJobs = (_request: unknown, { requestId }: { readonly requestId: string }) => {
    seen.push(requestId);
    return {};
  };
  await serving({ handlers: { listJobs } }, async (ask) => {
    for (const id of ["my request/7", "~".repeat(200), "ü", "x".repeat(201), ""]) {
      const response = await ask("GET /jobs", { headers: { "x-request-id": id } });
      assert.equal(response.status, 200, id);
      await response.body?.cancel();
    }
  });
  assert.deepEqual(seen.slice(0, 2), ["my request/7", "~".repeat(200)]);
  for (const made of seen.slice(2)) {
    assert.match(made, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  }
  assert.equal(new Set(seen).size, 5);
});
