/**
 * What an attempt takes while it runs, and telling when it is too much.
 *
 * V8's own limit counts the JavaScript heap alone, and the system's bound on a process's memory holds for
 * each process by itself; so the worker looks from outside at all of them together, where the system
 * shows it (Linux). What is taken between two looks is bounded by the system's own limits alone.
 *
 * @module
 */

import type { ExecutorFault } from "./attempt.ts";
import { descendantsOf, type ProcessMark } from "./process_table.ts";
import { ownBytesOf } from "./process_tree.ts";

/** Bounds of one attempt. */
export interface AttemptBounds {
  /** Memory of the process and of all that it started, in MiB. */
  readonly memoryMebibytesMax: number;
  /** Processes that it may have started and that still live. */
  readonly processesMax: number;
  /** Files in the attempt's directory, in MiB; 0: not looked at. */
  readonly diskMebibytesMax: number;
}

/** A bound was crossed; `what` is a sentence about "it". */
export interface Excess {
  readonly fault: ExecutorFault;
  readonly what: string;
}

/** What is looked at. */
export interface Watched {
  readonly pid: number;
  /** Whether it can start processes at all; if not, nobody looks for them. */
  readonly startsProcesses: boolean;
  /** The attempt's directory. */
  readonly directory: string;
}

const MEBIBYTE = 1024 * 1024;
/** Fast enough that what is taken between two looks is small beside any sensible bound. */
const LOOK_INTERVAL_MS = 200;
/** Directories are looked at less often: there may be much in them. */
const LOOKS_PER_DISK_LOOK = 5;
/** Files that are counted; more are too many whatever their size. */
const FILES_MAX = 100_000;

/** Looks until stopped, or until a bound is crossed. */
export class AttemptWatch {
  readonly #watched: Watched;
  readonly #bounds: AttemptBounds;
  readonly #onExcess: (excess: Excess) => void;
  readonly #timer: ReturnType<typeof setInterval> | undefined;
  #looks = 0;
  #isMeasuring = false;
  #descendants: readonly ProcessMark[] = [];

  constructor(watched: Watched, bounds: AttemptBounds, onExcess: (excess: Excess) => void) {
    this.#watched = watched;
    this.#bounds = bounds;
    this.#onExcess = onExcess;
    if (Deno.build.os !== "linux") return;
    this.#timer = setInterval(() => this.#look(), LOOK_INTERVAL_MS);
    Deno.unrefTimer(this.#timer);
  }

  /** What the last look saw of the processes that it started. */
  get descendants(): readonly ProcessMark[] {
    return this.#descendants;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const { pid, startsProcesses } = this.#watched;
    const { memoryMebibytesMax, processesMax } = this.#bounds;
    if (startsProcesses) this.#descendants = descendantsOf(pid, processesMax + 1);
    if (this.#descendants.length > processesMax) {
      return this.#exceeded({
        fault: "processes",
        what: `it had more than the ${processesMax} processes that it may have`,
      });
    }
    const pids = [pid, ...this.#descendants.map((each) => each.pid)];
    const bytes = pids.reduce((sum, each) => sum + ownBytesOf(each), 0);
    if (bytes > memoryMebibytesMax * MEBIBYTE) {
      const taken = Math.round(bytes / MEBIBYTE);
      return this.#exceeded({
        fault: "memory",
        what: `it took ${taken} MiB of memory, and may take ${memoryMebibytesMax}`,
      });
    }
    if (++this.#looks % LOOKS_PER_DISK_LOOK === 0) this.#lookAtDisk();
  }

  async #lookAtDisk(): Promise<void> {
    const { diskMebibytesMax } = this.#bounds;
    if (diskMebibytesMax === 0 || this.#isMeasuring) return;
    this.#isMeasuring = true;
    const { bytes, files } = await contentsOf(this.#watched.directory);
    this.#isMeasuring = false;
    if (bytes > diskMebibytesMax * MEBIBYTE || files > FILES_MAX) {
      this.#exceeded({
        fault: "disk",
        what: `it has ${files} files with ${Math.round(bytes / MEBIBYTE)} MiB in its directory, ` +
          `and may have ${FILES_MAX} with ${diskMebibytesMax} MiB`,
      });
    }
  }

  #exceeded(excess: Excess): void {
    this.stop();
    this.#onExcess(excess);
  }
}

/** What a directory holds; of what goes away meanwhile nothing. */
async function contentsOf(directory: string): Promise<{ bytes: number; files: number }> {
  const sum = { bytes: 0, files: 0 };
  const open = [directory];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    try {
      for await (const entry of Deno.readDir(next)) {
        const path = `${next}/${entry.name}`;
        if (++sum.files > FILES_MAX) return sum;
        if (entry.isDirectory) open.push(path);
        else if (entry.isFile) sum.bytes += await occupiedBytes(path);
      }
    } catch {
      // Gone meanwhile, or closed to us by the job: the next look counts what can be counted then.
    }
  }
  return sum;
}

/** A file with holes takes less than its size. */
async function occupiedBytes(path: string): Promise<number> {
  const { blocks, size } = await Deno.lstat(path);
  return blocks === null ? size : Math.min(size, blocks * 512);
}
