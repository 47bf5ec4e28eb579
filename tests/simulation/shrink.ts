/**
 * Makes a failing schedule short: leaves out planned events as long as the same checker still
 * notices something (delta debugging: Zeller and Hildebrandt, 2002). Works because each event is
 * decided by a seed of its own, so that the others stay what they are.
 */

import type { PlannedEvent } from "./nemesis_plan.ts";
import type { SimulationOptions, SimulationResult } from "./simulation.ts";
import { planOf, simulate } from "./simulation.ts";

/** A schedule that still fails. */
export interface Shrunk {
  /** Positions in the plan of the seed. */
  readonly kept: readonly number[];
  readonly plan: readonly PlannedEvent[];
  /** The run of what is kept. */
  readonly result: SimulationResult;
  readonly runs: number;
}

/** What bounds the search. */
export interface ShrinkLimits {
  readonly runsMax: number;
}

/** Shrinks the schedule of a run that failed. */
export async function shrink(
  options: SimulationOptions,
  failed: SimulationResult,
  { runsMax }: ShrinkLimits = { runsMax: 80 },
): Promise<Shrunk> {
  const plan = planOf(options);
  const checker = failed.violation?.checker;
  let best = failed;
  let runs = 0;
  const stillFails = async (kept: readonly number[]) => {
    runs++;
    const result = await simulate({ ...options, kept: new Set(kept) });
    if (result.violation?.checker !== checker) return false;
    best = result;
    return true;
  };
  const all = plan.keys().filter((at) => options.kept?.has(at) ?? true).toArray();
  // What came after the violation had no part in it.
  const before = all.filter((at) => (plan[at]?.atMs ?? 0) < failed.simulatedMs);
  const kept = await minimized(before, stillFails, () => runs < runsMax);
  return { kept, plan, result: best, runs };
}

/**
 * A part of `items` for which `fails` still says true, and from which, if `mayGoOn` allowed it, no
 * single item can be left out.
 */
export async function minimized<Item>(
  items: readonly Item[],
  fails: (items: readonly Item[]) => Promise<boolean>,
  mayGoOn: () => boolean,
): Promise<readonly Item[]> {
  if (items.length > 0 && mayGoOn() && await fails([])) return [];
  let current = items;
  let parts = 2;
  while (current.length > 1 && mayGoOn()) {
    const size = Math.ceil(current.length / parts);
    let smaller: readonly Item[] | undefined;
    for (let from = 0; from < current.length && mayGoOn(); from += size) {
      const rest = [...current.slice(0, from), ...current.slice(from + size)];
      if (!await fails(rest)) continue;
      smaller = rest;
      break;
    }
    if (smaller !== undefined) {
      current = smaller;
      parts = Math.max(2, parts - 1);
    } else if (size === 1) {
      return current;
    } else {
      parts = Math.min(current.length, 2 * parts);
    }
  }
  return current;
}
