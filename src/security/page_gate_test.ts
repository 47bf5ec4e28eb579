import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { AuthorityFixture, derOf } from "./certificate_fixtures.ts";
import { parseCertificate } from "./certificates.ts";
import type { GateOptions } from "./gate.ts";
import { type PageCall, pageGate } from "./page_gate.ts";
import { PeerVerifier } from "./peer_verification.ts";
import { loadPolicies } from "./rbac.ts";
import { issueTokens } from "./token_issuing.ts";
import { KeysUnavailable } from "./token_key_sets.ts";
import { createTokenVerifier, TokenVerifier } from "./tokens.ts";
import { loadX509 } from "./x509_library.ts";

const TOKENS = {
  profile: "production",
  secret: "mFhHbzy1cNxqHrGCWEqgB5C5qVKj1xj0pQ2xw4yJ8uE=",
  issuer: "conductor",
  audience: "conductor-api",
} as const;

async function tokenOf(role: string): Promise<string> {
  const { accessToken } = await issueTokens(TOKENS, {
    subject: role,
    roles: [role],
    accessTtlMs: 600_000,
    refreshTtlMs: 600_000,
    nowMs: Date.now(),
  });
  return `Bearer ${accessToken}`;
}

const CALL: PageCall = {
  method: "GET /metrics",
  permission: "metrics:view",
  authorization: undefined,
  peerAddress: "127.0.0.1",
  certificate: undefined,
  traceparent: undefined,
};

async function production(authority: AuthorityFixture): Promise<GateOptions> {
  const x509 = await loadX509();
  return {
    profile: "production",
    tokens: await createTokenVerifier({
      ...TOKENS,
      publicKeyPath: "",
      skipExpiry: false,
    }),
    peers: new PeerVerifier(x509, {
      authorities: [parseCertificate(x509, await derOf(authority.pem))],
    }),
    policies: await loadPolicies(),
    limits: null,
    audit: null,
  };
}

Deno.test("a page is for a token or a certificate whose role may see it", async () => {
  const authority = await AuthorityFixture.create("pages");
  const stranger = await AuthorityFixture.create("others");
  const shown = async (from: AuthorityFixture, ...roles: string[]) =>
    await derOf((await from.issue({ commonName: "prometheus", roles })).cert);
  const admit = pageGate(await production(authority));
  const table: [string, Partial<PageCall>, number | undefined][] = [
    ["nothing", {}, 401],
    ["no token", { authorization: "Bearer nonsense" }, 401],
    ["an operator's token", { authorization: await tokenOf("operator") }, undefined],
    ["a worker's token", { authorization: await tokenOf("worker") }, 403],
    ["an operator's certificate", { certificate: await shown(authority, "operator") }, undefined],
    ["a worker's certificate", { certificate: await shown(authority, "worker") }, 403],
    ["a certificate without a role", { certificate: await shown(authority) }, 401],
    ["a stranger's certificate", { certificate: await shown(stranger, "operator") }, 401],
    [
      "a stranger's certificate beside a good token",
      {
        certificate: await shown(stranger, "operator"),
        authorization: await tokenOf("operator"),
      },
      401,
    ],
  ];
  for (const [what, call, expected] of table) {
    const refusal = await admit({ ...CALL, ...call });
    assert.equal(refusal?.status, expected, `${what}: ${refusal?.message}`);
  }
});

Deno.test("where only certificates tell who somebody is, a page needs one", async () => {
  const authority = await AuthorityFixture.create("pages");
  const admit = pageGate({ ...await production(authority), tokens: null });
  assert.equal((await admit(CALL))?.status, 401);
  const { cert } = await authority.issue({ roles: ["operator"] });
  assert.equal(await admit({ ...CALL, certificate: await derOf(cert) }), undefined);
});

Deno.test("in development without roles pages are open, as everything is", async () => {
  const open = { tokens: null, peers: null, policies: null, limits: null, audit: null };
  assert.equal(await pageGate({ profile: "development", ...open })(CALL), undefined);
});

Deno.test("a page says 503 to a token whose issuer's keys cannot be had", async () => {
  const authority = await AuthorityFixture.create("pages");
  const away = () => Promise.reject(new KeysUnavailable("the keys cannot be had at this moment"));
  const tokens = new TokenVerifier([], { ...TOKENS, publicKeyPath: "", skipExpiry: false }, {
    sets: [away],
    algorithms: ["ES256"],
  });
  const gate = pageGate({ ...await production(authority), tokens });
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const authorization = `Bearer ${part({ alg: "ES256", kid: "1" })}.${part({})}.${part("")}`;
  assert.equal((await gate({ ...CALL, authorization }))?.status, 503);
});

Deno.test("who resumed a TLS session is told that its certificate does not count, and not that none was shown", async () => {
  const options = await production(await AuthorityFixture.create("pages"));
  for (const each of [options, { ...options, tokens: null }]) {
    const told = async (call: Partial<PageCall>) =>
      (await pageGate(each)({ ...CALL, ...call }))?.message ?? "let in";
    assert.match(await told({ hasResumedCertificate: true }), /resumes an earlier TLS session/);
    assert.doesNotMatch(await told({}), /resumes/);
  }
  const withToken = { authorization: await tokenOf("viewer"), hasResumedCertificate: true };
  assert.equal(await pageGate(options)({ ...CALL, ...withToken }), undefined);
  const badToken = { authorization: "Bearer x", hasResumedCertificate: true };
  assert.doesNotMatch((await pageGate(options)({ ...CALL, ...badToken }))!.message, /resumes/);
});
