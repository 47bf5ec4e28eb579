/**
 * A worker for job types of your own, on Deno and on Node.
 *
 * ```ts
 * import { ConductorWorker, defineJobType } from "@conductor/conductor/worker";
 *
 * const greet = defineJobType({
 *   name: "greet",
 *   run: ({ name }: { name: string }, job) => {
 *     job.log(`greeting ${name}`);
 *     return { greeting: `Hello, ${name}!` };
 *   },
 * });
 * await new ConductorWorker({ addresses: "localhost:9000", types: [greet] }).run();
 * ```
 *
 * @module
 */

export type { AttemptEnd, AttemptHooks, AttemptInfo } from "./attempt_hooks.ts";
export { ConductorWorker, type ConductorWorkerOptions } from "./conductor_worker.ts";
export type { ConnectOptions, TlsConnectOptions } from "./connection.ts";
export { fromEnvironment } from "./environment.ts";
export { type JobKind, jobKind } from "./job_kind.ts";
export {
  defineJobType,
  type JobContext,
  type JobType,
  type JobTypeDefinition,
  type ParentOutcome,
} from "./job_type.ts";
export type { Reading } from "./payload.ts";
export type {
  PayloadSchema,
  SafeParseSchema,
  StandardIssue,
  StandardResult,
  StandardSchema,
} from "./payload_schema.ts";
export type { WorkerLog } from "./worker_log.ts";
export {
  JobTypeNameError,
  type ParentJob,
  type PayloadIssue,
  PermanentJobError,
} from "../job_types/light.ts";
