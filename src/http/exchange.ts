/**
 * What a route may know of a request beside the request itself: who is at the other end, how long it
 * is there, and its body, which is read only by whoever wants it, and only up to a bound.
 *
 * @module
 */

import type { IncomingMessage } from "node:http";
import { TLSSocket } from "node:tls";
import { requestCertificate } from "../security/mod.ts";

export interface Exchange {
  /** What stands for the names of the route's template. */
  readonly params: Readonly<Record<string, string>>;
  /** Without the port. */
  readonly peerAddress: string;
  /** DER of the certificate that its client has proven to hold. */
  readonly certificate: Uint8Array | undefined;
  /** It came by TLS. */
  readonly isSecure: boolean;
  /** Aborted when whoever asked has gone. */
  readonly gone: AbortSignal;
  /** Aborted when the server stops: time for answers without an end to have one. */
  readonly stopping: AbortSignal;
  /**
   * The whole body.
   *
   * @throws BodyTooLarge when it has more than `bytesMax`
   */
  body(bytesMax: number): Promise<Uint8Array>;
}

/** A body with more bytes than its route takes. */
export class BodyTooLarge extends Error {
  override name = "BodyTooLarge";
  constructor(readonly bytesMax: number) {
    super(`the body has more than ${bytesMax} bytes`);
  }
}

/** The exchange that a request of node:http begins. */
export function exchangeOf(
  incoming: IncomingMessage,
  ends: Pick<Exchange, "params" | "gone" | "stopping">,
): Exchange {
  return {
    ...ends,
    peerAddress: incoming.socket.remoteAddress ?? "unknown",
    certificate: requestCertificate(incoming),
    isSecure: incoming.socket instanceof TLSSocket,
    body: (bytesMax) => bodyOf(incoming, bytesMax),
  };
}

async function bodyOf(incoming: IncomingMessage, bytesMax: number): Promise<Uint8Array> {
  if (Number(incoming.headers["content-length"] ?? 0) > bytesMax) throw new BodyTooLarge(bytesMax);
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of incoming) {
    length += part.length;
    if (length > bytesMax) throw new BodyTooLarge(bytesMax);
    parts.push(part);
  }
  const body = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    body.set(part, at);
    at += part.length;
  }
  return body;
}
