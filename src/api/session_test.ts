import assert from "node:assert/strict";
import { request } from "node:http";
import { type AuditEvent, CallLimits, ownNames } from "../security/mod.ts";
import { credentialsOf, refuseForeignPages, sessionCookie } from "./credentials.ts";
import { json, serving, strictGate, tokenOf } from "./gateway_test_support.ts";

const OK = { cancelJob: () => ({ success: true }) };
const OWN = { "x-conductor-request": "1", "sec-fetch-site": "same-origin" };

Deno.test("a browser logs in with a token, acts by its cookie, and logs out", async () => {
  const audited: AuditEvent[] = [];
  const gate = await strictGate(audited);
  await serving({ gate, handlers: OK }, async (ask) => {
    const token = await tokenOf("operator");
    const response = await ask("POST /login", json({ token }));
    assert.equal(response.status, 200);
    const { user_id, login, login_required, expires_at } = await response.json();
    assert.deepEqual([user_id, login, login_required], ["operator", "cookie", true]);
    assert.ok(Date.parse(expires_at) > Date.now());
    const [cookie = "", ...attributes] = (response.headers.get("set-cookie") ?? "").split("; ");
    assert.equal(cookie, `conductor=${token}`);
    assert.deepEqual(attributes.slice(0, 3), ["Path=/", "HttpOnly", "SameSite=Strict"]);
    assert.match(attributes[3] ?? "", /^Max-Age=(5[89]\d|600)$/);
    const who = await (await ask("GET /whoami", { headers: { cookie } })).json();
    assert.deepEqual([who.user_id, who.login], ["operator", "cookie"]);
    const acted = await ask("POST /jobs/j/cancel", json({}, { cookie, ...OWN }));
    assert.equal(acted.status, 200);
    const out = await ask("POST /logout", json({}, { cookie, ...OWN }));
    assert.match(out.headers.get("set-cookie") ?? "", /^conductor=; .*Max-Age=0$/);
    await out.body?.cancel();
  });
  assert.deepEqual(
    audited.flatMap((event) =>
      event.kind === "authentication_succeeded" ? [event.call.method] : []
    ),
    [
      "POST /api/v1/login",
      "GET /api/v1/whoami",
      "/proto.MasterService/CancelJob",
    ],
  );
});

Deno.test("a token that is longer than a browser's cookie begins no session, and is told so", async () => {
  await serving({ gate: await strictGate(), handlers: OK }, async (ask) => {
    const namespaces = Array.from({ length: 60 }, (_, at) => `team-${at}-${"x".repeat(50)}`);
    const response = await ask("POST /login", json({ token: await tokenOf("viewer", namespaces) }));
    assert.deepEqual([response.status, response.headers.get("set-cookie")], [400, null]);
    const { error } = await response.json();
    assert.match(
      error.message,
      /makes a cookie of \d{4} characters, and browsers keep none of more/,
    );
  });
});

Deno.test("a wrong token begins no session, and a session that is none is refused", async () => {
  await serving({ gate: await strictGate(), handlers: OK }, async (ask) => {
    for (const token of ["", "no.such.token", `${await tokenOf("admin")}x`, 7, undefined]) {
      const response = await ask("POST /login", json({ token }));
      assert.ok([400, 401].includes(response.status));
      assert.equal(response.headers.get("set-cookie"), null);
      await response.body?.cancel();
    }
    const stale = await ask("GET /whoami", { headers: { cookie: "conductor=old.old.old" } });
    assert.equal(stale.status, 401);
    await stale.body?.cancel();
  });
});

Deno.test("who guesses tokens has to wait, as at the gRPC port", async () => {
  const limits = new CallLimits({
    requestsPerSec: 1_000,
    burst: 1_000,
    cleanupIntervalMs: 60_000,
    clientTtlMs: 60_000,
  });
  await serving({ gate: await strictGate([], limits) }, async (ask) => {
    let tries = 0;
    let response;
    do {
      response = await ask("POST /login", json({ token: `no.such.token${tries++}` }));
      assert.ok(tries < 20, `${tries} tokens were looked at`);
      if (response.status !== 429) await response.body?.cancel();
    } while (response.status !== 429);
    const { error } = await response.json();
    assert.equal(error.code, "RESOURCE_EXHAUSTED");
    assert.ok(error.retry_after_ms > 0 && response.headers.has("retry-after"));
  });
});

Deno.test("where nobody logs in, a cookie of another cluster does no harm", () =>
  serving({ handlers: OK }, async (ask) => {
    const response = await ask("GET /whoami", { headers: { cookie: "conductor=old.old.old" } });
    const { login, login_required } = await response.json();
    assert.deepEqual([login, login_required], ["none", false]);
  }));

Deno.test("what a page of another site makes a browser send is refused", async () => {
  const gate = await strictGate();
  const cookie = `conductor=${await tokenOf("operator")}`;
  await serving({ gate, handlers: OK }, async (ask, url) => {
    const status = async (headers: Record<string, string>) => {
      const response = await ask("POST /jobs/j/cancel", json({}, headers));
      await response.body?.cancel();
      return response.status;
    };
    assert.equal(await status({ cookie }), 403, "no header that only the page sets");
    assert.equal(await status({ cookie, ...OWN, "sec-fetch-site": "cross-site" }), 403);
    assert.equal(await status({ cookie, ...OWN, "sec-fetch-site": "same-site" }), 403);
    const headers = { cookie, "x-conductor-request": "1" };
    assert.equal(await status({ ...headers, origin: "https://evil.example" }), 403);
    assert.equal(await status({ ...headers, origin: "null" }), 403);
    assert.equal(await status({ ...headers, origin: url }), 200);
    assert.equal(await status({ authorization: `Bearer ${await tokenOf("operator")}` }), 200);
  });
  await serving({ handlers: OK }, async (ask) => {
    const open = async (headers: Record<string, string>) =>
      (await ask("POST /jobs/j/cancel", json({}, headers))).status;
    assert.equal(await open({}), 200);
    assert.equal(await open({ origin: "https://evil.example" }), 403, "addresses go along, too");
    const own = { "sec-fetch-site": "same-origin" };
    assert.equal(await open({ ...own, origin: "http://127.0.0.1" }), 200);
  });
});

Deno.test("over TLS a session's cookie is bound to its host, and cannot come from without", () => {
  const [cookie, ...attributes] = sessionCookie("t.o.k", true, 60).split("; ");
  assert.equal(cookie, "__Host-conductor=t.o.k");
  assert.deepEqual(attributes, ["Path=/", "HttpOnly", "SameSite=Strict", "Secure", "Max-Age=60"]);
  const shown = (cookie: string) =>
    credentialsOf(
      new Request("http://x", { headers: { cookie } }),
      { certificate: undefined, isSecure: true },
      true,
    );
  assert.equal(shown("a=b; __Host-conductor=t.o.k").authorization, "Bearer t.o.k");
  assert.equal(
    shown("conductor=t.o.k").login,
    "none",
    "of a page without TLS, which anybody may be",
  );
});

Deno.test("where everybody is let in, a name that its owner can lead here opens nothing to a page", () => {
  const refused = (host: string, takesHost?: (host: string) => boolean) => {
    const headers = { host, origin: `http://${host}`, "sec-fetch-site": "same-origin" };
    try {
      refuseForeignPages(
        { headers: new Headers(headers) } as Request,
        { login: "none", isOpen: true, takesHost },
      );
      return false;
    } catch {
      return true;
    }
  };
  for (const host of ["127.0.0.1:8080", "[::1]:8080", "localhost:8080", "master-1", "m.local"]) {
    assert.equal(refused(host), false, host);
  }
  for (const host of ["evil.example", "evil.example:8080", "127.0.0.1.evil.example"]) {
    assert.equal(refused(host), true, host);
  }
  // What security.http_hosts names is the node's own, behind a proxy, say.
  const takesHost = ownNames(["jobs.example.com"]);
  for (const host of ["jobs.example.com", "jobs.example.com:8443", "127.0.0.1:8080"]) {
    assert.equal(refused(host, takesHost), false, host);
  }
  assert.equal(refused("evil.example", takesHost), true);
});

Deno.test("the page of an open master behind a proxy may change something under the name that is configured", async () => {
  const more = { takesHost: ownNames(["jobs.example.com"]) };
  await serving({ handlers: OK, more }, async (_ask, url) => {
    const cancelled = (host: string) => {
      const headers = { host, origin: `https://${host}`, "content-type": "application/json" };
      const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
      const call = request(`${url}/api/v1/jobs/j/cancel`, { method: "POST", headers }, (answer) => {
        answer.resume().on("end", () => resolve(answer.statusCode));
      });
      call.on("error", reject).end("{}");
      return promise;
    };
    assert.equal(await cancelled("jobs.example.com"), 200);
    assert.equal(await cancelled("evil.example"), 403);
  });
});
