/** Limits on how often one caller may call: token buckets, and whom a bucket belongs to. */

import ipaddr from "ipaddr.js";
import { BoundedMap } from "./bounded_map.ts";

/** The `security.rate_limit.*` keys. */
export interface RateLimitOptions {
  /** Calls a second that a caller may make for long. */
  readonly requestsPerSec: number;
  /** Calls that a caller may make at once after a pause. */
  readonly burst: number;
  /** How often idle callers are forgotten, in ms. */
  readonly cleanupIntervalMs: number;
  /** How long a caller must be idle for that, in ms. */
  readonly clientTtlMs: number;
  /** Callers counted at once; the longest idle one makes room. Default 10,000. */
  readonly clientsMax?: number;
}

/** Whether a call may go on now, or when it may be tried again. */
export type RateVerdict =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly retryAfterMs: number };

interface Bucket {
  tokens: number;
  updatedAtMs: number;
}

const ALLOWED: RateVerdict = Object.freeze({ allowed: true });

/**
 * A token bucket a key: it holds at most `burst` tokens, gains `requestsPerSec` a second, and a call
 * takes one. Has no timer: idle buckets are swept by the calls of others.
 */
export class RateLimiter {
  readonly #options: RateLimitOptions;
  readonly #buckets: BoundedMap<string, Bucket>;
  #sweptAtMs = Number.NEGATIVE_INFINITY;

  /** @throws {RangeError} when a number is not positive */
  constructor(options: RateLimitOptions) {
    for (const name of ["requestsPerSec", "burst", "cleanupIntervalMs", "clientTtlMs"] as const) {
      if (!(options[name] > 0)) {
        throw new RangeError(`${name} must be greater than 0, not ${options[name]}`);
      }
    }
    this.#options = options;
    this.#buckets = new BoundedMap(options.clientsMax ?? 10_000);
  }

  /** Callers that are counted now. */
  get size(): number {
    return this.#buckets.size;
  }

  /**
   * Takes a token from the key's bucket, if there is one.
   *
   * @param nowMs milliseconds of any clock; when it runs backwards nothing is gained or lost
   * @param calls so many tokens, or none
   */
  take(key: string, nowMs: number, calls = 1): RateVerdict {
    this.#sweep(nowMs);
    const { burst } = this.#options;
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      bucket = { tokens: burst, updatedAtMs: nowMs };
      this.#buckets.set(key, bucket);
    } else {
      this.#refill(bucket, nowMs);
    }
    if (bucket.tokens >= calls) {
      bucket.tokens -= calls;
      return ALLOWED;
    }
    return { allowed: false, retryAfterMs: this.#untilNextMs(bucket) };
  }

  #refill(bucket: Bucket, nowMs: number): void {
    const { burst, requestsPerSec } = this.#options;
    const elapsedMs = Math.max(0, nowMs - bucket.updatedAtMs);
    bucket.tokens = Math.min(burst, bucket.tokens + elapsedMs * requestsPerSec / 1000);
    bucket.updatedAtMs = nowMs;
  }

  #untilNextMs(bucket: Bucket): number {
    return Math.max(1, Math.ceil((1 - bucket.tokens) * 1000 / this.#options.requestsPerSec));
  }

  /** Entries stand in the order of their last use, so the idle ones are all at the front. */
  #sweep(nowMs: number): void {
    const { cleanupIntervalMs, clientTtlMs } = this.#options;
    const sinceMs = nowMs - this.#sweptAtMs;
    if (sinceMs >= 0 && sinceMs < cleanupIntervalMs) return;
    this.#sweptAtMs = nowMs;
    for (const [key, bucket] of this.#buckets.entries()) {
      if (nowMs - bucket.updatedAtMs < clientTtlMs) break;
      this.#buckets.delete(key);
    }
  }
}

/**
 * The IP address in what grpc-js calls a peer, `address:port`, without the port: a caller has
 * thousands of ports, but only one address. IPv6 addresses come without brackets there, so that the
 * port is what follows the last colon.
 *
 * @returns `unknown` when there is none (a Unix socket)
 */
export function peerIp(peer: string): string {
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(peer)?.[1];
  if (bracketed !== undefined) return canonical(bracketed) ?? "unknown";
  const withoutPort = /^(.+):\d{1,5}$/.exec(peer)?.[1];
  return (withoutPort === undefined ? undefined : canonical(withoutPort)) ?? canonical(peer) ??
    "unknown";
}

/**
 * What an address is counted under: IPv4 as it is, IPv6 by its /64, which is what one subscriber
 * gets and could otherwise walk through.
 *
 * @param ip from {@linkcode peerIp}
 */
export function addressKey(ip: string): string {
  if (!ip.includes(":")) return ip;
  const groups = ipaddr.IPv6.parse(ip).parts.slice(0, 4);
  return `${groups.map((group) => group.toString(16)).join(":")}::/64`;
}

/** One spelling for each address; IPv4 written as IPv6 becomes IPv4. */
function canonical(address: string): string | undefined {
  const plain = address.replace(/%.*$/, "");
  // Four decimal parts: the shorter and the octal spellings are nothing a socket would say.
  if (!plain.includes(":") && !/^\d+\.\d+\.\d+\.\d+$/.test(plain)) return undefined;
  return ipaddr.isValid(plain) ? ipaddr.process(plain).toString() : undefined;
}
