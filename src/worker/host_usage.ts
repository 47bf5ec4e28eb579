/**
 * What this worker may use of its host, and how much of that is in use: really measured. In a
 * container its bounds count, not the host's size.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import { cpus, freemem, totalmem } from "node:os";
import { cgroupBounds, type CpuBound, type MemoryBound, type ReadSystemFile } from "./cgroup.ts";

/** Fractions from 0 to 1. */
export interface HostUsage {
  readonly cpuUsage: number;
  readonly memoryUsage: number;
}

/** What jobs may have: thousandths of a processor, and memory. */
export interface HostResources {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
}

/** What is asked of the system; tests answer in its place. */
export interface HostSystem {
  readonly read: ReadSystemFile;
  readonly processors: () => readonly ProcessorTimes[];
  readonly memory: () => { readonly totalBytes: number; readonly availableBytes: number };
  /** A clock that does not jump, in ms. */
  readonly nowMs: () => number;
}

/** Time that a processor was up, and idle, in any one unit. */
export interface ProcessorTimes {
  readonly total: number;
  readonly idle: number;
}

/** The processors and memory of the host, or as much of them as a container or an affinity allows. */
export function hostResources(system: HostSystem = thisHost): HostResources {
  const { cpu, memory } = boundsOf(system);
  const host = system.memory();
  return {
    cpuMillis: Math.min(usableProcessors(system).length * 1000, cpu?.cpuMillis ?? Infinity),
    memoryBytes: Math.min(host.totalBytes, memory?.bytes ?? Infinity),
  };
}

/** A function that measures since its last call. */
export function hostUsageMeter(system: HostSystem = thisHost): () => HostUsage {
  const { cpu, memory } = boundsOf(system);
  const cpuUsage = (cpu && groupCpuMeter(cpu, system)) ?? hostCpuMeter(system);
  return () => ({ cpuUsage: cpuUsage(), memoryUsage: memoryUsage(memory, system) });
}

/** Bounds above what the host has bind nobody. */
function boundsOf(
  system: HostSystem,
): { readonly cpu: CpuBound | undefined; readonly memory: MemoryBound | undefined } {
  const { cpu, memory } = cgroupBounds(system.read);
  const isTight = cpu !== undefined && cpu.cpuMillis < usableProcessors(system).length * 1000;
  const isSmall = memory !== undefined && memory.bytes < system.memory().totalBytes;
  return { cpu: isTight ? cpu : undefined, memory: isSmall ? memory : undefined };
}

/** Undefined where the system does not say what the group uses. */
function groupCpuMeter(bound: CpuBound, system: HostSystem): (() => number) | undefined {
  let usedBefore = bound.usedMicros();
  if (usedBefore === undefined) return undefined;
  let beforeMs = system.nowMs();
  let usage = 0;
  return () => {
    const used = bound.usedMicros();
    const nowMs = system.nowMs();
    if (used === undefined || nowMs <= beforeMs) return usage;
    const allowedMicros = (nowMs - beforeMs) * bound.cpuMillis;
    usage = fraction((used - usedBefore!) / allowedMicros);
    usedBefore = used;
    beforeMs = nowMs;
    return usage;
  };
}

function hostCpuMeter(system: HostSystem): () => number {
  let before = sum(usableProcessors(system));
  let usage = 0;
  return () => {
    const now = sum(usableProcessors(system));
    const total = now.total - before.total;
    if (total > 0) usage = fraction(1 - (now.idle - before.idle) / total);
    before = now;
    return usage;
  };
}

function memoryUsage(bound: MemoryBound | undefined, system: HostSystem): number {
  const used = bound?.usedBytes();
  if (bound !== undefined && used !== undefined) return fraction(used / bound.bytes);
  const { totalBytes, availableBytes } = system.memory();
  return fraction(1 - availableBytes / totalBytes);
}

function sum(processors: readonly ProcessorTimes[]): ProcessorTimes {
  return {
    total: processors.reduce((all, { total }) => all + total, 0),
    idle: processors.reduce((all, { idle }) => all + idle, 0),
  };
}

/** Those on which this process may run (`sched_setaffinity`, cpusets). */
function usableProcessors(system: HostSystem): readonly ProcessorTimes[] {
  const all = system.processors();
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(system.read("/proc/self/status") ?? "")?.[1];
  if (list === undefined) return all;
  const allowed = new Set(
    list.split(",").flatMap((range) => {
      const [first = 0, last = first] = range.split("-").map(Number);
      return Array.from({ length: last - first + 1 }, (_, index) => first + index);
    }),
  );
  const usable = all.filter((_, index) => allowed.has(index));
  return usable.length > 0 ? usable : all;
}

function fraction(value: number): number {
  return Number.isFinite(value) ? Math.min(1, Math.max(0, value)) : 0;
}

/** A file of the system, or nothing where it is not there, or not for us. */
export function readSystemFile(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined; // other systems have no such files, and processes end while they are looked at
  }
}

const thisHost: HostSystem = {
  read: readSystemFile,
  processors: () =>
    cpus().map(({ times: { user, nice, sys, idle, irq } }) => ({
      total: user + nice + sys + idle + irq,
      idle,
    })),
  // Free is what the system could give to a new program, buffers and caches with it.
  memory: () => ({ totalBytes: totalmem(), availableBytes: freemem() }),
  nowMs: () => performance.now(),
};
