/**
 * A call on its way through the gate, and what is read from it.
 *
 * @module
 */

import type { AuditedCall } from "./audit.ts";
import type { CallClass } from "./call_limits.ts";
import type { CertificateIdentity } from "./certificates.ts";
import type { GateCall } from "./gate_call.ts";
import type { Principal } from "./principal.ts";
import { addressKey } from "./rate_limit.ts";

/** A call on its way through the gate. */
export interface Passage {
  readonly call: GateCall;
  /** Of a caller who is known, and confined to them. */
  readonly namespaces?: readonly string[] | undefined;
  readonly ip: string;
  readonly callClass: CallClass;
  readonly startedMs: number;
  readonly certificate: CertificateIdentity | undefined;
}

/** What the audit log says of it. */
export function auditedCall(
  { call, ip, namespaces }: Passage,
  latencyMs: number,
): AuditedCall {
  const traceId = /^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(call.traceparent ?? "")?.[1];
  return {
    method: call.method,
    client: ip,
    latencyMs,
    ...(namespaces === undefined ? {} : { namespaces }),
    ...(call.jobId === undefined ? {} : { jobId: call.jobId }),
    ...(call.requestId === undefined ? {} : { requestId: call.requestId }),
    ...(traceId === undefined ? {} : { traceId }),
    ...(call.calls === undefined || call.calls === 1 ? {} : { calls: call.calls }),
  };
}

/** Whose calls are counted together. */
export function identityOf(principal: Principal, ip: string): string {
  return principal.source === "anonymous" ? `address ${addressKey(ip)}` : userIdentityOf(principal);
}

/**
 * A user, as what is counted knows one. Whoever issues tokens within namespaces may name any subject in
 * them, so namesakes whose tokens are for different namespaces are different users: else one would use
 * up what the other may.
 */
export function userIdentityOf(
  { userId, namespaces }: Pick<Principal, "userId" | "namespaces">,
): string {
  if (namespaces === undefined) return `user ${userId}`;
  return `confined ${JSON.stringify([...new Set(namespaces)].sort())} ${userId}`;
}

/** The token of `Bearer TOKEN`, or undefined when the header is anything else. */
export function bearerTokenOf(header: string | readonly string[]): string | undefined {
  const value = typeof header === "string" ? header : header.length === 1 ? header[0] : undefined;
  return /^bearer +([^\s,]+) *$/i.exec(value ?? "")?.[1];
}
