/**
 * A load of so many lanes, each of which waits for its answer before it asks again: what a system
 * does when as much is in flight all the time.
 *
 * @module
 */

import { Meter, type MeteredProcess, type Usage } from "./meter.ts";
import { type Latency, latencyOf } from "./latency.ts";

export interface ClosedLoop {
  readonly lanes: number;
  readonly warmUpMs: number;
  readonly measuredMs: number;
  /** Jobs that one call stands for. Default 1. */
  readonly weight?: number;
  readonly processes: readonly MeteredProcess[];
  readonly call: (lane: number) => Promise<unknown>;
}

/** One run. */
export interface Run {
  readonly perSecond: number;
  readonly latency: Latency;
  readonly seconds: number;
  readonly jobs: number;
  readonly usages: readonly Usage[];
}

/** Runs it once. A call that fails ends the run. */
export async function closedLoop(loop: ClosedLoop): Promise<Run> {
  const { lanes, warmUpMs, measuredMs, weight = 1, call } = loop;
  const tookMs: number[] = [];
  let phase: "warming" | "measuring" | "over" = "warming";
  const lane = async (number: number) => {
    while (phase !== "over") {
      const beforeMs = performance.now();
      await call(number);
      if (phase === "measuring") tookMs.push(performance.now() - beforeMs);
    }
  };
  const running = Array.from({ length: lanes }, (_, number) => lane(number));
  const failed = Promise.all(running).then(() => {});
  await Promise.race([failed, after(warmUpMs)]);
  const meter = new Meter(loop.processes);
  phase = "measuring";
  await Promise.race([failed, after(measuredMs)]);
  const { seconds, usages } = meter.read();
  phase = "over";
  await failed;
  const jobs = tookMs.length * weight;
  return { perSecond: jobs / seconds, latency: latencyOf(tookMs), seconds, jobs, usages };
}

export function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
