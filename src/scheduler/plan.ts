/**
 * From the replicated truth and a time, which job goes to which worker.
 *
 * @module
 */

import type { Assignment, SchedulingView } from "../jobs/mod.ts";

/** How a worker is chosen for the next job; each truly what its name says. */
export type Policy = "round-robin" | "least-loaded" | "capacity-aware" | "priority" | "random";

/** A source of chance: uniform in [0, 1). */
export type Random = () => number;

/** What one call of {@linkcode plan} may do, and what is already on its way. */
export interface PlanLimits {
  /** Assignments in one plan. Default 1,000. */
  readonly assignmentsMax?: number;
  /** Assignments proposed and not yet applied: their jobs and slots are taken. */
  readonly inFlight?: readonly Assignment[];
}

export function plan(
  _view: SchedulingView,
  _nowMs: number,
  _policy: Policy,
  _random: Random,
  _limits: PlanLimits = {},
): Assignment[] {
  throw new Error("not built yet");
}
