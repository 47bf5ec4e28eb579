/**
 * What arrives at a gate, and what the gate says to it.
 *
 * @module
 */

import type { Principal } from "./principal.ts";

/** A call as it arrives. */
export interface GateCall {
  /** `/proto.MasterService/SubmitJob`, or `GET /cluster/status` together with `permission`. */
  readonly method: string;
  /**
   * For what is no gRPC method: the permission it needs, in place of a policy; null: whoever is known
   * may, as when somebody asks who they are.
   */
  readonly permission?: string | null;
  /** Every value of the `authorization` header. More than one is refused. */
  readonly authorizationHeader?: string | readonly string[] | undefined;
  /** As grpc-js gives it: `address:port`. */
  readonly peerAddress: string;
  /** DER of the certificate that the peer showed. */
  readonly peerCertificate?: Uint8Array | undefined;
  readonly requestId?: string | undefined;
  /** W3C `traceparent`, whose trace id goes to the audit log. */
  readonly traceparent?: string | undefined;
  readonly jobId?: string | undefined;
  /** So many calls that came together and are alike; absent: one. */
  readonly calls?: number;
  /** Its address was counted when it came, by `Gate.arrive`. */
  readonly hasArrived?: boolean;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** Whether the call may go on, and as whom; else the gRPC status to answer with. */
export type GateDecision =
  | { readonly ok: true; readonly principal: Principal }
  | GateRefusal;

/** Why a call was turned away. The message may be shown to the caller. */
export interface GateRefusal {
  readonly ok: false;
  /** UNAVAILABLE: what the credentials are to be checked with cannot be had now, so that nothing is known of them. */
  readonly code: "UNAUTHENTICATED" | "PERMISSION_DENIED" | "RESOURCE_EXHAUSTED" | "UNAVAILABLE";
  readonly message: string;
  /** With RESOURCE_EXHAUSTED and UNAVAILABLE: when a call may succeed again. */
  readonly retryAfterMs?: number;
}
