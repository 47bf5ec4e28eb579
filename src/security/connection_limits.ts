/**
 * Limits before anybody is known: how many connections there may be, in all and from one address,
 * and how long one may say nothing. A connection has to prove itself within a time (finish the
 * handshakes of TLS and HTTP/2; in HTTP/1.1, which has none, make a request), and may not idle for ever
 * after.
 */

import type { Socket } from "node:net";
import { addressKey, peerIp } from "./rate_limit.ts";

/** Bounds of one listener. */
export interface ConnectionBounds {
  readonly connectionsMax: number;
  /** From one IPv4 address, or one IPv6 /64. */
  readonly connectionsOfAddressMax: number;
  /** From the connection to the end of its handshake. */
  readonly handshakeTimeoutMs: number;
  /** Without a request; 0: for ever. */
  readonly idleTimeoutMs: number;
}

/** Why a connection was turned away or ended. */
export type ConnectionLimit = "too_many" | "too_many_of_address" | "handshake_timeout" | "idle";

interface Held {
  readonly socket: Socket;
  readonly connectedMs: number;
  hasProven: boolean;
  /** Requests under way. */
  busy: number;
  quietSinceMs: number;
}

/** A look at all connections is taken so many times within the shorter of the two timeouts. */
const LOOKS = 8;
const LOOK_INTERVAL_MS_MAX = 10_000;
/** Whoever has nothing under way for so long gives way to one who comes when there is no room, in ms. */
const QUIET_MS_MIN = 1_000;

/** The connections of one listener. */
export class ConnectionLimits {
  readonly #bounds: ConnectionBounds;
  readonly #onLimit: (limit: ConnectionLimit, address: string) => void;
  readonly #nowMs: () => number;
  readonly #held = new Map<string, Held>();
  readonly #ofAddress = new Map<string, number>();
  #timer: ReturnType<typeof setInterval> | undefined;

  /** @param nowMs of a clock that does not jump */
  constructor(
    bounds: ConnectionBounds,
    onLimit: (limit: ConnectionLimit, address: string) => void = () => {},
    nowMs: () => number = () => performance.now(),
  ) {
    this.#bounds = bounds;
    this.#onLimit = onLimit;
    this.#nowMs = nowMs;
  }

  /** Connections that stand. */
  get size(): number {
    return this.#held.size;
  }

  /**
   * Lets a new connection in, or ends it. When there is no room, one that asks for nothing gives way: else whoever has
   * enough addresses could keep everybody out for as long as idle ones may stay, a probe of the node's health included.
   */
  admit(socket: Socket): boolean {
    const address = addressOf(socket);
    const limit = this.#limitFor(address);
    if (limit === "too_many" && this.#makeRoom()) return this.#enter(socket, address);
    if (limit !== undefined) {
      socket.destroy();
      this.#onLimit(limit, address);
      return false;
    }
    return this.#enter(socket, address);
  }

  #enter(socket: Socket, address: string): boolean {
    const nowMs = this.#nowMs();
    const key = keyOf(socket);
    this.#held.set(key, {
      socket,
      connectedMs: nowMs,
      hasProven: false,
      busy: 0,
      quietSinceMs: nowMs,
    });
    this.#ofAddress.set(address, (this.#ofAddress.get(address) ?? 0) + 1);
    socket.once("close", () => this.#gone(key, address));
    this.#startLooking();
    return true;
  }

  /** Whoever is behind a connection has finished its handshake: from now on it may be idle. */
  proven(socket: Endpoint): void {
    const held = this.#held.get(keyOf(socket));
    if (held === undefined) return;
    held.hasProven = true;
    held.quietSinceMs = this.#nowMs();
  }

  /** A request came over a connection; call the answer when it is over. */
  requested(socket: Endpoint): () => void {
    const held = this.#held.get(keyOf(socket));
    if (held === undefined) return () => {};
    held.hasProven = true;
    held.busy++;
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      held.busy--;
      held.quietSinceMs = this.#nowMs();
    };
  }

  /** Ends what has been silent for too long. Called by itself; public for tests. */
  look(): void {
    const nowMs = this.#nowMs();
    const { handshakeTimeoutMs, idleTimeoutMs } = this.#bounds;
    for (const { socket, hasProven, busy, connectedMs, quietSinceMs } of this.#held.values()) {
      const limit = !hasProven
        ? nowMs - connectedMs >= handshakeTimeoutMs ? "handshake_timeout" : undefined
        : idleTimeoutMs > 0 && busy === 0 && nowMs - quietSinceMs >= idleTimeoutMs
        ? "idle"
        : undefined;
      if (limit === undefined) continue;
      const address = addressOf(socket);
      socket.destroy();
      this.#onLimit(limit, address);
    }
  }

  /** Ends every connection without a request under way, as when a server stops. */
  endQuiet(): void {
    for (const { socket, busy } of [...this.#held.values()]) if (busy === 0) socket.destroy();
  }

  #limitFor(address: string): ConnectionLimit | undefined {
    const { connectionsMax, connectionsOfAddressMax } = this.#bounds;
    if ((this.#ofAddress.get(address) ?? 0) >= connectionsOfAddressMax) {
      return "too_many_of_address";
    }
    return this.#held.size >= connectionsMax ? "too_many" : undefined;
  }

  /** Ends the oldest connection with nothing under way. Returns whether there was one. */
  #makeRoom(): boolean {
    const beforeMs = this.#nowMs() - QUIET_MS_MIN;
    for (const { socket, busy, quietSinceMs } of this.#held.values()) {
      if (busy > 0 || quietSinceMs > beforeMs || socket.destroyed) continue;
      const address = addressOf(socket);
      socket.destroy();
      this.#onLimit("too_many", address);
      return true;
    }
    return false;
  }

  #gone(key: string, address: string): void {
    this.#held.delete(key);
    const left = (this.#ofAddress.get(address) ?? 1) - 1;
    if (left > 0) this.#ofAddress.set(address, left);
    else this.#ofAddress.delete(address);
    if (this.#held.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #startLooking(): void {
    if (this.#timer !== undefined) return;
    const { handshakeTimeoutMs, idleTimeoutMs } = this.#bounds;
    const shortestMs = idleTimeoutMs > 0
      ? Math.min(handshakeTimeoutMs, idleTimeoutMs)
      : handshakeTimeoutMs;
    const everyMs = Math.max(1, Math.min(LOOK_INTERVAL_MS_MAX, shortestMs / LOOKS));
    this.#timer = setInterval(() => this.look(), everyMs);
    Deno.unrefTimer(this.#timer);
  }
}

/** The two ends of a connection, as a socket or what wraps one knows them. */
export interface Endpoint {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

function keyOf({ remoteAddress, remotePort }: Endpoint): string {
  return `${remoteAddress} ${remotePort}`;
}

function addressOf(socket: Socket): string {
  const { remoteAddress } = socket;
  if (remoteAddress === undefined) return "unknown";
  return addressKey(peerIp(remoteAddress.includes(":") ? `[${remoteAddress}]` : remoteAddress));
}
