/**
 * What this process and those below it use: processors and memory, as Linux tells it in /proc.
 *
 * @module
 */

import process from "node:process";
import { descendantsOf, memoryOf, type ProcessLine, TICKS_A_SECOND } from "./process_table.ts";
import type { WorkerUsage } from "./worker.ts";

/** What a worker uses itself. */
export type OwnUsage = Omit<WorkerUsage, "cpuUsage" | "memoryUsage">;

/** A process, as far as it is measured here. */
interface Measured extends ProcessLine {
  readonly residentBytes: number;
}

/** Processes are looked through no more often than this; between, the last numbers stand. */
const LOOK_INTERVAL_MS = 2_000;

/**
 * A function that measures since it last did. Processes of executors are found where there is a
 * /proc; elsewhere the worker's own numbers are all that there is.
 *
 * @param root the process whose descendants are counted
 */
export function processUsageMeter(
  nowMs: () => number = () => performance.now(),
  root: number = process.pid,
): () => OwnUsage {
  let before = { atMs: nowMs(), ownMicros: ownMicros(), below: processesBelow(root) };
  let usage: OwnUsage = usageOf(0, 0, before.below);
  return () => {
    const atMs = nowMs();
    if (atMs - before.atMs < LOOK_INTERVAL_MS) return usage;
    const now = { atMs, ownMicros: ownMicros(), below: processesBelow(root) };
    const seconds = (atMs - before.atMs) / 1000;
    usage = usageOf(
      (now.ownMicros - before.ownMicros) / 1e6 / seconds,
      ticksBetween(before.below, now.below) / TICKS_A_SECOND / seconds,
      now.below,
    );
    before = now;
    return usage;
  };
}

function usageOf(
  workerCpu: number,
  executorsCpu: number,
  below: ReadonlyMap<number, Measured>,
): OwnUsage {
  const executors = [...below.values()];
  return {
    workerCpu,
    workerMemoryBytes: process.memoryUsage().rss,
    executorsCpu,
    executorsMemoryBytes: executors.reduce((sum, { residentBytes }) => sum + residentBytes, 0),
    executorProcesses: executors.length,
  };
}

function ownMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Of those that are still there: what one that ended used since the last look is not seen. */
function ticksBetween(
  before: ReadonlyMap<number, Measured>,
  now: ReadonlyMap<number, Measured>,
): number {
  let ticks = 0;
  for (const [pid, { cpuTicks, startTicks }] of now) {
    const known = before.get(pid);
    const from = known?.startTicks === startTicks ? known.cpuTicks : 0;
    ticks += Math.max(0, cpuTicks - from);
  }
  return ticks;
}

/** All descendants of a process, by number. */
function processesBelow(root: number): Map<number, Measured> {
  return new Map(
    descendantsOf(root).map((line) => [
      line.pid,
      { ...line, residentBytes: memoryOf(line.pid, "VmRSS") },
    ]),
  );
}
