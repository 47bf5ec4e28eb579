/**
 * What the holder of a token for certain namespaces may call at all. Which jobs it then sees is
 * decided where the call is answered (`master/sight.ts`); here is refused what is about the cluster
 * as a whole, whatever the caller's roles: a new method is, until it is listed.
 */

import type { Principal } from "./principal.ts";
import type { Authorization } from "./rbac.ts";

/** Methods whose answers and effects can be kept to the jobs and workers of some namespaces. */
const METHODS: ReadonlySet<string> = new Set([
  "AddSchedule",
  "CancelBatch",
  "CancelJob",
  "CancelJobs",
  "DeregisterWorker",
  "DrainWorker",
  "GetBatch",
  "GetClusterHealth",
  "GetJobStatus",
  "GetParentResult",
  "GetSchedule",
  "GetWorker",
  "Heartbeat",
  "IssueToken",
  "ListBatches",
  "ListDLQ",
  "ListJobs",
  "ListQueues",
  "ListSchedules",
  "ListTypes",
  "ListWorkers",
  "NextRuns",
  "PauseSchedule",
  "PurgeDeadLetters",
  "RegisterWorker",
  "RemoveSchedule",
  "ReportResult",
  "ResumeSchedule",
  "RetryDeadLetters",
  "RetryFromDLQ",
  "RevokeToken",
  "SubmitJob",
  "SubmitJobs",
  "SubmitStream",
  "TriggerSchedule",
  "WatchBatch",
  "WatchJob",
  "WorkerSession",
].map((name) => `/proto.MasterService/${name}`));

/** They show what calls there are, and nobody's jobs. */
const REFLECTION = /^\/grpc\.reflection\.v1(alpha)?\.ServerReflection\//;

/** Permissions for routes that are no methods; those that are missing are about the whole cluster. */
const PERMISSIONS: ReadonlySet<string> = new Set([
  "job:submit",
  "job:cancel",
  "job:view",
  "job:list",
  "job:dlq:view",
  "job:dlq:retry",
  "job:dlq:purge",
  "schedule:view",
  "schedule:manage",
  "worker:register",
  "worker:report",
  "worker:view",
  "worker:manage",
  "token:issue",
]);

/** Whether a call can be kept to namespaces, whoever makes it. */
export function isConfinable(
  { method, permission }: { readonly method: string; readonly permission?: string | undefined },
): boolean {
  return permission === undefined
    ? METHODS.has(method) || REFLECTION.test(method)
    : PERMISSIONS.has(permission);
}

/** Whether the principal is confined, and the call cannot be kept to its namespaces. */
export function confinementOf(
  { userId, namespaces }: Principal,
  call: { readonly method: string; readonly permission?: string | undefined },
): Authorization {
  if (namespaces === undefined || isConfinable(call)) return ALLOWED;
  return {
    allowed: false,
    reason: `the token of "${userId}" is for ${namespacesText(namespaces)} alone, and ` +
      `${call.method} is about the whole cluster`,
  };
}

const ALLOWED: Authorization = Object.freeze({ allowed: true });

/** "the namespace red", "the namespaces red, blue", "no namespace". */
export function namespacesText(namespaces: readonly string[]): string {
  if (namespaces.length === 0) return "no namespace";
  return `the ${namespaces.length === 1 ? "namespace" : "namespaces"} ${namespaces.join(", ")}`;
}
