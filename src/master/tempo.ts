/**
 * How long a tick of consensus is. Timings are configured in ms; consensus counts ticks.
 *
 * @module
 */

import type { MasterOptions } from "./options.ts";

export interface Tempo {
  readonly tickMs: number;
  readonly heartbeatTicks: number;
  readonly electionTicks: number;
}

/** Ticks in one of the leader's heartbeat intervals: chance draws election timeouts among them. */
const TICKS_PER_HEARTBEAT = 10;
/** No tick is shorter, in ms. */
const TICK_MS_MIN = 5;

export function tempoOf(
  { heartbeatTimeoutMs, electionTimeoutMs }: MasterOptions["raftTimings"],
): Tempo {
  const wanted = Math.floor(heartbeatTimeoutMs / TICK_MS_MIN);
  const heartbeatTicks = Math.max(2, Math.min(TICKS_PER_HEARTBEAT, wanted));
  const tickMs = heartbeatTimeoutMs / heartbeatTicks;
  const electionTicks = Math.max(heartbeatTicks + 1, Math.round(electionTimeoutMs / tickMs));
  return { tickMs, heartbeatTicks, electionTicks };
}
