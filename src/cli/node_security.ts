/**
 * From the configuration to what stands at a node's doors: credentials, and the gate of every call.
 *
 * @module
 */

import type { LoadedConfig } from "../config/mod.ts";
import type { ServerSetup } from "../master/mod.ts";
import type { MasterMetrics } from "../observability/mod.ts";
import { type CallAttempt, type CallContext, type Gatekeeper, Refusal } from "../rpc/mod.ts";
import {
  type AuditLog,
  CallLimits,
  createGate,
  createPeerVerifier,
  createServerCredentials,
  createTokenVerifier,
  type Gate,
  type GateRefusal,
  loadPolicies,
  loadTls,
  openAuditLog,
  peerIp,
  secureServer,
  type TlsMaterial,
  type Warn,
} from "../security/mod.ts";
import { certificateDirectory } from "./connect.ts";

/** What a master's doors are made of. */
export interface MasterSecurity {
  /** Towards clients and workers. */
  readonly tls: TlsMaterial | null;
  /** Towards the other masters. */
  readonly raftTls: TlsMaterial | null;
  readonly gate: Gate;
  readonly audit: AuditLog | null;
  readonly limits: CallLimits | null;
}

/**
 * Reads keys, certificates and policies.
 *
 * @throws SecurityConfigurationError with every fault.
 */
export async function masterSecurity(loaded: LoadedConfig, warn: Warn): Promise<MasterSecurity> {
  const { config, profile } = loaded;
  const { security } = config;
  const tls = await nodeTls(loaded, "security.tls", "master", warn);
  const raftTls = await nodeTls(loaded, "security.raft_tls", "master", warn);
  const audit = openAuditLog({
    enabled: config.log.auditEnabled,
    output: config.log.auditOutput,
    onFailure: (failure) => warn(`the audit log cannot be written: ${String(failure)}`),
  });
  const limits = security.rateLimit.enabled ? new CallLimits(security.rateLimit) : null;
  const gate = createGate({
    profile,
    tokens: await createTokenVerifier({
      profile,
      secret: security.jwt.secretKey,
      publicKeyPath: security.jwt.publicKeyPath,
      issuer: security.jwt.issuer,
      audience: security.jwt.audience,
      skipExpiry: security.jwt.skipExpiry,
    }),
    peers: createPeerVerifier(tls),
    policies: security.rbac.enabled ? await loadPolicies(security.rbac.policyFile) : null,
    limits,
    audit,
  });
  return { tls, raftTls, gate, audit, limits };
}

/** Certificates of a node, or null where the section is switched off. */
export function nodeTls(
  loaded: LoadedConfig,
  section: "security.tls" | "security.raft_tls",
  role: "master" | "worker" | "client",
  warn: Warn = () => {},
): Promise<TlsMaterial | null> {
  const { config, profile } = loaded;
  const options = section === "security.tls" ? config.security.tls : config.security.raftTls;
  const commonName = role === "master"
    ? config.cluster.nodeId
    : role === "worker"
    ? config.worker.workerId
    : "client";
  return loadTls({
    ...options,
    section,
    profile,
    generatedDir: certificateDirectory(config.cluster.dataDir),
    purpose: role === "master" ? "server" : "client",
    commonName,
    role,
    warn,
  });
}

/** What an HTTP server needs, where TLS is switched on. */
export function httpsOf(tls: TlsMaterial | null): { tls?: { cert: string; key: string } } {
  const { certificatePem, privateKeyPem } = tls ?? {};
  if (certificatePem === undefined || privateKeyPem === undefined) return {};
  return { tls: { cert: certificatePem, key: privateKeyPem } };
}

/** What a gRPC server needs of the doors: the port that clients and workers call. */
export function clientServerSetup(
  { tls, gate }: MasterSecurity,
  shared: Pick<ServerSetup, "messageBytesMax" | "observer">,
  metrics: Pick<MasterMetrics, "authAttemptsTotal" | "rateLimitHitsTotal">,
): ServerSetup {
  return {
    ...shared,
    credentials: createServerCredentials(tls),
    prepare: (server) => secureServer(server, tls),
    gatekeeper: gatekeeperOf(gate, metrics),
  };
}

/** The port that masters call: whoever shows no master's certificate is turned away, if TLS is on. */
export function peerServerSetup(
  { raftTls }: MasterSecurity,
  shared: Pick<ServerSetup, "messageBytesMax" | "observer">,
): ServerSetup {
  const verifier = createPeerVerifier(raftTls, { requiredRoles: ["master"] });
  return {
    ...shared,
    credentials: createServerCredentials(raftTls),
    prepare: (server) => secureServer(server, raftTls),
    gatekeeper: ({ peerCertificate }) => {
      const verdict = verifier?.verify(peerCertificate, Date.now());
      if (verdict !== undefined && !verdict.ok) {
        throw new Refusal("unauthenticated", verdict.message);
      }
      return { userId: verdict?.identity.commonName ?? "peer", roles: ["master"] };
    },
  };
}

/** What is asked again of a caller whom another master let in and passed on. */
export function forwardedAuthority({ gate }: MasterSecurity): (call: CallContext) => void {
  return ({ method, caller, peerAddress, requestId, traceparent }) => {
    const decision = gate.checkForwarded(caller, {
      method,
      peerAddress,
      requestId,
      traceparent,
      nowMs: Date.now(),
    });
    if (!decision.ok) throw refusalOf(decision);
  };
}

function gatekeeperOf(
  gate: Gate,
  metrics: Pick<MasterMetrics, "authAttemptsTotal" | "rateLimitHitsTotal">,
): Gatekeeper {
  const settled = (decision: Awaited<ReturnType<Gate["check"]>>, peerAddress: string) => {
    if (decision.ok) {
      metrics.authAttemptsTotal.inc({ result: "success" });
      return decision.principal;
    }
    if (decision.code === "UNAUTHENTICATED") metrics.authAttemptsTotal.inc({ result: "failure" });
    if (decision.code === "RESOURCE_EXHAUSTED") {
      metrics.rateLimitHitsTotal.inc({ client: peerIp(peerAddress) });
    }
    throw refusalOf(decision);
  };
  return (attempt: CallAttempt) => {
    const authorization = attempt.metadata.get("authorization").map(String);
    const admitted = (decision: Awaited<ReturnType<Gate["check"]>>) =>
      settled(decision, attempt.peerAddress);
    const decision = gate.check({
      method: attempt.method,
      authorizationHeader: authorization.length === 0 ? undefined : authorization,
      peerAddress: attempt.peerAddress,
      peerCertificate: attempt.peerCertificate,
      requestId: attempt.requestId,
      traceparent: attempt.traceparent,
      nowMs: Date.now(),
    });
    return decision instanceof Promise ? decision.then(admitted) : admitted(decision);
  };
}

function refusalOf({ code, message, retryAfterMs }: GateRefusal): Refusal {
  const reason = code === "UNAUTHENTICATED"
    ? "unauthenticated"
    : code === "PERMISSION_DENIED"
    ? "permission_denied"
    : "overloaded";
  return new Refusal(reason, message, retryAfterMs === undefined ? {} : { retryAfterMs });
}
