/**
 * A node gives back to the system what a load took and needs no longer. The C library keeps freed memory
 * for later and lets go of little but the end of its heap: of a master's 290 MiB after a load it held 55
 * that nothing was in, and of the 450 after a start that looked through a million jobs 130.
 *
 * It is done when the node has come to rest. Under load what is free is soon taken again, and to have
 * it come anew cost a twentieth of the cycles.
 *
 * @module
 */

import process from "node:process";
import { systemTicker, type Ticker } from "../observability/mod.ts";

/** How often it is looked whether the node rests, in ms. */
export const LOOK_INTERVAL_MS = 5_000;
/** A node rests while it takes less of one processor. */
const REST_SHARE = 0.2;
/** So often memory is given back in one rest, a look apart: V8 frees what it held bit by bit. */
export const TIMES_A_REST = 3;

/** What is asked of the system. */
export interface ProcessMemory {
  /** Processor time that this process has used, in ms. */
  cpuMs(): number;
  /** Gives back what is free; `undefined` where the system has no such thing. */
  readonly giveBack: (() => Promise<void>) | undefined;
}

/**
 * Begins to look whether the node rests.
 *
 * @returns stops looking
 */
export function returnMemoryAtRest(
  memory: ProcessMemory = ownMemory(),
  ticker: Ticker = systemTicker,
): () => void {
  const { giveBack } = memory;
  if (giveBack === undefined) return () => {};
  let owed = TIMES_A_REST;
  let lookedAtMs = ticker.now();
  let usedMs = memory.cpuMs();
  return ticker.every(LOOK_INTERVAL_MS, () => {
    const [beforeMs, usedBeforeMs] = [lookedAtMs, usedMs];
    [lookedAtMs, usedMs] = [ticker.now(), memory.cpuMs()];
    if (usedMs - usedBeforeMs >= REST_SHARE * (lookedAtMs - beforeMs)) owed = TIMES_A_REST;
    else if (owed-- > 0) void giveBack();
    else owed = 0;
  });
}

const SYMBOLS = {
  // A quarter of a millisecond for each MiB that it gives back: on a thread, beside which the loop goes on until it needs
  // memory of the part that is being gone through.
  malloc_trim: { parameters: ["usize"], result: "i32", nonblocking: true },
} as const;

/** This process's. */
export function ownMemory(): ProcessMemory {
  const libc = openLibc();
  return {
    cpuMs() {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1_000;
    },
    giveBack: libc && (async () => void await libc.malloc_trim(0n)),
  };
}

function openLibc() {
  if (Deno.build.os !== "linux") return undefined;
  try {
    return Deno.dlopen("libc.so.6", SYMBOLS).symbols;
  } catch {
    return undefined; // another C library, or no permission
  }
}
