/**
 * A gate with everything on, and calls that arrive at it.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type AuditEvent, AuditLog } from "./audit.ts";
import { AuthorityFixture, derOf } from "./certificate_fixtures.ts";
import { parseCertificates } from "./certificates.ts";
import { createGate, type Gate, type GateOptions } from "./gate.ts";
import type { GateCall, GateDecision } from "./gate_call.ts";
import { PeerVerifier } from "./peer_verification.ts";
import { loadPolicies } from "./rbac.ts";
import { issueTokens, type TokenRequest } from "./token_issuing.ts";
import { createTokenVerifier, type TokenVerifier } from "./tokens.ts";
import { loadX509 } from "./x509_library.ts";

export const NOW_MS = Date.now();
const SECRET = "kJ8#vQ2!pL5@xR9$mN3%wT7^yB1&zC4*";
const TOKEN_OPTIONS = {
  profile: "production",
  secret: SECRET,
  publicKeyPath: "",
  issuer: "conductor-production",
  audience: "conductor-api",
  skipExpiry: false,
} as const;
export const LIMITS = {
  requestsPerSec: 10,
  burst: 5,
  cleanupIntervalMs: 60_000,
  clientTtlMs: 60_000,
};

export const SUBMIT = "/proto.MasterService/SubmitJob";
export const HEARTBEAT = "/proto.MasterService/Heartbeat";
export const HEALTH = "/grpc.health.v1.Health/Check";

/** Remembers events instead of writing them. */
class RecordingAudit extends AuditLog {
  readonly events: AuditEvent[] = [];
  constructor() {
    super({ write() {}, close() {} }, undefined);
  }
  override record(event: AuditEvent): void {
    this.events.push(event);
  }
  get kinds(): string[] {
    return this.events.map((event) => event.kind);
  }
}

export function tokenFor(subject: string, ...roles: string[]): Promise<string> {
  return tokenOf({ subject, roles });
}

export async function tokenOf(
  claims: Pick<TokenRequest, "subject" | "roles" | "namespaces">,
): Promise<string> {
  const issued = await issueTokens(TOKEN_OPTIONS, {
    ...claims,
    accessTtlMs: 900_000,
    refreshTtlMs: 900_000,
    nowMs: NOW_MS,
  });
  return `Bearer ${issued.accessToken}`;
}

export async function tokenVerifier(isRevoked?: () => boolean): Promise<TokenVerifier> {
  const verifier = await createTokenVerifier({
    ...TOKEN_OPTIONS,
    ...(isRevoked === undefined ? {} : { isRevoked }),
  });
  assert.ok(verifier !== null);
  return verifier;
}

export function call(overrides: Partial<GateCall> = {}): GateCall {
  return { method: SUBMIT, peerAddress: "10.0.0.1:50000", nowMs: NOW_MS, ...overrides };
}

/** A production gate with tokens and roles, and whatever else is asked for. */
export async function productionGate(
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

export function codeOf(decision: GateDecision): string {
  return decision.ok ? "OK" : decision.code;
}

export const DEVELOPMENT: GateOptions = {
  profile: "development",
  tokens: null,
  peers: null,
  policies: null,
  limits: null,
  audit: null,
};

export async function peersOf(
  revoked: ReadonlySet<string> = new Set(),
): Promise<{ peers: PeerVerifier; authority: AuthorityFixture }> {
  const authority = await AuthorityFixture.create("cluster authority");
  const x509 = await loadX509();
  const authorities = parseCertificates(x509, authority.pem, "test");
  return { peers: new PeerVerifier(x509, { authorities, revoked }), authority };
}

export async function certificateWith(authority: AuthorityFixture, ...roles: string[]) {
  return await derOf((await authority.issue({ commonName: "node-1", roles })).cert);
}
