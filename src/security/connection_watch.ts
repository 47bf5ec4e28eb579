/**
 * Ends connections whose certificate has ended. A certificate is checked when a connection is made
 * and at every call, but a stream may be open for weeks; so all connections are looked at again, every
 * few seconds and whenever authorities or revocations have changed.
 */

import type { TLSSocket } from "node:tls";

/** Why a connection may not go on; undefined: it may. */
export type ConnectionJudge = (nowMs: number) => string | undefined;

/** Told of a connection that was ended. */
export type OnConnectionEnded = (ended: {
  readonly peerAddress: string;
  /** Who called whom. */
  readonly direction: "incoming" | "outgoing";
  readonly reason: string;
}) => void;

interface Watched {
  readonly direction: "incoming" | "outgoing";
  readonly judge: ConnectionJudge;
}

/** The TLS connections of a process. */
export class ConnectionWatch {
  readonly #sockets = new Map<TLSSocket, Watched>();
  readonly #onEnded: OnConnectionEnded;

  constructor(onEnded: OnConnectionEnded = () => {}) {
    this.#onEnded = onEnded;
  }

  /** Connections that are watched. */
  get size(): number {
    return this.#sockets.size;
  }

  /** Watches over a connection until it closes. */
  add(socket: TLSSocket, direction: Watched["direction"], judge: ConnectionJudge): void {
    if (socket.destroyed) return;
    this.#sockets.set(socket, { direction, judge });
    socket.once("close", () => this.#sockets.delete(socket));
  }

  /**
   * Ends every connection that may not go on.
   *
   * @param nowMs milliseconds since the epoch
   * @returns how many were ended
   */
  sweep(nowMs: number): number {
    let ended = 0;
    for (const [socket, { direction, judge }] of [...this.#sockets]) {
      const reason = judge(nowMs);
      if (reason === undefined) continue;
      const peerAddress = socket.remoteAddress ?? "unknown";
      this.#sockets.delete(socket);
      socket.destroy();
      ended++;
      this.#onEnded({ peerAddress, direction, reason });
    }
    return ended;
  }
}
