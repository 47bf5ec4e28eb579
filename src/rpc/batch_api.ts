/**
 * The calls about batches, and what a child may read of its parents: views, their way over the wire,
 * and the handlers over a {@linkcode BatchApi}.
 *
 * @module
 */

import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { DEFAULT_NAMESPACE, JOB_STATUSES, type JobStatus } from "../jobs/mod.ts";
import type { CallContext, ServiceHandlers } from "./call.ts";
import type { ClusterChannel } from "./channel.ts";
import { type Batch, type BatchSchema, MasterService } from "./gen/scheduler_pb.ts";
import { exactly } from "./safe_count.ts";
import { Refusal } from "./status.ts";

/** How many jobs of a batch there are. */
export interface BatchView {
  readonly id: string;
  readonly namespace: string;
  readonly createdAtMs: number;
  readonly submittedBy: string;
  /** Jobs that were ever submitted with it. */
  readonly total: number;
  /** Jobs that are there, by status. */
  readonly byStatus: Readonly<Record<JobStatus, number>>;
  /** None of its jobs is unfinished. */
  readonly isFinished: boolean;
}

export interface BatchPage {
  readonly batches: readonly BatchView[];
  /** Where the next page starts; "" on the last. */
  readonly nextCursor: string;
}

/** A parent's end, and what it left. */
export interface ParentResultView {
  readonly status: string;
  readonly output: Uint8Array;
  readonly contentType: string;
  readonly error: string;
}

/** Names a parent, and the attempt that asks for it. */
export interface ParentResultQuery {
  readonly workerId: string;
  readonly jobId: string;
  readonly token: number;
  readonly parentId: string;
}

/** Names a batch. */
export interface BatchName {
  readonly id: string;
  /** "": the only one that the caller has, else the default one. */
  readonly namespace: string;
}

/** What a master answers about batches. */
export interface BatchApi {
  getBatch(
    batch: BatchName,
    options: { readonly stale: boolean },
    call: Pick<CallContext, "caller">,
  ): Promise<BatchView>;
  /** Sends the counts now and after changes until all jobs are finished. */
  watchBatch(
    batch: BatchName,
    send: (batch: BatchView) => Promise<void>,
    call: Pick<CallContext, "caller" | "signal">,
  ): Promise<void>;
  cancelBatch(
    batch: BatchName,
    reason: string,
    call: CallContext,
  ): Promise<{ readonly matched: number; readonly cancelled: number }>;
  listBatches(
    query: {
      readonly limit: number;
      readonly cursor: string;
      readonly isUnfinished: boolean;
      /** "": all that the caller sees. */
      readonly namespace: string;
    },
    call: Pick<CallContext, "caller">,
  ): Promise<BatchPage>;
  /** @throws Refusal `failed_precondition` unless the worker holds that attempt */
  parentResult(query: ParentResultQuery): Promise<ParentResultView>;
}

const LIST_LIMIT_DEFAULT = 100;
const LIST_LIMIT_MAX = 1000;

export function batchHandlers(master: BatchApi): Pick<
  ServiceHandlers<typeof MasterService>,
  "getBatch" | "watchBatch" | "cancelBatch" | "listBatches" | "getParentResult"
> {
  return {
    getBatch: async (request, call) => ({
      batch: batchToWire(await master.getBatch(named(request), { stale: request.stale }, call)),
    }),
    watchBatch: (request, call, out) =>
      master.watchBatch(named(request), (batch) => out.write(batchToWire(batch)), call),
    cancelBatch: async (request, call) => {
      const { matched, cancelled } = await master.cancelBatch(
        named(request),
        request.reason,
        call,
      );
      return { matched: BigInt(matched), cancelled: BigInt(cancelled) };
    },
    listBatches: async ({ limit, cursor, unfinished, namespace }, call) => {
      if (limit < 0) throw new Refusal("invalid", `limit is ${limit}; it may not be negative`);
      const { batches, nextCursor } = await master.listBatches({
        limit: limit === 0 ? LIST_LIMIT_DEFAULT : Math.min(limit, LIST_LIMIT_MAX),
        cursor,
        isUnfinished: unfinished,
        namespace,
      }, call);
      return { batches: batches.map(batchToWire), nextCursor };
    },
    getParentResult: async (request) => {
      const { status, ...result } = await master.parentResult({
        workerId: required(request.workerId, "worker_id"),
        jobId: required(request.jobId, "job_id"),
        token: exactly("fencing_token", request.fencingToken),
        parentId: required(request.parentId, "parent_id"),
      });
      return { status, result: { success: status === "completed", ...result } };
    },
  };
}

function named(
  { batchId, namespace }: { readonly batchId: string; readonly namespace: string },
): BatchName {
  return { id: required(batchId, "batch_id"), namespace };
}

function required(value: string, field: string): string {
  if (value !== "") return value;
  throw new Refusal("invalid", `${field} is missing`);
}

function batchToWire(batch: BatchView): MessageInitShape<typeof BatchSchema> {
  const counts = Object.fromEntries(
    JOB_STATUSES.map((status) => [status, BigInt(batch.byStatus[status])]),
  );
  return {
    id: batch.id,
    namespace: batch.namespace,
    createdAt: timestampFromMs(batch.createdAtMs),
    submittedBy: batch.submittedBy,
    total: BigInt(batch.total),
    ...counts,
    finished: batch.isFinished,
  };
}

/** Asks the cluster for it, as a worker. */
export async function parentResult(
  channel: ClusterChannel,
  { workerId, jobId, token, parentId }: ParentResultQuery,
): Promise<ParentResultView> {
  const { status, result } = await channel.call(MasterService.method.getParentResult, {
    workerId,
    jobId,
    fencingToken: BigInt(token),
    parentId,
  });
  return {
    status,
    output: result?.output ?? new Uint8Array(0),
    contentType: result?.contentType ?? "",
    error: result?.error ?? "",
  };
}

export function batchFromWire(batch: Batch): BatchView {
  const byStatus = Object.fromEntries(
    JOB_STATUSES.map((status) => [status, Number(batch[status])]),
  ) as Record<JobStatus, number>;
  return {
    id: batch.id,
    namespace: batch.namespace || DEFAULT_NAMESPACE,
    createdAtMs: batch.createdAt === undefined ? 0 : timestampMs(batch.createdAt),
    submittedBy: batch.submittedBy,
    total: Number(batch.total),
    byStatus,
    isFinished: batch.finished,
  };
}
