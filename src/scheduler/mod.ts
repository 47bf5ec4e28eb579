/**
 * Which job goes to which worker, and why a job still waits.
 *
 * @module
 */

export { type Choice, plan, type PlanLimits } from "./plan.ts";
export { POLICIES, type Policy, type Random, type TypePolicy } from "./policy.ts";
export { explain, type Reason } from "./explain.ts";
