/**
 * The processes that a process has started, found and ended with all that they started themselves.
 * Elsewhere than on Linux only a process's group is known.
 *
 * @module
 */

import { readSystemFile } from "./host_usage.ts";
import {
  allPids,
  descendantsOf,
  isAlive,
  isDead,
  memoryOf,
  processLine,
  type ProcessMark,
} from "./process_table.ts";

/** The environment variable by which what an executor process started is known for its own. */
export const MARK_VARIABLE = "CONDUCTOR_EXECUTOR";

/** Rounds of looking for what was started while its like was being ended. */
const ROUNDS_MAX = 100;

/** Bytes of its own that a process holds in memory: what it shares with files is not its own. */
export function ownBytesOf(pid: number): number {
  return memoryOf(pid, "RssAnon", "RssShmem");
}

/**
 * Ends `pid` and all that it started. The process is held first: while it lives, Linux gives it what
 * its descendants leave behind, and so nobody gets away by leaving its parent.
 */
export function endTree(pid: number): void {
  if (Deno.build.os === "linux") {
    // The whole group at once: those who do nothing but start others are not overtaken one by one.
    signal(-pid, "SIGSTOP");
    signal(pid, "SIGSTOP");
    endDescendants(pid);
  }
  signalGroup(pid);
}

function endDescendants(pid: number): void {
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const living = holdAll(pid);
    for (const each of living) signal(each, "SIGKILL");
    if (living.length === 0) return;
  }
}

/** Holds what is found until nothing new is: who is held starts nothing. */
function holdAll(pid: number): number[] {
  const held = new Set<number>();
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const fresh = descendantsOf(pid).map((each) => each.pid)
      .filter((each) => !held.has(each) && isAlive(each));
    if (fresh.length === 0) break;
    for (const each of fresh) {
      held.add(each);
      signal(each, "SIGSTOP");
    }
  }
  return [...held];
}

/** What may be left when its executor process has died by itself. */
export interface Leftovers {
  /** The first letters of `CONDUCTOR_EXECUTOR` in its environment. */
  readonly mark: string;
  /** The session that the executor process led. */
  readonly session?: number;
  /** Seen below the executor process while that lived. */
  readonly known?: readonly ProcessMark[];
}

/**
 * Ends what an executor process left behind when it died without being ended by {@linkcode endTree}.
 * A descendant that left its session, wiped its environment and was never looked at stays unknown.
 *
 * @returns how many were ended.
 */
export function endLeftovers({ mark, session, known = [] }: Leftovers): number {
  if (Deno.build.os !== "linux") return 0;
  const ticks = new Map(known.map((each) => [each.pid, each.startTicks]));
  const ended = new Set<number>();
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const living = allPids().filter((pid) => {
      const line = pid === Deno.pid ? undefined : processLine(pid);
      if (line === undefined || isDead(line)) return false;
      return line.session === session || ticks.get(pid) === line.startTicks || bears(pid, mark);
    });
    if (living.length === 0) break;
    for (const pid of living) {
      ended.add(pid);
      signal(pid, "SIGKILL");
    }
  }
  return ended.size;
}

function bears(pid: number, mark: string): boolean {
  const environment = readSystemFile(`/proc/${pid}/environ`) ?? "";
  const entry = `${MARK_VARIABLE}=${mark}`;
  return environment.startsWith(entry) || environment.includes(`\0${entry}`);
}

function signalGroup(pid: number): void {
  if (Deno.build.os !== "windows") signal(-pid, "SIGKILL");
  signal(pid, "SIGKILL");
}

/** To a process that is gone meanwhile there is nothing to say. */
function signal(pid: number, name: Deno.Signal): void {
  try {
    Deno.kill(pid, name);
  } catch (failure) {
    const isGone = failure instanceof Deno.errors.NotFound || failure instanceof TypeError;
    if (!isGone) throw failure;
  }
}
