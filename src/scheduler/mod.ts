/**
 * Which job goes to which worker, and why a job still waits. `plan` takes a view of the state, a time and a
 * policy, and gives assignments; it is pure and remembers nothing, so any leader plans the same. What limits and
 * turns allow is the state's to say and checked again when an assignment is applied; order and choice are
 * the leader's. `explain` answers whoever asks why a job waits.
 *
 * @module
 */

export { offers, serves, type TaggedWorker } from "./eligible.ts";
export { plan } from "./plan.ts";
export { type Policy, type TypePolicy } from "./policy.ts";
export { type Demand, explain, type ReasonCode, tagsMissing } from "./explain.ts";
