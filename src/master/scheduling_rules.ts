/**
 * How the leader chooses among jobs and workers: its own choice, which a running master takes over anew
 * from its configuration's file.
 *
 * @module
 */

import type { JobMachineOptions } from "../jobs/mod.ts";
import type { Policy, TypePolicy } from "../scheduler/mod.ts";

export interface SchedulingRules {
  readonly policy: Policy;
  /** For jobs of these types, instead of `policy`. */
  readonly typePolicies: ReadonlyMap<string, TypePolicy>;
  /** How long a job waits to be worth one step of priority more, in ms; 0: no wait is worth any. */
  readonly priorityAgeingMs: number;
}

/** What the rules say of the order of jobs. */
export function ageingOf(
  { policy, priorityAgeingMs }: SchedulingRules,
): NonNullable<JobMachineOptions["priorityAgeingMs"]> {
  return policy === "priority" ? "strict" : priorityAgeingMs;
}
