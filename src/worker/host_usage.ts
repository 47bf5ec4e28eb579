/**
 * How busy the worker's host is: really measured, from the processors' own counters.
 *
 * @module
 */

import { cpus, freemem, totalmem } from "node:os";

/** Fractions from 0 to 1. */
export interface HostUsage {
  readonly cpuUsage: number;
  readonly memoryUsage: number;
}

/** A function that measures since its last call. */
export function hostUsageMeter(): () => HostUsage {
  let before = processorTimes();
  return () => {
    const now = processorTimes();
    const total = now.total - before.total;
    const idle = now.idle - before.idle;
    before = now;
    return {
      cpuUsage: total <= 0 ? 0 : 1 - idle / total,
      memoryUsage: memoryUsage(),
    };
  };
}

function processorTimes(): { readonly total: number; readonly idle: number } {
  let total = 0;
  let idle = 0;
  for (const { times } of cpus()) {
    total += times.user + times.nice + times.sys + times.idle + times.irq;
    idle += times.idle;
  }
  return { total, idle };
}

/** What the system could not give to a new program; buffers and caches do not count as used. */
function memoryUsage(): number {
  return 1 - freemem() / totalmem();
}

/** What this host has: thousandths of a processor, and memory. */
export function hostResources(): { readonly cpuMillis: number; readonly memoryBytes: number } {
  return {
    cpuMillis: cpus().length * 1000,
    memoryBytes: totalmem(),
  };
}
