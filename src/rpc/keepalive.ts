/**
 * HTTP/2's pings, by which a connection on which nothing is said is known to live.
 *
 * @module
 */

import process from "node:process";

/** The first Deno on which a ping that is answered, or given up, does not end the connection or the process. */
const DENO_THAT_PINGS = [2, 9];

export interface Keepalive {
  /** Silence after which the other end is pinged, in ms. */
  readonly timeMs: number;
  /** How long it may take to answer until the connection is given up, in ms. Default: 20,000, gRPC's own. */
  readonly timeoutMs?: number;
}

/**
 * As gRPC takes it, for a client or a server. Without pings where the runtime cannot: a program compiled for an
 * older Deno starts with a warning (`security/runtime_guard.ts`), and asks its masters by calls, as it would if a
 * ping had no answer.
 *
 * @param denoVersion undefined: it is not Deno that runs
 */
export function keepaliveOptions(
  { timeMs, timeoutMs = 20_000 }: Keepalive,
  denoVersion: string | undefined = process.versions.deno,
): Record<string, number> {
  if (denoVersion !== undefined && isBefore(denoVersion, DENO_THAT_PINGS)) return {};
  return { "grpc.keepalive_time_ms": timeMs, "grpc.keepalive_timeout_ms": timeoutMs };
}

function isBefore(version: string, [major = 0, minor = 0]: readonly number[]): boolean {
  const [ownMajor = 0, ownMinor = 0] = version.split(".").map(Number);
  return ownMajor < major || ownMajor === major && ownMinor < minor;
}
