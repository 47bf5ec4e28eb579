/**
 * What processes took, in words.
 *
 * @module
 */

import type { Usage } from "./meter.ts";

/** Processor time for each job, by process and of all that are no clients, and memory. */
export function usageText(usages: readonly Usage[], jobs: number): string {
  const perJob = (cpuMs: number) => (cpuMs / Math.max(1, jobs)).toFixed(4);
  const lines = usages.map(({ name, cpuMs, mebibytes }) =>
    `  ${name.padEnd(10)} ${perJob(cpuMs)} ms a job, ${mebibytes.toFixed(0)} MiB`
  );
  const servers = usages.filter(({ name }) => name === "leader" || name === "follower");
  const sum = servers.reduce((total, { cpuMs }) => total + cpuMs, 0);
  return [...lines, `  masters together ${perJob(sum)} ms of CPU a job`].join("\n");
}
