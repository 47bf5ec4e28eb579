/**
 * The routes of the API, one row each: what is asked, and the call of `MasterService` that it stands
 * for, or the permission that it needs. Nothing else decides what there is: the gateway serves this
 * table, `openapi.ts` describes it, and `whoami` tells of it what its caller may use.
 *
 * @module
 */

import type { MasterService } from "../rpc/mod.ts";

/** Where all of it is. */
export const API_ROOT = "/api/v1";

export type Verb = "GET" | "POST" | "PUT" | "DELETE";

type Methods = typeof MasterService["method"];
type NamesOfKind<Kind> = {
  [Name in keyof Methods]: Methods[Name]["methodKind"] extends Kind ? Name : never;
}[keyof Methods];

export type UnaryName = NamesOfKind<"unary">;
export type StreamName = NamesOfKind<"server_streaming">;

/** What is shown of an answer in place of all of it. */
export type View =
  /** These fields of the answer, beside the job's id and status. */
  | { readonly fields: readonly string[]; readonly as?: string }
  /** Bytes as they are. */
  | { readonly bytes: "result" | "payload" };

/** What the node answers by itself. */
export type OwnName =
  | "whoami"
  | "login"
  | "logout"
  | "events"
  | "history"
  | "jobTypes"
  | "openapi"
  | "audit"
  | "auditStream";

interface Row {
  readonly verb: Verb;
  /** Below {@linkcode API_ROOT}. `{name}` is a field of the request. */
  readonly path: string;
  /** Under which heading it is described. */
  readonly tag: string;
  readonly summary: string;
}

/** A call, as its service has it. */
export interface CallRow extends Row {
  readonly kind: "call";
  readonly rpc: UnaryName;
  /** Fields of the request that the route decides. */
  readonly fixed?: Readonly<Record<string, string | number | boolean>>;
  readonly view?: View;
}

/** A stream, as its service has it, as server-sent events or as a file. */
export interface StreamRow extends Row {
  readonly kind: "stream";
  readonly rpc: StreamName;
  readonly events: "job" | "log" | "batch" | "file";
  /** Fields of the request that the route decides. */
  readonly fixed?: Readonly<Record<string, string | number | boolean>>;
}

/**
 * What stands for no call: everybody may, whoever is known may, whoever may make a call that shows as
 * much, or holders of a permission.
 */
export interface OwnRow extends Row {
  readonly kind: "own";
  readonly own: OwnName;
  readonly access: "open" | "known" | { readonly like: UnaryName } | {
    readonly permission: string;
  };
  /** The names of its events, where it is a stream of them. */
  readonly events?: readonly string[];
  /** How much of a body it reads, where strangers may send it one; absent: as much as a call's. */
  readonly bodyBytesMax?: number;
  /** What it takes in its query, and what that means. */
  readonly query?: Readonly<Record<string, string>>;
}

export type ApiRow = CallRow | StreamRow | OwnRow;

function call(
  tag: string,
  route: string,
  rpc: UnaryName,
  summary: string,
  more: Pick<CallRow, "fixed" | "view"> = {},
): CallRow {
  return { kind: "call", tag, ...verbAndPath(route), rpc, summary, ...more };
}

function stream(
  tag: string,
  route: string,
  rpc: StreamName,
  summary: string,
  more: Pick<StreamRow, "events" | "fixed">,
): StreamRow {
  return { kind: "stream", tag, ...verbAndPath(route), rpc, summary, ...more };
}

function own(
  tag: string,
  route: string,
  name: OwnName,
  access: OwnRow["access"],
  summary: string,
  more: Pick<OwnRow, "events" | "query" | "bodyBytesMax"> = {},
): OwnRow {
  return { kind: "own", tag, ...verbAndPath(route), own: name, access, summary, ...more };
}

function verbAndPath(route: string): Pick<Row, "verb" | "path"> {
  const [verb, path] = route.split(" ") as [Verb, string];
  return { verb, path };
}

const WITHOUT_PAYLOAD = { without_payload: true };

const JOBS: readonly ApiRow[] = [
  call("jobs", "GET /jobs", "listJobs", "Jobs by page, without payloads and results"),
  call("jobs", "POST /jobs", "submitJob", "Submits a job"),
  call("jobs", "POST /jobs/submit-many", "submitJobs", "Submits many jobs at once"),
  call("jobs", "POST /jobs/cancel", "cancelJobs", "Cancels every unfinished job of a filter"),
  call("jobs", "GET /jobs/{job_id}", "getJobStatus", "A job as it is now, and what happened to it"),
  call("jobs", "GET /jobs/{job_id}/explain", "getJobStatus", "Why a job is where it is", {
    fixed: WITHOUT_PAYLOAD,
    view: { fields: ["waiting_reasons", "reasons"] },
  }),
  call("jobs", "GET /jobs/{job_id}/attempts", "getJobStatus", "Its attempts", {
    fixed: WITHOUT_PAYLOAD,
    view: { fields: ["attempts"] },
  }),
  call("jobs", "GET /jobs/{job_id}/history", "getJobStatus", "The latest changes of its status", {
    fixed: WITHOUT_PAYLOAD,
    view: { fields: ["history"] },
  }),
  call(
    "jobs",
    "GET /jobs/{job_id}/logs",
    "getJobStatus",
    "What is kept of its last attempt's log",
    {
      fixed: WITHOUT_PAYLOAD,
      view: { fields: ["log_tail"], as: "lines" },
    },
  ),
  call("jobs", "GET /jobs/{job_id}/result", "getJobStatus", "Its result as it left it", {
    fixed: WITHOUT_PAYLOAD,
    view: { bytes: "result" },
  }),
  call("jobs", "GET /jobs/{job_id}/payload", "getJobStatus", "What it was given", {
    fixed: { without_payload: false },
    view: { bytes: "payload" },
  }),
  stream("jobs", "GET /jobs/{job_id}/events", "watchJob", "Its changes and progress, to its end", {
    events: "job",
    fixed: { log_from_line: 0 },
  }),
  stream("jobs", "GET /jobs/{job_id}/logs/stream", "watchJob", "Its log, from its beginning", {
    events: "log",
    fixed: { log_from_line: 1 },
  }),
  call("jobs", "POST /jobs/{job_id}/cancel", "cancelJob", "Cancels a job that is not finished"),
  call("jobs", "POST /jobs/{job_id}/retry", "retryFromDLQ", "Gives a dead letter another try"),
];

const DEAD_LETTERS: readonly ApiRow[] = [
  call("dead letters", "GET /dead-letters", "listDLQ", "Jobs that failed for good"),
  call("dead letters", "POST /dead-letters/retry", "retryDeadLetters", "Gives many another try"),
  call("dead letters", "POST /dead-letters/purge", "purgeDeadLetters", "Forgets them for ever"),
];

const BATCHES: readonly ApiRow[] = [
  call("batches", "GET /batches", "listBatches", "Batches that have jobs, the latest first"),
  call("batches", "GET /batches/{batch_id}", "getBatch", "How many jobs of a batch are where"),
  stream("batches", "GET /batches/{batch_id}/events", "watchBatch", "The same as it changes", {
    events: "batch",
  }),
  call("batches", "POST /batches/{batch_id}/cancel", "cancelBatch", "Cancels what is unfinished"),
];

const SCHEDULES: readonly ApiRow[] = [
  call("schedules", "GET /schedules", "listSchedules", "Schedules by name, without payloads"),
  call("schedules", "POST /schedules", "addSchedule", "Makes a schedule"),
  call("schedules", "GET /schedules/{name}", "getSchedule", "One, and when it will be due"),
  call("schedules", "DELETE /schedules/{name}", "removeSchedule", "Forgets it; its jobs stay"),
  call("schedules", "POST /schedules/{name}/pause", "pauseSchedule", "Lets it make no jobs"),
  call("schedules", "POST /schedules/{name}/resume", "resumeSchedule", "Lets it go on"),
  call("schedules", "POST /schedules/{name}/trigger", "triggerSchedule", "Makes a job of it now"),
  call("schedules", "POST /next-runs", "nextRuns", "When a timing, or a schedule, will be due"),
];

const QUEUES: readonly ApiRow[] = [
  call(
    "queues and types",
    "GET /queues",
    "listQueues",
    "How queues stand, and what is set for them",
  ),
  call("queues and types", "GET /types", "listTypes", "How job types stand, and what is set"),
  call(
    "queues and types",
    "POST /queues/{name}/configure",
    "configure",
    "Pauses, resumes and limits a queue",
    { fixed: { scope: "queue" } },
  ),
  call(
    "queues and types",
    "POST /types/{name}/configure",
    "configure",
    "Pauses, resumes and limits a job type",
    { fixed: { scope: "type" } },
  ),
  own(
    "queues and types",
    "GET /job-types",
    "jobTypes",
    { permission: "job:list" },
    "The job types inside the program: their payloads as JSON Schema, and examples",
  ),
];

const WORKERS: readonly ApiRow[] = [
  call("workers", "GET /workers", "listWorkers", "The workers that the cluster knows"),
  call("workers", "GET /workers/{worker_id}", "getWorker", "One, and what it holds"),
  call(
    "workers",
    "POST /workers/{worker_id}/drain",
    "drainWorker",
    "Gives it no new jobs, or again",
  ),
];

const CLUSTER: readonly ApiRow[] = [
  own(
    "cluster",
    "GET /events",
    "events",
    { like: "getClusterHealth" },
    "The cluster once a second, and which jobs change",
    { events: ["cluster", "jobs"] },
  ),
  own(
    "cluster",
    "GET /history",
    "history",
    { permission: "cluster:view" },
    "Throughput, latency and load of the last quarter of an hour",
  ),
  call(
    "cluster",
    "GET /cluster",
    "getClusterHealth",
    "Who leads, as the node that is asked sees it",
  ),
  call("cluster", "GET /members", "listMembers", "The masters as their leader sees them"),
  call("cluster", "POST /members", "addMember", "Expects a master"),
  call("cluster", "POST /members/{node_id}/promote", "promoteMember", "Lets a learner vote"),
  call("cluster", "DELETE /members/{node_id}", "removeMember", "Takes a master out"),
  stream("cluster", "GET /cluster/backup", "backup", "The whole state, as a backup file", {
    events: "file",
  }),
  call(
    "cluster",
    "POST /cluster/transfer-leadership",
    "transferLeadership",
    "Hands leadership over",
  ),
  call(
    "cluster",
    "POST /cluster/snapshot",
    "takeSnapshot",
    "Cuts the log of the node that is asked",
  ),
];

const TRUST: readonly ApiRow[] = [
  call("trust", "POST /tokens", "issueToken", "Signs a token for somebody"),
  call("trust", "POST /tokens/revoke", "revokeToken", "Ends a token, a family or a subject's"),
  call("trust", "POST /certificates/revoke", "revokeCertificate", "Ends a certificate"),
  call("trust", "GET /revocations", "listRevocations", "What is revoked"),
  call("trust", "GET /policy", "getPolicy", "Who may do what"),
  call("trust", "PUT /policy", "setPolicy", "Changes that"),
  call("trust", "POST /policy/test", "testPolicy", "Whether roles may call a method, and why"),
];

const AUDIT: readonly ApiRow[] = [
  own(
    "trust",
    "GET /audit",
    "audit",
    { permission: "audit:view" },
    "The end of the audit log of the node that is asked",
    { query: { limit: "Lines, at most 1,000; default 200" } },
  ),
  own(
    "trust",
    "GET /audit/stream",
    "auditStream",
    { permission: "audit:view" },
    "Its lines as they are written",
    { events: ["audit", "missed"] },
  ),
];

/** A token has at most 8,192 characters. */
const LOGIN_BYTES_MAX = 16 * 1024;

const SESSION: readonly ApiRow[] = [
  own("session", "GET /whoami", "whoami", "known", "Who is asking, and what they may do here"),
  own("session", "POST /login", "login", "known", "Begins a session of a browser with a token", {
    bodyBytesMax: LOGIN_BYTES_MAX,
  }),
  own("session", "POST /logout", "logout", "open", "Ends it"),
  own("session", "GET /openapi.json", "openapi", "open", "This description"),
];

/** How the gate and the audit log name a route that stands for no call. */
export function routeName({ verb, path }: Pick<ApiRow, "verb" | "path">): string {
  return `${verb} ${API_ROOT}${path}`;
}

/** Every route. */
export const API_ROUTES: readonly ApiRow[] = [
  ...JOBS,
  ...DEAD_LETTERS,
  ...BATCHES,
  ...SCHEDULES,
  ...QUEUES,
  ...WORKERS,
  ...CLUSTER,
  ...TRUST,
  ...AUDIT,
  ...SESSION,
];

/** Calls that no route stands for, since they are made by programs that speak gRPC anyway. */
export const NOT_SERVED: readonly (keyof Methods)[] = [
  "joinCluster",
  "registerWorker",
  "heartbeat",
  "reportResult",
  "deregisterWorker",
  "workerSession",
  "submitStream",
  "getParentResult",
  "enrolWorker",
  "refreshToken",
];
