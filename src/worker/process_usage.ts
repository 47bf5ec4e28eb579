/**
 * What this process and those below it use: processors and memory, as Linux tells it in /proc.
 *
 * @module
 */

import { readdirSync } from "node:fs";
import process from "node:process";
import { readSystemFile } from "./host_usage.ts";
import type { WorkerUsage } from "./worker.ts";

/** What a worker uses itself. */
export type OwnUsage = Omit<WorkerUsage, "cpuUsage" | "memoryUsage">;

/** A process, as far as it is measured here. */
interface Measured {
  /** Tells it from a later one of the same number. */
  readonly startedTicks: number;
  readonly cpuTicks: number;
  readonly residentBytes: number;
}

/** Ticks of /proc in a second: fixed for programs, whatever the kernel's own clock (`USER_HZ`). */
const TICKS_A_SECOND = 100;
/** Processes are looked through no more often than this; between, the last numbers stand. */
const LOOK_INTERVAL_MS = 2_000;

/**
 * A function that measures since it last did. Processes of executors are found where there is a
 * /proc; elsewhere the worker's own numbers are all that there is.
 */
export function processUsageMeter(nowMs: () => number = () => performance.now()): () => OwnUsage {
  let before = { atMs: nowMs(), ownMicros: ownMicros(), below: processesBelow(process.pid) };
  let usage: OwnUsage = usageOf(0, 0, before.below);
  return () => {
    const atMs = nowMs();
    if (atMs - before.atMs < LOOK_INTERVAL_MS) return usage;
    const now = { atMs, ownMicros: ownMicros(), below: processesBelow(process.pid) };
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
  for (const [pid, { cpuTicks, startedTicks }] of now) {
    const known = before.get(pid);
    const from = known?.startedTicks === startedTicks ? known.cpuTicks : 0;
    ticks += Math.max(0, cpuTicks - from);
  }
  return ticks;
}

/** All descendants of a process, by number. */
function processesBelow(root: number): Map<number, Measured> {
  const found = new Map<number, Measured>();
  const childrenOf = childrenFinder();
  const waiting = [...childrenOf(root)];
  for (let pid = waiting.pop(); pid !== undefined; pid = waiting.pop()) {
    const measured = measure(pid);
    if (measured === undefined || found.has(pid)) continue;
    found.set(pid, measured);
    waiting.push(...childrenOf(pid));
  }
  return found;
}

/** By the kernel's own lists where it keeps them, else by a look through all processes. */
function childrenFinder(): (pid: number) => readonly number[] {
  const own = readSystemFile(`/proc/${process.pid}/task/${process.pid}/children`);
  if (own !== undefined) return listedChildren;
  const byParent = new Map<number, number[]>();
  for (const pid of numbersIn("/proc")) {
    const parent = statOf(pid)?.parent;
    if (parent === undefined) continue;
    const siblings = byParent.get(parent);
    if (siblings === undefined) byParent.set(parent, [pid]);
    else siblings.push(pid);
  }
  return (pid) => byParent.get(pid) ?? [];
}

/** A child belongs to the thread that started it. */
function listedChildren(pid: number): readonly number[] {
  return numbersIn(`/proc/${pid}/task`).flatMap((thread) =>
    (readSystemFile(`/proc/${pid}/task/${thread}/children`) ?? "").split(" ")
      .filter((text) => text !== "").map(Number)
  );
}

function numbersIn(directory: string): number[] {
  try {
    return readdirSync(directory).map(Number).filter(Number.isInteger);
  } catch {
    return []; // no such system, or the process has just ended
  }
}

function measure(pid: number): Measured | undefined {
  const stat = statOf(pid);
  if (stat === undefined) return undefined;
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readSystemFile(`/proc/${pid}/status`) ?? "")?.[1];
  return { ...stat, residentBytes: Number(kibibytes ?? 0) * 1024 };
}

/** proc(5): the name, in brackets, may hold anything; what follows it is numbers. */
function statOf(
  pid: number,
): { parent: number; cpuTicks: number; startedTicks: number } | undefined {
  const text = readSystemFile(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ").map(Number);
  const [parent, user, system, started] = [fields[1], fields[11], fields[12], fields[19]];
  if (parent === undefined || user === undefined || system === undefined || started === undefined) {
    return undefined;
  }
  return { parent, cpuTicks: user + system, startedTicks: started };
}
