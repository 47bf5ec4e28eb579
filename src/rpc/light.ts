/**
 * The light door of this room: what clients and workers call a cluster with, without the servers.
 *
 * @module
 */

export { type BatchView, parentResult, type ParentResultView } from "./batch_api.ts";
export { boundTo, type Calls } from "./calls.ts";
export { type ChannelOptions, ClusterChannel } from "./channel.ts";
export * from "./client.ts";
export { type BatchItem, isFinished, SUBMITTED } from "./client_answers.ts";
export { type DependencyView, type JobOptionsView, PRIORITY_DEFAULT } from "./job_options.ts";
export type * from "./master_api.ts";
export type * from "./worker_calls.ts";
export * from "./schedule_api.ts";
export * from "./schedule_client.ts";
export type { RateView, ScopeName, SettingsChangeView, StandingView } from "./settings_api.ts";
export { inNamespace } from "./namespaced_calls.ts";
export { sealedCalls } from "./sealed_calls.ts";
export { codeOf, reasonOfCode, Refusal, type RefusalReason } from "./status.ts";
export type { OrderAnswer, WorkerApi } from "./worker_service.ts";
export { type SessionListener, SessionStream } from "./worker_client.ts";
export type { JobFilter, JobOrder, JobStatus } from "../jobs/mod.ts";
