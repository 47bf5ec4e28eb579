/**
 * Which job goes to which worker, and why a job still waits.
 *
 * @module
 */

export { offers, serves, type TaggedWorker } from "./eligible.ts";
export { type Choice, plan, type PlanLimits } from "./plan.ts";
export { POLICIES, type Policy, type Random, type TypePolicy } from "./policy.ts";
export { type Demand, explain, type Reason, tagsMissing } from "./explain.ts";
