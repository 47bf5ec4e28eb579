import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { CallLimits } from "./call_limits.ts";
import { createGate } from "./gate.ts";
import { ANONYMOUS, type Principal } from "./principal.ts";
import { loadPolicies } from "./rbac.ts";
import {
  call,
  certificateWith,
  codeOf,
  DEVELOPMENT,
  HEALTH,
  HEARTBEAT,
  LIMITS,
  NOW_MS,
  peersOf,
  productionGate,
  SUBMIT,
  tokenFor,
  tokenVerifier,
} from "./gate_test_support.ts";
import { KeysUnavailable } from "./token_key_sets.ts";
import { TokenVerifier } from "./tokens.ts";

Deno.test("in development with everything off a call passes at once, as an anonymous administrator", () => {
  const decision = createGate(DEVELOPMENT).check(call());
  assert.ok(!(decision instanceof Promise));
  assert.deepEqual(decision, { ok: true, principal: ANONYMOUS });
});

Deno.test("in development a missing token passes, and a wrong one is refused all the same", async () => {
  const gate = createGate({ ...DEVELOPMENT, tokens: await tokenVerifier() });
  assert.equal(codeOf(await gate.check(call())), "OK");
  const authorizationHeader = "Bearer not.a.token";
  assert.equal(codeOf(await gate.check(call({ authorizationHeader }))), "UNAUTHENTICATED");
});

Deno.test("a token that cannot be checked for want of a key is refused, and the message says why", async () => {
  const gate = createGate(DEVELOPMENT);
  const decision = await gate.check(call({ authorizationHeader: await tokenFor("a", "admin") }));
  assert.ok(!decision.ok);
  assert.match(decision.message, /JWT_SECRET_KEY/);
});

Deno.test("a token whose issuer's keys cannot be had is not called wrong, and counts as no guess", async () => {
  const away = () => Promise.reject(new KeysUnavailable("the keys cannot be had at this moment"));
  const tokens = new TokenVerifier([], {
    profile: "production",
    secret: "",
    publicKeyPath: "",
    issuer: "idp",
    audience: "conductor-api",
    skipExpiry: false,
  }, { sets: [away], algorithms: ["ES256"] });
  const { gate, audit } = await productionGate({
    tokens,
    limits: new CallLimits({ ...LIMITS, burst: 100 }),
  });
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const authorizationHeader = `Bearer ${part({ alg: "ES256", kid: "1" })}.${part({})}.${part("")}`;
  for (let each = 0; each < 30; each++) {
    const decision = await gate.check(call({ authorizationHeader }));
    assert.ok(!decision.ok);
    assert.equal(decision.code, "UNAVAILABLE");
    assert.ok((decision.retryAfterMs ?? 0) > 0);
  }
  const event = audit.events.at(-1);
  assert.ok(event?.kind === "authentication_failed");
  assert.equal(event.reason, "keys_unavailable");
});

Deno.test("with RBAC a call without a token is refused, in development too", async () => {
  const policies = await loadPolicies();
  const gate = createGate({ ...DEVELOPMENT, tokens: await tokenVerifier(), policies });
  assert.equal(codeOf(await gate.check(call())), "UNAUTHENTICATED");
});

Deno.test("a gate that could let nobody in, or everybody in production, is not made", async () => {
  const policies = await loadPolicies();
  assert.throws(() => createGate({ ...DEVELOPMENT, policies }), /no way to tell who is calling/);
  for (const profile of ["staging", "production"] as const) {
    assert.throws(() => createGate({ ...DEVELOPMENT, profile }), /no way to tell who is calling/);
  }
});

Deno.test("a token passes with the roles it needs and is refused without them", async () => {
  const { gate, audit } = await productionGate();
  const operator = await gate.check(
    call({ authorizationHeader: await tokenFor("alice", "operator"), requestId: "r1" }),
  );
  assert.ok(operator.ok);
  assert.equal(operator.principal.userId, "alice");
  assert.equal(operator.principal.source, "token");
  const [first] = audit.events;
  assert.ok(first?.kind === "authentication_succeeded" && first.tokenId !== undefined);
  assert.equal(first.tokenId, operator.principal.token?.tokenId, "which of her tokens it was");
  const viewer = await gate.check(call({ authorizationHeader: await tokenFor("bob", "viewer") }));
  assert.equal(codeOf(viewer), "PERMISSION_DENIED");
  assert.equal(codeOf(await gate.check(call())), "UNAUTHENTICATED");
  assert.deepEqual(audit.kinds, [
    "authentication_succeeded",
    "authorization_succeeded",
    "authentication_succeeded",
    "authorization_failed",
    "authentication_failed",
  ]);
});

Deno.test("a worker may not submit or cancel, and a viewer may not report a result", async () => {
  const { gate } = await productionGate();
  const ask = async (role: string, method: string) =>
    codeOf(
      await gate.check(
        call({
          method: `/proto.MasterService/${method}`,
          authorizationHeader: await tokenFor("x", role),
        }),
      ),
    );
  assert.equal(await ask("worker", "SubmitJob"), "PERMISSION_DENIED");
  assert.equal(await ask("worker", "CancelJob"), "PERMISSION_DENIED");
  assert.equal(await ask("worker", "ReportResult"), "OK");
  assert.equal(await ask("viewer", "ReportResult"), "PERMISSION_DENIED");
});

Deno.test("a name gives no right: the subject admin without roles may do nothing", async () => {
  const { gate } = await productionGate();
  const authorizationHeader = await tokenFor("admin");
  for (const method of ["SubmitJob", "GetJobStatus", "GetClusterHealth", "RevokeToken"]) {
    const asked = call({ method: `/proto.MasterService/${method}`, authorizationHeader });
    assert.equal(codeOf(await gate.check(asked)), "PERMISSION_DENIED", method);
  }
});

Deno.test("the second call with a token is decided without a promise", async () => {
  const { gate } = await productionGate();
  const authorizationHeader = await tokenFor("alice", "operator");
  const first = gate.check(call({ authorizationHeader }));
  assert.ok(first instanceof Promise);
  await first;
  const second = gate.check(call({ authorizationHeader }));
  assert.ok(!(second instanceof Promise));
  assert.equal(codeOf(second), "OK");
});

Deno.test("anything but one bearer token in the authorization header is refused", async () => {
  const { gate } = await productionGate();
  const good = await tokenFor("alice", "operator");
  for (
    const authorizationHeader of [
      "Basic YWRtaW46YWRtaW4=",
      "Bearer",
      good.replace("Bearer ", ""),
      `${good}, ${good}`,
      [good, good],
      [],
      "",
    ]
  ) {
    const decision = await gate.check(call({ authorizationHeader }));
    assert.equal(codeOf(decision), "UNAUTHENTICATED", String(authorizationHeader));
  }
  const lower = good.replace("Bearer", "bearer");
  assert.equal(codeOf(await gate.check(call({ authorizationHeader: [lower] }))), "OK");
});

Deno.test("health is open to all, and leaves no audit line", async () => {
  const { gate, audit } = await productionGate();
  const decision = await gate.check(call({ method: HEALTH }));
  assert.ok(decision.ok);
  assert.deepEqual(decision.principal.roles, []);
  assert.deepEqual(audit.kinds, []);
});

Deno.test("what is no gRPC method is asked for its permission, even if it is named like health", async () => {
  const { gate } = await productionGate();
  const authorizationHeader = await tokenFor("bob", "viewer");
  const route = { method: "GET /metrics", authorizationHeader };
  assert.equal(codeOf(await gate.check(call({ ...route, permission: "metrics:view" }))), "OK");
  const denied = await gate.check(call({ ...route, permission: "cluster:manage" }));
  assert.equal(codeOf(denied), "PERMISSION_DENIED");
  const posing = await gate.check(call({ method: HEALTH, permission: "cluster:manage" }));
  assert.equal(codeOf(posing), "UNAUTHENTICATED");
});

Deno.test("a trace id, a request id and a client without its port go to the audit log", async () => {
  const { gate, audit } = await productionGate();
  await gate.check(call({
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    requestId: "r1",
    jobId: "j1",
  }));
  const [event] = audit.events;
  assert.ok(event?.kind === "authentication_failed");
  assert.deepEqual({ ...event.call, latencyMs: 0 }, {
    method: SUBMIT,
    client: "10.0.0.1",
    latencyMs: 0,
    requestId: "r1",
    jobId: "j1",
    traceId: "0af7651916cd43dd8448eb211c80319c",
  });
  assert.equal(event.reason, "no_token");
});

Deno.test("no audit line holds a token, whatever its fate", async () => {
  const { gate, audit } = await productionGate();
  const good = await tokenFor("alice", "operator");
  for (const header of [good, good.slice(0, -3), "Bearer hunter2", "hunter2"]) {
    await gate.check(call({ authorizationHeader: header }));
  }
  const text = JSON.stringify(audit.events);
  assert.ok(!text.includes("hunter2") && !text.includes(good.slice(10, 40)));
});

Deno.test("with client certificates every call needs one, health too", async () => {
  const { peers, authority } = await peersOf();
  const { gate, audit } = await productionGate({ peers });
  const authorizationHeader = await tokenFor("alice", "operator");
  assert.equal(codeOf(await gate.check(call({ authorizationHeader }))), "UNAUTHENTICATED");
  assert.equal(codeOf(await gate.check(call({ method: HEALTH }))), "UNAUTHENTICATED");
  const [event] = audit.events;
  assert.ok(event?.kind === "authentication_failed");
  assert.equal(event.reason, "no_certificate");
  const peerCertificate = await certificateWith(authority, "client");
  const decision = await gate.check(call({ authorizationHeader, peerCertificate }));
  assert.ok(decision.ok);
  assert.equal(decision.principal.certificate?.commonName, "node-1");
  assert.equal(codeOf(await gate.check(call({ method: HEALTH, peerCertificate }))), "OK");
});

Deno.test("a certificate is no identity where tokens are used, unless that is asked for", async () => {
  const { peers, authority } = await peersOf();
  const peerCertificate = await certificateWith(authority, "worker");
  const beat = call({ method: HEARTBEAT, peerCertificate });
  const strict = await productionGate({ peers });
  assert.equal(codeOf(await strict.gate.check(beat)), "UNAUTHENTICATED");
  const asked = await productionGate({ peers, certificateIsIdentity: true });
  assert.equal(codeOf(await asked.gate.check(beat)), "OK");
  const { gate } = await productionGate({ peers, tokens: null });
  const decision = await gate.check(beat);
  assert.ok(decision.ok);
  assert.deepEqual([decision.principal.userId, decision.principal.roles], ["node-1", ["worker"]]);
  assert.equal(decision.principal.source, "certificate");
  const client = await certificateWith(authority, "client");
  assert.equal(
    codeOf(await gate.check(call({ peerCertificate: client }))),
    "UNAUTHENTICATED",
  );
});

Deno.test("a worker's certificate narrows a token to the worker's role, a master's does not", async () => {
  const { peers, authority } = await peersOf();
  const { gate } = await productionGate({ peers });
  const authorizationHeader = await tokenFor("alice", "admin", "worker");
  const worker = await certificateWith(authority, "worker");
  const master = await certificateWith(authority, "master");
  const submit = (peerCertificate: Uint8Array) =>
    gate.check(call({ authorizationHeader, peerCertificate }));
  assert.equal(codeOf(await submit(worker)), "PERMISSION_DENIED");
  assert.equal(codeOf(await submit(master)), "OK");
  const viewer = await certificateWith(authority, "viewer");
  const shares = await submit(viewer);
  assert.ok(!shares.ok);
  assert.match(shares.message, /no role that is its token's and its certificate's \(viewer\) both/);
  const beat = await gate.check(
    call({ method: HEARTBEAT, authorizationHeader, peerCertificate: worker }),
  );
  assert.ok(beat.ok);
  assert.deepEqual(beat.principal.roles, ["worker"]);
});

Deno.test("whoever is confined to namespaces calls nothing that is about the whole cluster", async () => {
  const { gate } = await productionGate({});
  const principal: Principal = {
    userId: "alice",
    roles: ["admin"],
    source: "token",
    namespaces: ["red", "blue"],
  };
  const ask = (name: string) =>
    gate.checkForwarded(principal, call({ method: `/proto.MasterService/${name}` }));
  for (const name of ["SubmitJob", "ListJobs", "IssueToken", "GetClusterHealth"]) {
    assert.ok(ask(name).ok, name);
  }
  for (const name of ["Configure", "Backup", "SetPolicy", "RemoveMember", "EnrolWorker", "New"]) {
    const decision = ask(name);
    assert.ok(!decision.ok, name);
    assert.equal(decision.code, "PERMISSION_DENIED");
    assert.match(decision.message, /"alice" is for the namespaces red, blue alone.*whole cluster/);
  }
  assert.ok(gate.may(principal, { method: "GET", permission: "job:view" }));
  for (const permission of ["metrics:view", "cluster:view", "policy:manage", "something:new"]) {
    assert.ok(!gate.may(principal, { method: "GET", permission }), permission);
  }
});

Deno.test("the audit says which namespaces a caller is confined to", async () => {
  const { gate, audit } = await productionGate({});
  const principal: Principal = {
    userId: "alice",
    roles: ["admin"],
    source: "token",
    namespaces: ["red"],
  };
  gate.checkForwarded(principal, call({ method: "/proto.MasterService/Backup" }));
  const [event] = audit.events;
  assert.equal(event?.kind, "authorization_failed");
  assert.deepEqual(event.call.namespaces, ["red"]);
});

Deno.test("a forwarded call is refused when its caller was revoked on the way", async () => {
  let isTokenRevoked = false;
  const { gate } = await productionGate({ tokens: await tokenVerifier(() => isTokenRevoked) });
  const principal: Principal = {
    userId: "alice",
    roles: ["operator"],
    source: "token",
    token: { subject: "alice", expiresAtMs: NOW_MS + 1000 },
  };
  assert.equal(codeOf(gate.checkForwarded(principal, call({}))), "OK");
  isTokenRevoked = true;
  assert.equal(codeOf(gate.checkForwarded(principal, call({}))), "UNAUTHENTICATED");
  isTokenRevoked = false;
  const late = call({ nowMs: NOW_MS + 100_000 });
  assert.equal(codeOf(gate.checkForwarded(principal, late)), "UNAUTHENTICATED");
});

Deno.test("a stream ends when its token or certificate has ended or been revoked", async () => {
  const revokedCertificates = new Set<string>();
  let isTokenRevoked = false;
  const { peers, authority } = await peersOf(revokedCertificates);
  const { gate } = await productionGate({
    peers,
    tokens: await tokenVerifier(() => isTokenRevoked),
  });
  const decision = await gate.check(call({
    authorizationHeader: await tokenFor("alice", "operator"),
    peerCertificate: await certificateWith(authority, "client"),
  }));
  assert.ok(decision.ok);
  const { principal } = decision;
  assert.equal(gate.stillValid(principal, NOW_MS), true);
  assert.equal(gate.stillValid(principal, NOW_MS + 960_000), false);
  isTokenRevoked = true;
  assert.equal(gate.stillValid(principal, NOW_MS), false);
  isTokenRevoked = false;
  revokedCertificates.add(principal.certificate?.fingerprint256 ?? "");
  assert.equal(gate.stillValid(principal, NOW_MS), false);
});
