/**
 * What comes over HTTP, before the gate: by what it shows in its headers, or, where a stranger says in a
 * body who they are, by that.
 *
 * @module
 */

import type { JsonObject } from "@bufbuild/protobuf";
import { Refusal } from "../rpc/mod.ts";
import type { Principal, WebCall, WebGate } from "../security/mod.ts";
import type { Credentials } from "./credentials.ts";
import type { ApiCall } from "./gateway.ts";

/** What the gate is asked about a call. */
export interface Ask {
  readonly method: string;
  readonly permission?: string | null;
}

/**
 * Who calls, by the headers.
 *
 * @param traceparent in place of the caller's own
 * @throws Refusal when they may not
 */
export async function admit(
  gate: WebGate,
  call: ApiCall,
  ask: Ask,
  traceparent?: string,
): Promise<Principal> {
  const shown = webCallOf(call, ask);
  return principalOf(
    await gate.check(traceparent === undefined ? shown : { ...shown, traceparent }),
  );
}

/** How a stranger's body is read. */
export interface Reading {
  readonly body: () => Promise<JsonObject>;
  /** @throws Refusal when it shows nothing that could be checked */
  readonly credentials: (body: JsonObject) => Credentials;
}

/**
 * Who calls, by the body. Its address is counted before a byte of it is read, and a body that shows
 * nothing is refused, counted and audited as wrong credentials in a header are.
 *
 * @throws Refusal when they may not, or that the reading throws
 */
export async function admitByBody(
  gate: WebGate,
  call: ApiCall,
  ask: Ask,
  reading: Reading,
): Promise<Principal> {
  const arrival = webCallOf(call, ask);
  const exhausted = gate.arrive(arrival);
  if (exhausted !== undefined) throw Refusal.byGate(exhausted);
  let credentials: Credentials;
  try {
    credentials = reading.credentials(await reading.body());
  } catch (failure) {
    const { reason } = Refusal.of(failure);
    // Who hung up has shown nothing wrong, and of our own faults nobody else is guilty.
    if (reason !== "cancelled" && reason !== "internal") {
      gate.refuse(arrival, "the body shows no token");
    }
    throw failure;
  }
  const shown = webCallOf({ ...call, credentials }, ask);
  return principalOf(await gate.check({ ...shown, hasArrived: true }));
}

function webCallOf({ request, exchange, credentials, requestId }: ApiCall, ask: Ask): WebCall {
  return {
    ...ask,
    requestId,
    authorization: credentials.authorization,
    peerAddress: exchange.peerAddress,
    certificate: exchange.certificate,
    ...(exchange.hasResumedCertificate === true && { hasResumedCertificate: true }),
    traceparent: request.headers.get("traceparent") ?? undefined,
  };
}

function principalOf(decision: Awaited<ReturnType<WebGate["check"]>>): Principal {
  if (decision.ok) return decision.principal;
  throw Refusal.byGate(decision);
}
