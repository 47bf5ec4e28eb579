/**
 * What a container (a Linux control group, version 2) lets this process have, and how much of that is
 * in use. The kernel's documentation: admin-guide/cgroup-v2.rst, "cpu.max", "memory.max".
 *
 * @module
 */

/** Reads a file of the system; undefined where there is none. */
export type ReadSystemFile = (path: string) => string | undefined;

/** A bound of one group, and how to see what counts against it. */
export interface CpuBound {
  readonly cpuMillis: number;
  /** Processor time that the group has used, in µs; undefined: the system does not say. */
  readonly usedMicros: () => number | undefined;
}

/** As {@linkcode CpuBound}. */
export interface MemoryBound {
  readonly bytes: number;
  readonly usedBytes: () => number | undefined;
}

const ROOT = "/sys/fs/cgroup";

/** The tightest bounds of this process's group and of those above it; undefined: there are none. */
export function cgroupBounds(
  read: ReadSystemFile,
): { readonly cpu: CpuBound | undefined; readonly memory: MemoryBound | undefined } {
  let cpu: CpuBound | undefined;
  let memory: MemoryBound | undefined;
  for (const group of groupsOf(read("/proc/self/cgroup") ?? "")) {
    const cpuMillis = quotaOf(read(`${group}/cpu.max`));
    if (cpuMillis < (cpu?.cpuMillis ?? Infinity)) {
      cpu = { cpuMillis, usedMicros: () => fieldOf(read(`${group}/cpu.stat`), "usage_usec") };
    }
    const bytes = numberOf(read(`${group}/memory.max`)) ?? Infinity;
    if (bytes < (memory?.bytes ?? Infinity)) {
      memory = { bytes, usedBytes: () => usedBytesOf(group, read) };
    }
  }
  return { cpu, memory };
}

/** Its own group, and each above it up to the root of what the process sees. */
function groupsOf(membership: string): string[] {
  const path = /^0::(\/.*)$/m.exec(membership)?.[1];
  if (path === undefined) return [];
  const names = path.split("/").filter((name) => name !== "" && name !== "..");
  return names.map((_, index) => `${ROOT}/${names.slice(0, names.length - index).join("/")}`)
    .concat(ROOT);
}

/** "200000 100000" is two processors; "max 100000" no bound. */
function quotaOf(text: string | undefined): number {
  const [quota, period] = (text ?? "").trim().split(/\s+/).map(Number);
  if (quota === undefined || period === undefined) return Infinity;
  return quota > 0 && period > 0 ? Math.max(1, Math.round(quota / period * 1000)) : Infinity;
}

/** Pages of files that the kernel would give up first do not count, as on a host. */
function usedBytesOf(group: string, read: ReadSystemFile): number | undefined {
  const current = numberOf(read(`${group}/memory.current`));
  if (current === undefined) return undefined;
  const idleFiles = fieldOf(read(`${group}/memory.stat`), "inactive_file") ?? 0;
  return Math.max(0, current - idleFiles);
}

function fieldOf(text: string | undefined, name: string): number | undefined {
  return numberOf(new RegExp(`^${name} (\\d+)$`, "m").exec(text ?? "")?.[1]);
}

function numberOf(text: string | undefined): number | undefined {
  const trimmed = text?.trim() ?? "";
  return /^\d+$/.test(trimmed) ? Number(trimmed) : undefined;
}
