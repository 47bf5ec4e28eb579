/**
 * What a route may know of a request beside the request itself: who is at the other end, how long it
 * is there, and its body, which is read only by whoever wants it, and only up to a bound.
 *
 * @module
 */

import type { IncomingMessage } from "node:http";
import { TLSSocket } from "node:tls";
import { hasResumedCertificate, requestCertificate } from "../security/mod.ts";
import type { BodyKeeper } from "./held_bodies.ts";

export interface Exchange {
  /** What stands for the names of the route's template. */
  readonly params: Readonly<Record<string, string>>;
  /** Without the port. */
  readonly peerAddress: string;
  /** DER of the certificate that its client has proven to hold. */
  readonly certificate: Uint8Array | undefined;
  /** See the gate's `PageCall`. */
  readonly hasResumedCertificate?: boolean;
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
   * @throws BodyGivenUp when too much is kept of all bodies
   * @throws BodyLost when whoever sent it has gone
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

/** A body that was read no further, for all that are being read keep too much, and it most. */
export class BodyGivenUp extends Error {
  override name = "BodyGivenUp";
  constructor() {
    super("too many bodies are on their way to this node, and this one has come too slowly");
  }
}

/** A body whose end never came. */
export class BodyLost extends Error {
  override name = "BodyLost";
  constructor() {
    super("the body ended before it was whole");
  }
}

/** The exchange that a request of node:http begins. */
export function exchangeOf(
  incoming: IncomingMessage,
  ends: Pick<Exchange, "params" | "gone" | "stopping">,
  bodies: BodyKeeper,
): Exchange {
  return {
    ...ends,
    peerAddress: incoming.socket.remoteAddress ?? "unknown",
    certificate: requestCertificate(incoming),
    hasResumedCertificate: hasResumedCertificate(incoming),
    isSecure: incoming.socket instanceof TLSSocket,
    body: (bytesMax) => bodyOf(incoming, bytesMax, bodies),
  };
}

/**
 * Not with `for await`, which would break the connection instead of letting it be answered. What is too
 * long is read no further: it stays paused, by which the server knows that its connection is to end.
 */
function bodyOf(
  incoming: IncomingMessage,
  bytesMax: number,
  bodies: BodyKeeper,
): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  if (Number(incoming.headers["content-length"] ?? 0) > bytesMax) {
    incoming.pause();
    reject(new BodyTooLarge(bytesMax));
    return promise;
  }
  const parts: Uint8Array[] = [];
  let length = 0;
  const leave = (why: Error) => {
    incoming.off("data", take);
    incoming.pause();
    parts.length = 0;
    reject(why);
  };
  const held = bodies.begin(bytesMax, () => leave(new BodyGivenUp()));
  const take = (part: Uint8Array) => {
    length += part.length;
    if (length > bytesMax) return leave(new BodyTooLarge(bytesMax));
    parts.push(part);
    held.came(part.length);
  };
  incoming.on("data", take);
  incoming.once("end", () => resolve(joined(parts)));
  incoming.once("close", () => reject(new BodyLost()));
  return promise.finally(() => held.over());
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const body = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    body.set(part, at);
    at += part.length;
  }
  return body;
}
