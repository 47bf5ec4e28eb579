/**
 * A worker: registers with whichever master leads, runs attempts, reports until it is acknowledged, and
 * leaves in order. A session is a process: a reconnect keeps its attempts, a new process lists only what its
 * predecessor's journal holds. Attempts that could do harm run in processes of their own, which are watched,
 * bounded and ended from here.
 *
 * @module
 */

export { type AttemptEnvironment, InlineExecutor } from "./attempt.ts";
export { clearAttempts } from "./attempt_directories.ts";
export { ExecutorPools } from "./executor_pools.ts";
export {
  denoFlags,
  type Grants,
  parseGrants,
  PermissionsError,
  refusedBy,
  withHandlers,
} from "./executor_permissions.ts";
export { startWorkerGrpc } from "./grpc.ts";
export { startWorkerHttp } from "./http.ts";
export { hostResources, hostUsageMeter } from "./host_usage.ts";
export { processUsageMeter } from "./process_usage.ts";
export { endLeftovers } from "./process_tree.ts";
export { executorObserver, workerObserver } from "./metrics_observer.ts";
export { type ExecutorObserver, ProcessExecutor } from "./process_executor.ts";
export { ReportJournal } from "./report_journal.ts";
export { Worker, type WorkerOptions, type WorkerSize } from "./worker.ts";
export { claimDirectory } from "./directory_claim.ts";
