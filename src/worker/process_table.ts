/**
 * Processes as Linux shows them in `/proc`: what each is and uses, and who started whom. Elsewhere
 * there are none to be seen.
 *
 * @module
 */

import { readdirSync } from "node:fs";
import process from "node:process";
import { readSystemFile } from "./host_usage.ts";

/** A process, told from a later one of the same number by when it began. */
export interface ProcessMark {
  readonly pid: number;
  /** Ticks of the clock since the system started. */
  readonly startTicks: number;
}

/** What Linux says of a process (proc(5), `stat`). */
export interface ProcessLine extends ProcessMark {
  /** A letter; Z and X are dead. */
  readonly state: string;
  readonly parent: number;
  readonly session: number;
  /** Of a processor's time, in {@linkcode TICKS_A_SECOND}. */
  readonly cpuTicks: number;
}

/** Ticks of /proc in a second: fixed for programs, whatever the kernel's own clock (`USER_HZ`). */
export const TICKS_A_SECOND = 100;

/**
 * All that `pid` started and that has not been taken leave of, dead or alive, at whatever depth; of very
 * many the first `most`.
 */
export function descendantsOf(pid: number, most = Infinity): ProcessLine[] {
  const found = new Map<number, ProcessLine>();
  const childrenOf = childrenFinder();
  const open = [pid];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const child of childrenOf(next)) {
      if (found.size >= most) return [...found.values()];
      const line = found.has(child) ? undefined : processLine(child);
      if (line === undefined) continue;
      found.set(child, line);
      open.push(child);
    }
  }
  return [...found.values()];
}

/** By the kernel's own lists where it keeps them, else by a look through all processes. */
function childrenFinder(): (pid: number) => readonly number[] {
  const own = readSystemFile(`/proc/${process.pid}/task/${process.pid}/children`);
  if (own !== undefined) return listedChildren;
  const byParent = Map.groupBy(
    allPids().flatMap((pid) => processLine(pid) ?? []),
    ({ parent }) => parent,
  );
  return (pid) => (byParent.get(pid) ?? []).map((each) => each.pid);
}

/** Children are listed under the thread that started them, or that was given them. */
function listedChildren(pid: number): readonly number[] {
  return numbersIn(`/proc/${pid}/task`).flatMap((thread) =>
    (readSystemFile(`/proc/${pid}/task/${thread}/children`) ?? "").split(" ")
      .filter((word) => word !== "").map(Number)
  );
}

/** Every process that is to be seen. */
export function allPids(): number[] {
  return numbersIn("/proc");
}

function numbersIn(directory: string): number[] {
  try {
    return readdirSync(directory).map(Number).filter(Number.isInteger);
  } catch {
    return []; // no such system, or the process has just ended
  }
}

/** Undefined: there is no such process. A program's name may hold anything, so fields count from its last bracket. */
export function processLine(pid: number): ProcessLine | undefined {
  const text = readSystemFile(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  const [state, ...rest] = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [parent, , session] = rest.map(Number);
  const [user, system, startTicks] = [rest[10], rest[11], rest[18]].map(Number);
  if (state === undefined || parent === undefined || session === undefined) return undefined;
  if (user === undefined || system === undefined || startTicks === undefined) return undefined;
  return { pid, state, parent, session, cpuTicks: user + system, startTicks };
}

/** The process has ended, whether or not anybody has taken leave of it. */
export function isDead({ state }: ProcessLine): boolean {
  return state === "Z" || state === "X";
}

/** Whether there is such a process, and it has not died. */
export function isAlive(pid: number): boolean {
  const line = processLine(pid);
  return line !== undefined && !isDead(line);
}

/** Bytes in memory that the process counts under these names (proc(5), `status`), such as `VmRSS`. */
export function memoryOf(pid: number, ...names: readonly string[]): number {
  const status = readSystemFile(`/proc/${pid}/status`) ?? "";
  const kibibytes = names.map((name) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1] ?? 0)
  );
  return kibibytes.reduce((sum, each) => sum + each, 0) * 1024;
}
