/**
 * What each RPC must answer to whom: written down from the policy file's text, docs/security.md and the
 * .proto files, and asked of none of this program's own functions.
 *
 * @module
 */

import type { DescMethod } from "@bufbuild/protobuf";
import { MasterService, methodPath } from "../../src/rpc/mod.ts";
import { wireOf } from "./calls.ts";
import type { Scene } from "./scene.ts";
import type { JoinToken, RoleName } from "./tokens.ts";

/** A request's fields, as the scene gives them. */
type Fields = Record<string, unknown>;
type Asked = Fields | ((scene: Scene) => Fields);

/** What is expected of one RPC. */
export interface Expected {
  /** Who may call it; `anybody`: without a token, too. */
  readonly may: readonly RoleName[] | "anybody";
  /** Join tokens that open it. */
  readonly joins?: readonly JoinToken[];
  /** What it answers to who may, and to this request, which changes nothing that matters. */
  readonly code: string;
  readonly asked?: Asked;
  /**
   * A request that would change or tell something if whoever may not were let in; of workers' RPCs, one
   * that speaks for another worker. Default: `asked`.
   */
  readonly harmful?: Asked;
  /** Where the follower's answer is another one. */
  readonly onFollower?: string;
}

const ADMIN: readonly RoleName[] = ["admin"];
const OPERATORS: readonly RoleName[] = ["admin", "operator"];
const READERS: readonly RoleName[] = ["admin", "operator", "viewer"];
const WORKERS: readonly RoleName[] = ["admin", "worker"];
const MASTERS: readonly RoleName[] = ["admin", "master"];
/** `cluster:view`, which masters have of each other too. */
const CLUSTER_READERS: readonly RoleName[] = [...READERS, "master"];

const bytes = (text: string) => new TextEncoder().encode(text);
const NOBODYS_JOB = "01900000-0000-7000-8000-000000000000";
const NOOP = { type: "noop", payload: bytes("{}") };
const nightly = { name: "nightly" };
const yearly = { when: { case: "cron", value: "0 0 1 1 *" } };

/** Of the port for clients and workers. */
export const CLIENT_PORT: Readonly<Record<string, Expected>> = {
  ...ofService("proto.MasterService", {
    SubmitJob: { may: OPERATORS, code: "INVALID_ARGUMENT", harmful: NOOP },
    SubmitJobs: { may: OPERATORS, code: "OK", harmful: { jobs: [NOOP, NOOP] } },
    SubmitStream: {
      may: OPERATORS,
      code: "OK",
      asked: { sequence: 1n },
      harmful: { sequence: 1n, jobs: [NOOP] },
    },
    GetJobStatus: {
      may: READERS,
      code: "OK",
      asked: ({ things }) => ({ jobId: things.waitingJob }),
    },
    ListJobs: { may: READERS, code: "OK" },
    CancelJob: {
      may: OPERATORS,
      code: "NOT_FOUND",
      asked: { jobId: NOBODYS_JOB },
      harmful: ({ things }) => ({ jobId: things.waitingJob }),
    },
    CancelJobs: {
      may: OPERATORS,
      code: "OK",
      asked: { filter: { type: "none" } },
      harmful: { filter: { type: "noop" } },
    },
    WatchJob: { may: READERS, code: "OK", asked: ({ things }) => ({ jobId: things.waitingJob }) },
    GetBatch: { may: READERS, code: "OK", asked: ({ things }) => ({ batchId: things.batch }) },
    WatchBatch: { may: READERS, code: "OK", asked: ({ things }) => ({ batchId: things.batch }) },
    CancelBatch: {
      may: OPERATORS,
      code: "NOT_FOUND",
      asked: { batchId: "none" },
      harmful: ({ things }) => ({ batchId: things.batch }),
    },
    ListBatches: { may: READERS, code: "OK" },
    GetParentResult: {
      may: WORKERS,
      code: "NOT_FOUND",
      asked: { workerId: "of-worker", jobId: NOBODYS_JOB, parentId: NOBODYS_JOB },
      harmful: ({ things }) => ({
        workerId: "w1",
        jobId: things.runningJob,
        parentId: NOBODYS_JOB,
      }),
    },
    JoinCluster: {
      may: MASTERS,
      joins: ["joins a master"],
      code: "INVALID_ARGUMENT",
      harmful: { nodeId: "m9", address: "127.0.0.1:9", incarnation: "i", entryFormat: 2 },
    },
    RegisterWorker: {
      may: WORKERS,
      code: "INVALID_ARGUMENT",
      asked: { workerId: "of-worker", maxConcurrentJobs: -1 },
      harmful: { workerId: "w9", address: "127.0.0.1:9", maxConcurrentJobs: 1 },
    },
    Heartbeat: {
      may: WORKERS,
      code: "FAILED_PRECONDITION",
      asked: { workerId: "of-worker" },
      harmful: { workerId: "w1" },
    },
    ReportResult: {
      may: WORKERS,
      code: "NOT_FOUND",
      asked: { jobId: NOBODYS_JOB, workerId: "of-worker", result: { success: true } },
      harmful: ({ things }) => ({
        jobId: things.runningJob,
        workerId: "w1",
        result: { success: true },
      }),
    },
    DeregisterWorker: {
      may: WORKERS,
      code: "FAILED_PRECONDITION",
      asked: { workerId: "of-worker" },
      harmful: { workerId: "w1" },
    },
    WorkerSession: {
      may: WORKERS,
      code: "FAILED_PRECONDITION",
      // Sessions are not worth a further hop: their workers are sent on.
      onFollower: "UNAVAILABLE",
      harmful: { hello: { workerId: "w9", incarnation: "i", maxConcurrentJobs: 1 } },
    },
    DrainWorker: {
      may: OPERATORS,
      code: "NOT_FOUND",
      asked: { workerId: "none" },
      harmful: { workerId: "w1" },
    },
    ListTypes: { may: READERS, code: "OK" },
    ListQueues: { may: READERS, code: "OK" },
    Configure: {
      may: OPERATORS,
      code: "INVALID_ARGUMENT",
      harmful: { scope: "queue", name: "default", paused: true },
    },
    ListDLQ: { may: READERS, code: "OK" },
    RetryFromDLQ: {
      may: OPERATORS,
      code: "NOT_FOUND",
      asked: { jobId: NOBODYS_JOB },
      harmful: ({ things }) => ({ jobId: things.deadJob }),
    },
    RetryDeadLetters: {
      may: OPERATORS,
      code: "OK",
      asked: { all: true, dryRun: true },
      harmful: { all: true },
    },
    PurgeDeadLetters: {
      may: OPERATORS,
      code: "OK",
      asked: { all: true, dryRun: true },
      harmful: { all: true },
    },
    AddSchedule: {
      may: OPERATORS,
      code: "INVALID_ARGUMENT",
      harmful: { schedule: { name: "mine", timing: yearly, job: NOOP } },
    },
    ListSchedules: { may: READERS, code: "OK" },
    GetSchedule: { may: READERS, code: "OK", asked: nightly },
    RemoveSchedule: {
      may: OPERATORS,
      code: "NOT_FOUND",
      asked: { name: "none" },
      harmful: nightly,
    },
    PauseSchedule: { may: OPERATORS, code: "NOT_FOUND", asked: { name: "none" }, harmful: nightly },
    ResumeSchedule: { may: OPERATORS, code: "OK", asked: nightly },
    TriggerSchedule: {
      may: OPERATORS,
      code: "NOT_FOUND",
      asked: { name: "none" },
      harmful: nightly,
    },
    NextRuns: { may: READERS, code: "OK", asked: nightly },
    GetClusterHealth: { may: CLUSTER_READERS, joins: ["joins a master"], code: "OK" },
    ListWorkers: { may: READERS, code: "OK" },
    GetWorker: { may: READERS, code: "OK", asked: { workerId: "w1" } },
    ListMembers: { may: CLUSTER_READERS, code: "OK" },
    AddMember: {
      may: ADMIN,
      code: "INVALID_ARGUMENT",
      harmful: { nodeId: "m8", raftAddress: "127.0.0.1:9", grpcAddress: "127.0.0.1:8" },
    },
    PromoteMember: { may: ADMIN, code: "NOT_FOUND", asked: { nodeId: "none" } },
    RemoveMember: {
      may: ADMIN,
      code: "NOT_FOUND",
      asked: { nodeId: "none" },
      harmful: ({ follower }) => ({ nodeId: follower.name, force: true }),
    },
    TransferLeadership: {
      may: ADMIN,
      code: "NOT_FOUND",
      asked: { to: "none" },
      harmful: ({ follower }) => ({ to: follower.name }),
    },
    TakeSnapshot: { may: ADMIN, code: "OK" },
    Backup: { may: ADMIN, code: "OK" },
    IssueToken: {
      may: ADMIN,
      code: "INVALID_ARGUMENT",
      harmful: { subject: "mallory", roles: ["admin"] },
    },
    // The refresh token in it says who calls.
    RefreshToken: { may: "anybody", code: "UNAUTHENTICATED", asked: { refreshToken: "x.y.z" } },
    EnrolWorker: {
      may: ADMIN,
      joins: ["joins a worker"],
      code: "INVALID_ARGUMENT",
      harmful: { workerId: "w8", requestKey: "0123456789abcdef0123456789abcdef" },
    },
    RevokeToken: {
      may: ADMIN,
      code: "INVALID_ARGUMENT",
      harmful: { subject: "of-admin", reason: "out" },
    },
    RevokeCertificate: {
      may: ADMIN,
      code: "INVALID_ARGUMENT",
      harmful: { fingerprint256: "ab".repeat(32), reason: "out" },
    },
    ListRevocations: { may: OPERATORS, code: "OK" },
    GetPolicy: { may: OPERATORS, code: "OK" },
    SetPolicy: {
      may: ADMIN,
      code: "INVALID_ARGUMENT",
      asked: { text: "{" },
      harmful: {
        text: JSON.stringify({
          roles: [{ name: "stranger", permissions: ["admin:*"] }],
          policies: [],
        }),
      },
    },
    TestPolicy: { may: OPERATORS, code: "OK", asked: { roles: ["viewer"], method: "SubmitJob" } },
  }),
  ...openAndDescribed(),
};

/** Of the port of a worker, which masters call, and which the administrator may. */
export const WORKER_PORT: Readonly<Record<string, Expected>> = {
  ...ofService("proto.WorkerService", {
    AssignJob: {
      may: MASTERS,
      code: "INVALID_ARGUMENT",
      harmful: { workerId: "w1", job: { id: NOBODYS_JOB, type: "test_sleep" } },
    },
    CancelJob: {
      may: MASTERS,
      code: "INVALID_ARGUMENT",
      harmful: ({ things }) => ({ workerId: "w1", jobId: things.runningJob, reason: "out" }),
    },
  }),
  ...openAndDescribed(),
};

/** Of the port that masters have for each other: what it answers to a master's certificate. */
export const PEERS_PORT: Readonly<Record<string, Omit<Expected, "may">>> = {
  "/proto.RaftService/Exchange": { code: "FAILED_PRECONDITION", asked: { clusterId: "none" } },
  "/proto.ForwardService/Forward": {
    code: "FAILED_PRECONDITION",
    asked: { clusterId: "none" },
    harmful: (scene) => forwarded(scene, MasterService.method.submitJob, NOOP),
  },
  "/proto.ForwardService/ForwardStream": {
    code: "FAILED_PRECONDITION",
    asked: { clusterId: "none" },
    harmful: (scene) => forwarded(scene, MasterService.method.backup, {}),
  },
  "/proto.ForwardService/ForwardSession": {
    code: "FAILED_PRECONDITION",
    asked: { clusterId: "none" },
    harmful: (scene) =>
      forwarded(scene, MasterService.method.workerSession, {
        hello: { workerId: "w9", incarnation: "i", maxConcurrentJobs: 1 },
      }),
  },
  "/proto.FoundingService/Introduce": { code: "OK", asked: { nodeId: "three", incarnation: "i" } },
};

function openAndDescribed(): Record<string, Expected> {
  return {
    ...ofService("grpc.health.v1.Health", {
      Check: { may: "anybody", code: "OK" },
      Watch: { may: "anybody", code: "OK" },
      List: { may: "anybody", code: "OK" },
    }),
    ...ofService("grpc.reflection.v1.ServerReflection", {
      ServerReflectionInfo: { may: CLUSTER_READERS, code: "OK" },
    }),
    ...ofService("grpc.reflection.v1alpha.ServerReflection", {
      ServerReflectionInfo: { may: CLUSTER_READERS, code: "OK" },
    }),
  };
}

/** A call of an administrator's, as a follower would pass it on; whoever sends it is none. */
function forwarded({ things, follower }: Scene, method: DescMethod, request: Fields): Fields {
  return {
    clusterId: things.clusterId,
    fromNode: follower.name,
    method: methodPath(method),
    request: wireOf(method, request),
    userId: "root",
    roles: ["admin"],
    peerAddress: "127.0.0.1:1",
    identity: { source: "token", tokenSubject: "root" },
  };
}

function ofService(
  service: string,
  methods: Readonly<Record<string, Expected>>,
): Record<string, Expected> {
  return Object.fromEntries(
    Object.entries(methods).map(([name, each]) => [`/${service}/${name}`, each]),
  );
}

/** The request's fields. */
export function fieldsOf(scene: Scene, asked: Asked = {}): Fields {
  return typeof asked === "function" ? asked(scene) : asked;
}

/** The request, as bytes. */
export function requestOf(scene: Scene, method: DescMethod, asked?: Asked): Uint8Array {
  return wireOf(method, fieldsOf(scene, asked));
}
