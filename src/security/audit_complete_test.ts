/** Every way in, each of which leaves a line when it is refused. */

import assert from "node:assert/strict";
import { type AuditEvent, AuditLog } from "./audit.ts";
import { createGate, type Gate } from "./gate.ts";
import { isOpenMethod, isSelfProving, loadPolicies, PERMISSIONS } from "./rbac.ts";
import { createTokenVerifier } from "./tokens.ts";
import { issueTokens } from "./token_issuing.ts";
import { pageGate } from "./page_gate.ts";

const NAMES = { issuer: "conductor", audience: "conductor-api" };
const KEY = {
  profile: "production",
  secret: "mFhHbzy1cNxqHrGCWEqgB5C5qVKj1xj0pQ2xw4yJ8uE=",
} as const;

/** Methods of all services, as the .proto files have them. */
async function allMethods(): Promise<string[]> {
  const methods: string[] = [];
  const folder = new URL("../../proto/", import.meta.url);
  for await (const { name } of Deno.readDir(folder)) {
    if (!name.endsWith(".proto")) continue;
    const text = await Deno.readTextFile(new URL(name, folder));
    const packageName = /^package ([\w.]+);/m.exec(text)?.[1];
    for (const [, service, body] of text.matchAll(/^service (\w+) \{([\s\S]*?)^\}/gm)) {
      for (const [, method] of body!.matchAll(/^\s*rpc (\w+)\(/gm)) {
        methods.push(`/${packageName}.${service}/${method}`);
      }
    }
  }
  return methods;
}

async function audited(): Promise<
  { gate: Gate; lines: string[]; pages: ReturnType<typeof pageGate> }
> {
  const lines: string[] = [];
  const sink = { write: (text: string) => void lines.push(...text.trim().split("\n")), close() {} };
  const audit = new AuditLog(sink, undefined, {
    failed(failure) {
      throw failure;
    },
  });
  const tokens = await createTokenVerifier({
    ...KEY,
    ...NAMES,
    publicKeyPath: "",
    skipExpiry: false,
  });
  const options = {
    profile: "production" as const,
    tokens,
    peers: null,
    policies: await loadPolicies(""),
    limits: null,
    audit,
  };
  return { gate: createGate(options), pages: pageGate(options), lines };
}

async function bearer(role: string): Promise<string> {
  const { accessToken } = await issueTokens({ ...KEY, ...NAMES }, {
    subject: "eve",
    roles: [role],
    accessTtlMs: 60_000,
    refreshTtlMs: 60_000,
    nowMs: Date.now(),
  });
  return `Bearer ${accessToken}`;
}

Deno.test("every refused call of every method of every service is in the audit log", async () => {
  const { gate, lines } = await audited();
  const authorization = await bearer("nobody");
  const methods = await allMethods();
  assert.ok(methods.length > 50);
  for (const method of [...methods, "/proto.Unheard/Of"]) {
    if (isOpenMethod(method) || isSelfProving(method)) continue;
    for (
      const [authorizationHeader, code, msg] of [
        [undefined, "UNAUTHENTICATED", "Authentication failed: missing token"],
        [
          "Bearer no.token.atall",
          "UNAUTHENTICATED",
          "Authentication failed: token validation error",
        ],
        [authorization, "PERMISSION_DENIED", "Authorization failed: permission denied"],
      ] as const
    ) {
      const before = lines.length;
      const call = { method, authorizationHeader, peerAddress: "10.0.0.1:1", nowMs: Date.now() };
      const decision = await gate.check(call);
      await Promise.resolve();
      assert.equal(decision.ok ? "OK" : decision.code, code, method);
      const last = JSON.parse(lines.at(-1) ?? "{}");
      assert.ok(lines.length > before, method);
      assert.deepEqual([last.method, last.msg, last.client], [method, msg, "10.0.0.1"]);
    }
  }
});

Deno.test("every refused page is in the audit log, whichever permission it asks for", async () => {
  const { pages, lines } = await audited();
  for (const permission of PERMISSIONS) {
    for (const authorization of [undefined, await bearer("nobody")]) {
      const method = `GET /page-of-${permission}`;
      const before = lines.length;
      const refusal = await pages({
        method,
        permission,
        authorization,
        peerAddress: "10.0.0.1",
        certificate: undefined,
        traceparent: undefined,
      });
      await Promise.resolve();
      assert.equal(refusal?.status, authorization === undefined ? 401 : 403);
      assert.ok(lines.length > before);
      assert.equal(JSON.parse(lines.at(-1) ?? "{}").method, method);
    }
  }
});

Deno.test("no kind of event is left out, whatever level the log of the node has", () => {
  const call = { method: "/proto.MasterService/SubmitJob", client: "10.0.0.1" };
  const events: Readonly<Record<AuditEvent["kind"], AuditEvent>> = {
    authentication_succeeded: { kind: "authentication_succeeded", userId: "a", roles: [], call },
    authentication_failed: { kind: "authentication_failed", what: "w", reason: "r", call },
    authorization_succeeded: { kind: "authorization_succeeded", userId: "a", roles: [], call },
    authorization_failed: {
      kind: "authorization_failed",
      userId: "a",
      roles: [],
      reason: "r",
      call,
    },
    rate_limited: { kind: "rate_limited", refused: 1, call },
    connection_refused: {
      kind: "connection_refused",
      listener: "grpc",
      reason: "not_tls",
      client: "10.0.0.1",
      refused: 1,
    },
    tokens_issued: {
      kind: "tokens_issued",
      userId: "a",
      roles: [],
      tokenId: "t",
      accessExpiresAtMs: 0,
      refreshExpiresAtMs: 0,
    },
    token_refreshed: { kind: "token_refreshed", userId: "a" },
    token_revoked: { kind: "token_revoked", userId: "a" },
    role_added: { kind: "role_added", role: "r", permissions: [] },
    role_updated: { kind: "role_updated", role: "r", permissions: [] },
    policy_added: { kind: "policy_added", method: "m", permissions: [] },
    policy_updated: { kind: "policy_updated", method: "m", permissions: [] },
    administrative_act: {
      kind: "administrative_act",
      act: "remove a member",
      userId: "a",
      target: "m2",
      outcome: "refused",
    },
  };
  const written: string[] = [];
  const sink = { write: (text: string) => void written.push(text), close() {} };
  const log = new AuditLog(sink, undefined);
  for (const event of Object.values(events)) log.record(event, 0);
  log.close();
  const lines = written.join("").trimEnd().split("\n");
  assert.equal(lines.length, Object.keys(events).length);
  for (const line of lines) assert.ok(JSON.parse(line).msg !== undefined);
});
