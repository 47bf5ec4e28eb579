/**
 * Time and memory of a job of ours, and of a command beside it.
 *
 * @module
 */

import { fileURLToPath } from "node:url";

/** What a run cost. */
export interface Cost {
  /** Of one run, in ms; of several, the median. */
  readonly ms: number;
  /** Most resident memory, in MiB. */
  readonly peakMebibytes: number;
}

/** A line of the table. */
export interface Row {
  readonly what: string;
  /** How much was done in one run, and what it is counted in. */
  readonly amount: number;
  readonly unit: string;
  readonly ours: Cost;
  /** The tool beside it; absent where the machine has none. */
  readonly tool?: string;
  readonly theirs?: Cost;
}

/** Runs a job of a type in a process of its own; the first of several runs is not counted. */
export async function costOfJob(
  type: string,
  payload: unknown,
  { directory, times = 1 }: { readonly directory: string; readonly times?: number },
): Promise<Cost> {
  const script = fileURLToPath(new URL("./one_job.ts", import.meta.url));
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-check",
      "-A",
      script,
      type,
      directory,
      String(times),
      JSON.stringify(payload),
    ],
  }).output();
  if (!success) throw new Error(`the job failed: ${new TextDecoder().decode(stderr)}`);
  const { runsMs, peakMebibytes } = JSON.parse(new TextDecoder().decode(stdout)) as {
    runsMs: number[];
    peakMebibytes: number;
  };
  return { ms: median(runsMs.length > 1 ? runsMs.slice(1) : runsMs), peakMebibytes };
}

/** Runs a command to its end; undefined where there is no such command, or it fails. */
export async function costOfCommand(
  [program, ...args]: readonly [string, ...string[]],
  { times = 1, env = {} }: {
    readonly times?: number;
    readonly env?: Readonly<Record<string, string>>;
  } = {},
): Promise<Cost | undefined> {
  const runsMs: number[] = [];
  let peakMebibytes = 0;
  for (let run = 0; run < times; run++) {
    const startedMs = performance.now();
    let child: Deno.ChildProcess;
    try {
      child = new Deno.Command(program, { args, env, stdout: "null", stderr: "null" }).spawn();
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
    const watch = setInterval(() => {
      peakMebibytes = Math.max(peakMebibytes, residentMebibytes(child.pid));
    }, 10);
    const { success } = await child.status;
    clearInterval(watch);
    if (!success) return undefined;
    runsMs.push(performance.now() - startedMs);
  }
  return { ms: median(runsMs), peakMebibytes };
}

function residentMebibytes(pid: number): number {
  try {
    const status = Deno.readTextFileSync(`/proc/${pid}/status`);
    return (Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0)) / 1_024;
  } catch {
    return 0; // it has ended
  }
}

function median(figures: readonly number[]): number {
  return figures.toSorted((a, b) => a - b)[Math.floor(figures.length / 2)]!;
}
