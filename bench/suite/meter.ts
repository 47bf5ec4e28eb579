/**
 * What processes take: processor time and memory, from `/proc`. Processor time says what work costs
 * whatever else the machine does meanwhile, and waits for nobody.
 *
 * @module
 */

/** Of `/proc`, on every Linux that Deno runs on. */
const CLOCK_TICKS_PER_SECOND = 100;

/** A process of a system under load, by what it is there. */
export interface MeteredProcess {
  readonly name: string;
  readonly pid: number;
}

/** Of one process, over one measurement. */
export interface Usage {
  readonly name: string;
  readonly cpuMs: number;
  /** Resident at the end. */
  readonly mebibytes: number;
}

/** Processor time that a process has taken so far, user and system, in ms; 0: it is gone. */
export function cpuMsOf(pid: number): number {
  const fields = read(`/proc/${pid}/stat`).split(") ")[1]?.split(" ") ?? [];
  const [user = 0, system = 0] = [Number(fields[11] ?? 0), Number(fields[12] ?? 0)];
  return (user + system) * (1_000 / CLOCK_TICKS_PER_SECOND);
}

/** Resident memory, in MiB; 0: it is gone. */
export function residentMebibytesOf(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) / 1_024;
}

/** Begins at its construction. */
export class Meter {
  readonly #processes: readonly MeteredProcess[];
  readonly #beganMs = performance.now();
  readonly #cpuBeforeMs: readonly number[];

  constructor(processes: readonly MeteredProcess[]) {
    this.#processes = processes;
    this.#cpuBeforeMs = processes.map(({ pid }) => cpuMsOf(pid));
  }

  /** Since the beginning. */
  read(): { readonly seconds: number; readonly usages: readonly Usage[] } {
    const usages = this.#processes.map(({ name, pid }, at) => ({
      name,
      cpuMs: cpuMsOf(pid) - this.#cpuBeforeMs[at]!,
      mebibytes: residentMebibytesOf(pid),
    }));
    return { seconds: (performance.now() - this.#beganMs) / 1_000, usages };
  }
}

function read(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (failure) {
    if (failure instanceof Deno.errors.NotFound) return "";
    throw failure;
  }
}
