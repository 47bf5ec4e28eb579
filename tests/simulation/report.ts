/** What is said about a seed that failed: how to see it again, whole and shrunk. */

import type { ShrinkLimits } from "./shrink.ts";
import { shrink } from "./shrink.ts";
import type { SimulationOptions, SimulationResult } from "./simulation.ts";

/** The command that runs the same again. */
function replayOf({ seed, nodes, ticks, kept }: SimulationOptions): string {
  const only = kept === undefined ? "" : ` --keep ${kept.size === 0 ? "none" : [...kept].join()}`;
  return `deno task sim --seeds 1 --seed ${seed} --nodes ${nodes} --ticks ${ticks}${only} --verbose`;
}

/** Lines about a failure; shrinking it takes some runs. */
export async function reportOf(
  options: SimulationOptions,
  failed: SimulationResult,
  limits?: ShrinkLimits,
): Promise<string> {
  const lines = [
    `seed ${options.seed}: ${failed.violation?.message}`,
    `  replay: ${replayOf(options)}`,
  ];
  const { kept, plan, result, runs } = await shrink(options, failed, limits);
  lines.push(
    `  shrunk to ${kept.length} of ${plan.length} events in ${runs} runs, which end at ` +
      `${result.simulatedMs.toFixed(0)} ms: ${result.violation?.message.split("\n")[0]}`,
  );
  for (const at of kept) {
    const deed = result.recent.find((line) => line.includes(` nemesis ${at}: `));
    lines.push(`    ${deed ?? `${plan[at]?.atMs.toFixed(3)} nemesis ${at}: ${plan[at]?.kind}`}`);
  }
  lines.push(`  replay: ${replayOf({ ...options, kept: new Set(kept) })}`);
  return lines.join("\n");
}
