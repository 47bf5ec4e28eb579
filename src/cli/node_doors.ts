/**
 * From what a node checks its callers with to what its servers ask at each door: the port of clients, the
 * port of masters, the HTTP API, and calls that another master passed on.
 *
 * @module
 */

import type { LoadedConfig } from "../config/mod.ts";
import type { GateMetrics, ListenerName } from "../observability/mod.ts";
import {
  type CallAttempt,
  type CallContext,
  type Gatekeeper,
  type GatekeeperOfMany,
  Refusal,
  type ServerSetup,
} from "../rpc/mod.ts";
import {
  createGate,
  createPeerVerifier,
  createServerCredentials,
  type Gate,
  type GateCall,
  type GateDecision,
  identityOf,
  limitServer,
  peerIp,
  secureServer,
  type WebGate,
} from "../security/mod.ts";
import type { MasterSecurity, NodeSecurity } from "./node_security.ts";

/** What a gRPC server needs of the doors: the port that clients and workers call, or a worker's. */
export function clientServerSetup(
  { tls, peers, gate }: NodeSecurity,
  shared: Pick<ServerSetup, "messageBytesMax" | "observer">,
  metrics: GateMetrics,
  listener: ListenerName,
): ServerSetup {
  return {
    ...shared,
    streamsMax: tls.streamsMax,
    countedAs: (caller, peerAddress) =>
      identityOf({ source: "token", ...caller }, peerIp(peerAddress)),
    onHeldTooMuch: (_bytes, address) => tls.onLimit(listener)("stalled", address),
    headerBytesMax: tls.bounds.headerBytesMax,
    onExcess: (of, address) => tls.onLimit(listener)(of, address),
    credentials: createServerCredentials(tls.section),
    prepare(server) {
      limitServer(server, tls.bounds, tls.onLimit(listener));
      const watched = { watch: tls.watch, verifier: peers };
      secureServer(server, tls.section, tls.onRefused(listener), watched);
    },
    gatekeeper: gatekeeperOf(gate, metrics),
    gatekeeperOfMany: gatekeeperOfMany(gate, metrics),
    stillValid: (caller) => gate.stillValid({ source: "token", ...caller }, Date.now()),
    stillMay: (caller, method) => gate.may({ source: "token", ...caller }, { method }),
  };
}

/**
 * The port that masters call: whoever shows no master's certificate is turned away, if TLS is on. That is
 * audited; that masters talk to each other is not.
 */
export function peerServerSetup(
  { tls, limits, audit }: MasterSecurity,
  shared: Pick<ServerSetup, "messageBytesMax" | "observer">,
  { profile }: Pick<LoadedConfig, "profile">,
): ServerSetup {
  const verifier = createPeerVerifier(tls.raft, {
    requiredRoles: ["master"],
    revoked: tls.revoked,
  });
  const gate = verifier === null ? undefined : createGate({
    profile,
    tokens: null,
    peers: verifier,
    policies: null,
    limits,
    audit,
    certificateIsIdentity: true,
    auditsSuccesses: false,
  });
  return {
    ...shared,
    streamsMax: tls.streamsMax,
    onHeldTooMuch: (_bytes, address) => tls.onLimit("raft")("stalled", address),
    headerBytesMax: tls.bounds.headerBytesMax,
    onExcess: (of, address) => tls.onLimit("raft")(of, address),
    credentials: createServerCredentials(tls.raft),
    prepare(server) {
      limitServer(server, tls.bounds, tls.onLimit("raft"));
      secureServer(server, tls.raft, tls.onRefused("raft"), { watch: tls.watch, verifier });
    },
    gatekeeper: async ({ method, peerAddress, peerCertificate, requestId, traceparent }) => {
      if (gate === undefined) return { userId: "peer", roles: ["master"] };
      const nowMs = Date.now();
      const call = { method, peerAddress, peerCertificate, requestId, traceparent, nowMs };
      const decision = await gate.check(call);
      if (!decision.ok) throw Refusal.byGate(decision);
      return decision.principal;
    },
  };
}

/** What is asked again of a caller whom another master let in and passed on. */
export function forwardedAuthority(
  { gate, tokenParts: { policies } }: MasterSecurity,
): (call: CallContext) => void {
  return ({ method, caller, peerAddress, requestId, traceparent }) => {
    const { policyRevision = 0, ...principal } = caller;
    if (policyRevision > policies.revision) {
      throw new Refusal(
        "unavailable",
        `this master has not seen revision ${policyRevision} of the policy yet; ask again`,
      );
    }
    const decision = gate.checkForwarded({ source: "token", ...principal }, {
      method,
      peerAddress,
      requestId,
      traceparent,
      nowMs: Date.now(),
    });
    if (!decision.ok) throw Refusal.byGate(decision);
  };
}

function gatekeeperOf(
  gate: Gate,
  metrics: GateMetrics,
): Gatekeeper {
  const settled = (decision: GateDecision, peerAddress: string) => {
    count(decision, peerAddress, metrics);
    if (decision.ok) return decision.principal;
    throw Refusal.byGate(decision);
  };
  return (attempt: CallAttempt) => {
    const admitted = (decision: Awaited<ReturnType<Gate["check"]>>) =>
      settled(decision, attempt.peerAddress);
    const decision = gate.check(callOf(attempt));
    return decision instanceof Promise ? decision.then(admitted) : admitted(decision);
  };
}

function gatekeeperOfMany(gate: Gate, metrics: GateMetrics): GatekeeperOfMany {
  return (attempt, calls) => {
    const principal = gate.checkAlike({ ...callOf(attempt), calls });
    if (principal !== undefined) metrics.authAttemptsTotal.inc({ result: "success" }, calls);
    return principal;
  };
}

function callOf(attempt: CallAttempt): GateCall {
  const authorization = attempt.metadata.get("authorization").map(String);
  return {
    method: attempt.method,
    authorizationHeader: authorization.length === 0 ? undefined : authorization,
    peerAddress: attempt.peerAddress,
    peerCertificate: attempt.peerCertificate,
    requestId: attempt.requestId,
    traceparent: attempt.traceparent,
    nowMs: Date.now(),
  };
}

/** The gate of the HTTP API, whose decisions are counted as those of gRPC are. */
export function apiGate({ web }: NodeSecurity, metrics: GateMetrics): WebGate {
  return {
    ...web,
    async check(call) {
      const decision = await web.check(call);
      count(decision, call.peerAddress, metrics);
      return decision;
    },
    arrive(call) {
      const refusal = web.arrive(call);
      if (refusal !== undefined) count(refusal, call.peerAddress, metrics);
      return refusal;
    },
    refuse(call, error) {
      web.refuse(call, error);
      metrics.authAttemptsTotal.inc({ result: "failure" });
    },
  };
}

function count(decision: GateDecision, peerAddress: string, metrics: GateMetrics): void {
  if (decision.ok) metrics.authAttemptsTotal.inc({ result: "success" });
  else if (decision.code === "UNAUTHENTICATED" || decision.code === "UNAVAILABLE") {
    metrics.authAttemptsTotal.inc({ result: "failure" });
  } else if (decision.code === "RESOURCE_EXHAUSTED") {
    metrics.rateLimitHitsTotal.inc({ client: peerIp(peerAddress) });
  }
}
