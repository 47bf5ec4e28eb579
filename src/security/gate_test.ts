import assert from "node:assert/strict";
import { type AuditEvent, AuditLog } from "./audit.ts";
import { CallLimits } from "./call_limits.ts";
import { AuthorityFixture, derOf } from "./certificate_fixtures.ts";
import { parseCertificates } from "./certificates.ts";
import {
  createGate,
  type Gate,
  type GateCall,
  type GateDecision,
  type GateOptions,
} from "./gate.ts";
import { PeerVerifier } from "./peer_verification.ts";
import { ANONYMOUS, type Principal } from "./principal.ts";
import { loadPolicies } from "./rbac.ts";
import { issueTokens } from "./token_issuing.ts";
import { createTokenVerifier, type TokenVerifier } from "./tokens.ts";
import { loadX509 } from "./x509_library.ts";

const NOW_MS = Date.now();
const SECRET = "kJ8#vQ2!pL5@xR9$mN3%wT7^yB1&zC4*";
const TOKEN_OPTIONS = {
  profile: "production",
  secret: SECRET,
  publicKeyPath: "",
  issuer: "conductor-production",
  audience: "conductor-api",
  skipExpiry: false,
} as const;
const LIMITS = {
  requestsPerSec: 10,
  burst: 5,
  cleanupIntervalMs: 60_000,
  clientTtlMs: 60_000,
};

const SUBMIT = "/proto.MasterService/SubmitJob";
const HEARTBEAT = "/proto.MasterService/Heartbeat";
const HEALTH = "/grpc.health.v1.Health/Check";

/** Remembers events instead of writing them. */
class RecordingAudit extends AuditLog {
  readonly events: AuditEvent[] = [];
  constructor() {
    super({ write() {}, close() {} }, undefined, () => {});
  }
  override record(event: AuditEvent): void {
    this.events.push(event);
  }
  get kinds(): string[] {
    return this.events.map((event) => event.kind);
  }
}

async function tokenFor(subject: string, ...roles: string[]): Promise<string> {
  const issued = await issueTokens(TOKEN_OPTIONS, {
    subject,
    roles,
    accessTtlMs: 900_000,
    refreshTtlMs: 900_000,
    nowMs: NOW_MS,
  });
  return `Bearer ${issued.accessToken}`;
}

async function tokenVerifier(isRevoked?: () => boolean): Promise<TokenVerifier> {
  const verifier = await createTokenVerifier({
    ...TOKEN_OPTIONS,
    ...(isRevoked === undefined ? {} : { isRevoked }),
  });
  assert.ok(verifier !== null);
  return verifier;
}

function call(overrides: Partial<GateCall> = {}): GateCall {
  return { method: SUBMIT, peerAddress: "10.0.0.1:50000", nowMs: NOW_MS, ...overrides };
}

/** A production gate with tokens and roles, and whatever else is asked for. */
async function productionGate(
  overrides: Partial<GateOptions> = {},
): Promise<{ gate: Gate; audit: RecordingAudit }> {
  const audit = new RecordingAudit();
  const gate = createGate({
    profile: "production",
    tokens: await tokenVerifier(),
    peers: null,
    policies: await loadPolicies(),
    limits: null,
    audit,
    ...overrides,
  });
  return { gate, audit };
}

function codeOf(decision: GateDecision): string {
  return decision.ok ? "OK" : decision.code;
}

const DEVELOPMENT: GateOptions = {
  profile: "development",
  tokens: null,
  peers: null,
  policies: null,
  limits: null,
  audit: null,
};

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

async function times(count: number, ask: () => GateDecision | Promise<GateDecision>) {
  const codes: string[] = [];
  for (let index = 0; index < count; index++) codes.push(codeOf(await ask()));
  return codes;
}

Deno.test("an identity's calls are limited whatever address and port they come from", async () => {
  const { gate, audit } = await productionGate({ limits: new CallLimits(LIMITS) });
  const authorizationHeader = await tokenFor("alice", "operator");
  let port = 0;
  const codes = await times(8, () => {
    port++;
    return gate.check(call({ authorizationHeader, peerAddress: `10.0.0.${port}:${port}` }));
  });
  assert.deepEqual(codes, [
    ...Array(5).fill("OK"),
    ...Array(3).fill("RESOURCE_EXHAUSTED"),
  ]);
  const other = await tokenFor("bob", "operator");
  assert.equal(codeOf(await gate.check(call({ authorizationHeader: other }))), "OK");
  assert.equal(audit.kinds.filter((kind) => kind === "rate_limited").length, 1);
  const later = await gate.check(call({ authorizationHeader, nowMs: NOW_MS + 100 }));
  assert.equal(codeOf(later), "OK");
});

Deno.test("a refusal says when to try again", async () => {
  const { gate } = await productionGate({ limits: new CallLimits(LIMITS) });
  const authorizationHeader = await tokenFor("alice", "operator");
  await times(5, () => gate.check(call({ authorizationHeader })));
  const decision = await gate.check(call({ authorizationHeader }));
  assert.ok(!decision.ok);
  assert.equal(decision.retryAfterMs, 100);
  assert.match(decision.message, /too many calls from "alice": try again in 100 ms/);
});

Deno.test("guessing tokens is limited by address, and known good ones from there still pass", async () => {
  const { gate } = await productionGate({ limits: new CallLimits(LIMITS) });
  const authorizationHeader = await tokenFor("alice", "operator");
  await gate.check(call({ authorizationHeader }));
  let guess = 0;
  const codes = await times(10, () =>
    gate.check(call({
      authorizationHeader: `Bearer a.b.${guess++}`,
      peerAddress: `10.0.0.1:${guess}`,
    })));
  assert.deepEqual(codes.slice(0, 4), Array(4).fill("UNAUTHENTICATED"));
  assert.deepEqual(codes.slice(4), Array(6).fill("RESOURCE_EXHAUSTED"));
  assert.equal(codeOf(await gate.check(call({ authorizationHeader }))), "OK");
});

Deno.test("calls without a token are limited by address too, so that they cannot flood the audit log", async () => {
  const { gate, audit } = await productionGate({ limits: new CallLimits(LIMITS) });
  const codes = await times(100, () => gate.check(call()));
  assert.equal(codes.filter((code) => code === "UNAUTHENTICATED").length, 5);
  assert.equal(audit.events.length, 6);
});

Deno.test("refusals passed over in silence are counted in the next line", async () => {
  const { gate, audit } = await productionGate({ limits: new CallLimits(LIMITS) });
  await times(20, () => gate.check(call()));
  await times(20, () => gate.check(call({ nowMs: NOW_MS + 1000 })));
  const counts = audit.events.flatMap((event) =>
    event.kind === "rate_limited" ? [event.refused] : []
  );
  assert.deepEqual(counts, [1, 15]);
});

Deno.test("heartbeats go on while the same identity's other calls are exhausted", async () => {
  const { gate } = await productionGate({ limits: new CallLimits(LIMITS) });
  const authorizationHeader = await tokenFor("worker-1", "worker", "operator");
  await times(20, () => gate.check(call({ authorizationHeader })));
  assert.equal(codeOf(await gate.check(call({ authorizationHeader }))), "RESOURCE_EXHAUSTED");
  const codes = await times(
    100,
    () => gate.check(call({ method: HEARTBEAT, authorizationHeader })),
  );
  assert.deepEqual(new Set(codes), new Set(["OK"]));
});

Deno.test("who may not call a worker's method gets no worker's allowance for trying", async () => {
  const { gate } = await productionGate({ limits: new CallLimits(LIMITS) });
  const authorizationHeader = await tokenFor("bob", "viewer");
  const codes = await times(
    10,
    () => gate.check(call({ method: HEARTBEAT, authorizationHeader })),
  );
  assert.equal(codes.filter((code) => code === "PERMISSION_DENIED").length, 5);
});

Deno.test("anonymous callers are limited by address, when limits are on", async () => {
  const gate = createGate({ ...DEVELOPMENT, limits: new CallLimits(LIMITS) });
  let port = 0;
  const codes = await times(8, () => gate.check(call({ peerAddress: `10.0.0.1:${++port}` })));
  assert.equal(codes.filter((code) => code === "OK").length, 5);
  assert.equal(codeOf(await gate.check(call({ peerAddress: "10.0.0.2:1" }))), "OK");
});

async function peersOf(
  revoked: ReadonlySet<string> = new Set(),
): Promise<{ peers: PeerVerifier; authority: AuthorityFixture }> {
  const authority = await AuthorityFixture.create("cluster authority");
  const x509 = await loadX509();
  const authorities = parseCertificates(x509, authority.pem, "test");
  return { peers: new PeerVerifier(x509, { authorities, revoked }), authority };
}

async function certificateWith(authority: AuthorityFixture, ...roles: string[]) {
  return await derOf((await authority.issue({ commonName: "node-1", roles })).cert);
}

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

Deno.test("a refresh token's own call needs no other, and is counted by address", async () => {
  const limits = new CallLimits(LIMITS);
  const { gate } = await productionGate({ limits });
  const refresh = () => gate.check(call({ method: "/proto.MasterService/RefreshToken" }));
  const decisions = [];
  for (let at = 0; at < 200; at++) decisions.push(codeOf(await refresh()));
  assert.equal(decisions[0], "OK");
  assert.equal(decisions.at(-1), "RESOURCE_EXHAUSTED");
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
