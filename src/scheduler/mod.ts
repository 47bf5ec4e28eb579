/**
 * Which job goes to which worker, and why a job still waits.
 *
 * @module
 */

export { offers, serves, type TaggedWorker } from "./eligible.ts";
export { plan } from "./plan.ts";
export { type Policy, type TypePolicy } from "./policy.ts";
export { type Demand, explain, tagsMissing } from "./explain.ts";
