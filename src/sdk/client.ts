/**
 * The client of a Conductor cluster, for programs on Deno and on Node.
 *
 * ```ts
 * import { connect } from "@conductor/conductor/client";
 *
 * await using client = connect("localhost:9000");
 * const job = await client.submit("test_sleep", { duration: "1s" });
 * console.log(await job.result());
 * ```
 *
 * @module
 */

export { Batch, SubmittedBatch } from "./batch.ts";
export {
  type BatchJob,
  ConductorClient,
  connect,
  type ListOptions,
  type SubmitCallOptions,
} from "./conductor_client.ts";
export type { ConnectOptions, TlsConnectOptions } from "./connection.ts";
export { fromEnvironment } from "./environment.ts";
export type { DeadLetters } from "./dead_letters.ts";
export {
  ConductorError,
  type ConductorErrorCode,
  type ConductorErrorReason,
  JobFailedError,
} from "./errors.ts";
export { type CallBounds, Job } from "./job.ts";
export { type JobKind, jobKind } from "./job_kind.ts";
export type { Reading } from "./payload.ts";
export type { ScheduleDefinition, Schedules, Timing } from "./schedules.ts";
export type { Scope } from "./scope.ts";
export type { JobStats } from "./stats.ts";
export type { JobDependency, SubmitOptions } from "./submit_options.ts";
export * as templates from "./templates.ts";
export { JobTemplate } from "./templates.ts";
export type { Workers } from "./workers.ts";
export type {
  AttemptView,
  BatchView,
  BulkAnswer,
  ClusterHealthView,
  DependencyView,
  JobDetails,
  JobEventView,
  JobFilter,
  JobOptionsView,
  JobOrder,
  JobPage,
  JobQuery,
  JobStatus,
  JobView,
  MemberView,
  RateView,
  ReasonView,
  ResultView,
  ScheduleView,
  SettingsChangeView,
  StandingView,
  Submission,
  TransitionView,
  WorkerStatsView,
  WorkerView,
} from "../rpc/light.ts";
