/**
 * A load that comes at its own pace, whatever the system makes of it: each call has a time at which it
 * is due, and its latency counts from then. So a stall is felt by all that came during it, and not only
 * by those that were in flight (coordinated omission).
 *
 * @module
 */

import { after, type Run } from "./closed_loop.ts";
import { latencyOf } from "./latency.ts";
import { Meter, type MeteredProcess } from "./meter.ts";

export interface OpenLoop {
  readonly perSecond: number;
  readonly warmUpMs: number;
  readonly measuredMs: number;
  readonly processes: readonly MeteredProcess[];
  readonly call: () => Promise<unknown>;
}

/** Runs it once, and waits for the last answer. */
export async function openLoop(loop: OpenLoop): Promise<Run> {
  const { perSecond, warmUpMs, measuredMs } = loop;
  const tookMs: number[] = [];
  const underWay = new Set<Promise<void>>();
  const startedMs = performance.now();
  const endMs = startedMs + warmUpMs + measuredMs;
  let meter: Meter | undefined;
  let failure: unknown;
  for (let number = 0;; number++) {
    const dueMs = startedMs + number * (1_000 / perSecond);
    if (dueMs >= endMs || failure !== undefined) break;
    if (dueMs > performance.now()) await after(dueMs - performance.now());
    const isMeasured = dueMs >= startedMs + warmUpMs;
    if (isMeasured) meter ??= new Meter(loop.processes);
    const call: Promise<void> = loop.call().then(() => {
      if (isMeasured) tookMs.push(performance.now() - dueMs);
    }).catch((cause) => {
      failure ??= cause;
    }).finally(() => underWay.delete(call));
    underWay.add(call);
  }
  await Promise.all(underWay);
  if (failure !== undefined) throw failure;
  const { seconds, usages } = (meter ?? new Meter(loop.processes)).read();
  const jobs = tookMs.length;
  return { perSecond: jobs / seconds, latency: latencyOf(tookMs), seconds, jobs, usages };
}
