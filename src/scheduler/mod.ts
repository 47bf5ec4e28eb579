/**
 * Which job goes to which worker, and why a job still waits.
 *
 * @module
 */

export * from "./plan.ts";
