/** The gate of a node's pages. */

import { createGate, type Gate, type GateOptions, type GateRefusal } from "./gate.ts";

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
  readonly traceparent: string | undefined;
}

/** Why somebody may not see a page. */
export interface PageRefusal {
  readonly status: 401 | 403 | 429;
  readonly message: string;
  readonly retryAfterMs?: number;
}

/** Judges who may see a page. */
export type PageGate = (call: PageCall) => Promise<PageRefusal | undefined>;

/**
 * The gate of pages: whoever shows a certificate is whom it names, as at the gRPC port, and besides,
 * its role is enough by itself (Prometheus has a certificate or a token, seldom both). Whoever shows
 * none needs a token.
 */
export function pageGate(options: GateOptions): PageGate {
  const withCertificate = createGate({ ...options, certificateIsIdentity: true });
  const withoutCertificate = gateWithoutCertificates(options);
  return async ({ authorization, certificate, ...call }) => {
    const hasCertificate = certificate !== undefined && options.peers !== null;
    const gate = hasCertificate ? withCertificate : withoutCertificate;
    if (gate === undefined) {
      return {
        status: 401,
        message: "a client certificate with a role is required, and none was shown",
      };
    }
    const decision = await gate.check({
      ...call,
      authorizationHeader: authorization,
      peerCertificate: certificate,
      nowMs: Date.now(),
    });
    return decision.ok ? undefined : refusalOf(decision);
  };
}

/** Undefined: without a certificate nobody could be told from anybody. */
function gateWithoutCertificates(options: GateOptions): Gate | undefined {
  const isOpen = options.profile === "development" && options.policies === null;
  if (!isOpen && options.tokens === null) return undefined;
  return createGate({ ...options, peers: null });
}

function refusalOf({ code, message, retryAfterMs }: GateRefusal): PageRefusal {
  const status = code === "UNAUTHENTICATED" ? 401 : code === "PERMISSION_DENIED" ? 403 : 429;
  return { status, message, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}
