/**
 * gRPC: the services a master offers, the clients that call them, and the only place that knows
 * wire types. Generated code is in `gen/` (`deno task proto`); everything else speaks the domain's
 * views of `master_api.ts` and the calls that it extends.
 *
 * @module
 */

export { ASSIGNED_BYTES_MAX, assignedBytes } from "./assigned_bytes.ts";
export * from "./bound.ts";
export * from "./call.ts";
export type { Calls } from "./calls.ts";
export * from "./channel.ts";
export * from "./client.ts";
export { type BatchItem, SUBMITTED } from "./client_answers.ts";
export type { ClusterView } from "./cluster_view.ts";
export * from "./forward_client.ts";
export * from "./forward_service.ts";
export * from "./forwarding.ts";
export { endingOnGoaway } from "./goaway_credentials.ts";
export * from "./health.ts";
export * from "./introduction.ts";
export { type DependencyView, type JobOptionsView, PRIORITY_DEFAULT } from "./job_options.ts";
export { filterText } from "./job_filter.ts";
export { DEFAULT_NAMESPACE, isNamespace } from "../jobs/mod.ts";
export type { JobFilter } from "../jobs/mod.ts";
export {
  type BatchApi,
  type BatchName,
  type BatchPage,
  type BatchView,
  type ParentResultQuery,
  type ParentResultView,
} from "./batch_api.ts";
export { LogReader } from "./log_reader.ts";
export * from "./master_api.ts";
export * from "./worker_calls.ts";
export { PAGE_WORKERS_MAX, type WorkerPage, type WorkerQuery } from "./worker_page.ts";
export {
  type Configuration,
  type Configured,
  type RateView,
  type ScopeName,
  type SettingsApi,
  type SettingsChangeView,
  type StandingView,
} from "./settings_api.ts";
export { masterService } from "./master_service.ts";
export * from "./member_api.ts";
export * from "./member_client.ts";
export * from "./observed_calls.ts";
export { pause } from "./pause.ts";
export * from "./peer_transport.ts";
export * from "./reflection.ts";
export { requestIdOf } from "./request_id.ts";
export * from "./schedule_api.ts";
export * from "./schedule_client.ts";
export type {
  PolicyVerdict,
  PolicyView,
  RevocationOrder,
  RevocationView,
  SecurityApi,
  TokenOrder,
  TokenPairView,
} from "./security_api.ts";
export { joinTokenView, tokenPairView } from "./security_api.ts";
export { SecurityClient } from "./security_client.ts";
export { inNamespace } from "./namespaced_calls.ts";
export { sealedCalls } from "./sealed_calls.ts";
export * from "./server.ts";
export * from "./status.ts";
export { STREAMING_METHODS } from "./streaming_methods.ts";
export { StreamWatch } from "./stream_watch.ts";
export { parentsFirst } from "./submission_order.ts";
export * from "./worker_caller.ts";
export * from "./worker_service.ts";
export { methodPath } from "./wire.ts";
export { Health } from "./gen/grpc/health/v1/health_pb.ts";
export { type GetJobStatusResponse, type JobResult, MasterService } from "./gen/scheduler_pb.ts";
export { FoundingService, RaftService } from "./gen/raft_pb.ts";
export { ForwardService } from "./gen/forward_pb.ts";
export { WorkerService } from "./gen/worker_pb.ts";
