/** The gate of a node's pages. */

import { createGate, type Gate, type GateOptions } from "./gate.ts";
import type { GateCall, GateDecision, GateRefusal } from "./gate_call.ts";
import type { Principal } from "./principal.ts";

/** A request for a page that is not open to all. */
export interface PageCall {
  /** As in `GET /metrics`. */
  readonly method: string;
  readonly permission: string;
  readonly authorization: string | undefined;
  /** Without the port. */
  readonly peerAddress: string;
  /** DER of the certificate that its client has proven to hold. */
  readonly certificate: Uint8Array | undefined;
  /** It showed one in an earlier connection, whose TLS session it resumed; that counts as none. */
  readonly hasResumedCertificate?: boolean;
  readonly traceparent: string | undefined;
}

/** Why somebody may not see a page. */
export interface PageRefusal {
  readonly status: 401 | 403 | 429 | 503;
  readonly message: string;
  readonly retryAfterMs?: number;
}

/** Judges who may see a page. */
export type PageGate = (call: PageCall) => Promise<PageRefusal | undefined>;

/** A call that comes over HTTP and stands for one over gRPC, or for none. */
export interface WebCall extends Omit<PageCall, "permission"> {
  /** As in {@linkcode GateCall}: absent for a gRPC method, which has a policy. */
  readonly permission?: string | null | undefined;
  readonly requestId?: string;
  /** As in {@linkcode GateCall}. */
  readonly hasArrived?: boolean;
}

/** The gate of what comes over HTTP. */
export interface WebGate {
  /** Nobody has to say who they are: everybody may do everything. */
  readonly isOpen: boolean;
  check(call: WebCall): Promise<GateDecision>;
  /** Counts a call by its address, before the body is read that says who it is from. */
  arrive(call: WebCall): GateRefusal | undefined;
  /** Notes that such a body showed nothing that could be checked. @param error without what it showed */
  refuse(call: WebCall, error: string): void;
  /** Whether somebody who was let in may use another method, too. */
  may(principal: Principal, ask: Pick<GateCall, "method" | "permission">): boolean;
  /** Whether somebody who was let in earlier would still be. */
  stillValid(principal: Principal, nowMs: number): boolean;
}

/** Pages are judged as the calls of {@linkcode webGate} are. */
export function pageGate(options: GateOptions): PageGate {
  const gate = webGate(options);
  return async (call) => {
    const decision = await gate.check(call);
    return decision.ok ? undefined : refusalOf(decision);
  };
}

/**
 * The gate of HTTP: whoever shows a certificate is whom it names, as at the gRPC port, and besides,
 * its role is enough by itself (Prometheus has a certificate or a token, seldom both). Whoever shows
 * none needs a token.
 */
export function webGate(options: GateOptions): WebGate {
  const withCertificate = createGate({ ...options, certificateIsIdentity: true });
  const withoutCertificate = gateWithoutCertificates(options);
  return {
    isOpen: isOpen(options),
    async check({ hasResumedCertificate = false, ...webCall }) {
      const { authorization, certificate, permission, ...call } = webCall;
      const hasCertificate = certificate !== undefined && options.peers !== null;
      const gate = hasCertificate ? withCertificate : withoutCertificate;
      if (gate === undefined) {
        return {
          ok: false,
          code: "UNAUTHENTICATED",
          message: hasResumedCertificate
            ? RESUMED
            : "a client certificate with a role is required, and none was shown",
        };
      }
      const decision = await gate.check({
        ...call,
        ...(permission === undefined ? {} : { permission }),
        authorizationHeader: authorization,
        peerCertificate: certificate,
        nowMs: Date.now(),
      });
      const isForResumption = !decision.ok && decision.code === "UNAUTHENTICATED" &&
        hasResumedCertificate && authorization === undefined;
      return isForResumption ? { ...decision, message: RESUMED } : decision;
    },
    arrive: (call) => withCertificate.arrive(unproven(call)),
    refuse: (call, error) => withCertificate.refuse(unproven(call), error),
    may: (principal, ask) => withCertificate.may(principal, ask),
    stillValid: (principal, nowMs) => withCertificate.stillValid(principal, nowMs),
  };
}

function unproven({ method, peerAddress, requestId, traceparent }: WebCall): GateCall {
  return { method, peerAddress, requestId, traceparent, nowMs: Date.now() };
}

const RESUMED =
  "the client certificate does not count, for this connection resumes an earlier TLS session: " +
  "keep connections open, switch session resumption off in the client, or send a token";

/** Undefined: without a certificate nobody could be told from anybody. */
function gateWithoutCertificates(options: GateOptions): Gate | undefined {
  if (!isOpen(options) && options.tokens === null) return undefined;
  return createGate({ ...options, peers: null });
}

function isOpen({ profile, policies }: GateOptions): boolean {
  return profile === "development" && policies === null;
}

const STATUS_OF = {
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  RESOURCE_EXHAUSTED: 429,
  UNAVAILABLE: 503,
} as const satisfies Record<GateRefusal["code"], PageRefusal["status"]>;

function refusalOf({ code, message, retryAfterMs }: GateRefusal): PageRefusal {
  return {
    status: STATUS_OF[code],
    message,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}
