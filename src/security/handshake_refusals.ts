/**
 * Handshakes that came to nothing, and why: what a listener knows of those who never made a call.
 */

import type { Socket } from "node:net";

/**
 * Why a connection was refused before its first call. `resumed` and `unauthorized` are ended by our own
 * guard, after a handshake that the runtime let pass.
 */
export type HandshakeRefusal =
  | "resumed"
  | "unauthorized"
  | "no_certificate"
  | "untrusted_certificate"
  | "not_tls"
  | "handshake_failed";

/** Told of each connection that was refused, with the peer's IP address. */
export type OnHandshakeRefused = (
  peerAddress: string,
  reason: HandshakeRefusal,
  error?: string,
) => void;

/** The part of Node's servers with TLS that is needed here. */
interface TlsServer {
  prependListener(event: "connection", listener: (socket: Socket) => void): unknown;
  on(
    event: "tlsClientError",
    listener: (failure: Error, socket: FailedSocket | undefined) => void,
  ): unknown;
}

interface FailedSocket {
  readonly authorizationError?: unknown;
  /** Of this runtime and Node alike: the connection below, which still knows whose it was. */
  readonly _parent?: Socket;
}

/** Tells of each handshake that fails, but not of those that a peer gave up by itself, as probes do. */
export function watchHandshakes(server: TlsServer, onRefused: OnHandshakeRefused): void {
  // A socket that is closed has forgotten its address.
  const addresses = new WeakMap<Socket, string>();
  server.prependListener("connection", (socket) => {
    if (socket.remoteAddress !== undefined) addresses.set(socket, socket.remoteAddress);
  });
  server.on("tlsClientError", (failure, socket) => {
    const refusal = refusalOf(failure, socket?.authorizationError);
    if (refusal === undefined) return;
    const address = socket?._parent === undefined ? undefined : addresses.get(socket._parent);
    onRefused(address ?? "unknown", ...refusal);
  });
}

/** The runtime says with one word that it knows no authority and that a certificate is over. */
function refusalOf(
  failure: Error & { readonly code?: string },
  authorizationError: unknown,
): readonly [HandshakeRefusal, string] | undefined {
  const { code = "", message } = failure;
  if (typeof authorizationError === "string") {
    return [
      "untrusted_certificate",
      `${authorizationError}: of no authority that is trusted here, or not valid now`,
    ];
  }
  if (code === "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE") return ["no_certificate", message];
  if (code === "ERR_SSL_WRONG_VERSION_NUMBER" || code === "ERR_SSL_HTTP_REQUEST") {
    return ["not_tls", message];
  }
  if (code === "ECONNRESET" || code === "EPIPE") return undefined;
  return ["handshake_failed", message];
}

/** Refusals of one kind from one address. */
export interface RefusedConnections {
  /** Of this node: `grpc`, `raft`, `http`, `worker`. */
  readonly listener: string;
  readonly reason: HandshakeRefusal;
  /** An IP address, or {@linkcode OTHERS}. */
  readonly client: string;
  readonly error?: string;
  /** So many since the last line about them. */
  readonly refused: number;
}

/** Stands for whoever came beyond the bound of {@linkcode RefusalTally}. */
export const OTHERS = "others";

const WINDOW_MS = 60_000;
const KINDS_MAX = 100;

/**
 * Tells of the first refusal of a kind at once, and once a minute how many more there were, so that
 * whoever knocks all day writes one line a minute and not the disk full.
 */
export class RefusalTally {
  readonly #tell: (refused: RefusedConnections) => void;
  readonly #kinds = new Map<string, { first: RefusedConnections; more: number }>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(tell: (refused: RefusedConnections) => void) {
    this.#tell = tell;
  }

  add(refused: Omit<RefusedConnections, "refused">): void {
    const { listener, reason, client } = refused;
    const known = this.#kinds.get(`${listener} ${reason} ${client}`);
    if (known !== undefined) {
      known.more++;
    } else if (client !== OTHERS && this.#kinds.size >= KINDS_MAX) {
      this.add({ listener, reason, client: OTHERS });
    } else {
      const first = { ...refused, refused: 1 };
      this.#kinds.set(`${listener} ${reason} ${client}`, { first, more: 0 });
      this.#tell(first);
      this.#timer ??= unrefTimeout(() => this.flush(), WINDOW_MS);
    }
  }

  /** Tells of those that were only counted, and begins anew. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const { first, more } of this.#kinds.values()) {
      if (more > 0) this.#tell({ ...first, refused: more });
    }
    this.#kinds.clear();
  }
}

/** A timer that keeps nobody alive. */
function unrefTimeout(act: () => void, ms: number): ReturnType<typeof setTimeout> {
  const timer = setTimeout(act, ms);
  Deno.unrefTimer(timer);
  return timer;
}
