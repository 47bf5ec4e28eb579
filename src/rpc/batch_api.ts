/**
 * The calls about batches, and what a child may read of its parents: views, their way over the wire,
 * and the handlers over a {@linkcode BatchApi}.
 *
 * @module
 */

import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import type { CallContext, ServiceHandlers } from "./call.ts";
import type { ClusterChannel } from "./channel.ts";
import { type Batch, type BatchSchema, MasterService } from "./gen/scheduler_pb.ts";
import { Refusal } from "./status.ts";

/** How many jobs of a batch there are. */
export interface BatchView {
  readonly id: string;
  readonly createdAtMs: number;
  readonly submittedBy: string;
  /** Jobs that were ever submitted with it. */
  readonly total: number;
  /** Jobs that are there, by status. */
  readonly byStatus: Readonly<Record<BatchStatus, number>>;
  /** None of its jobs is unfinished. */
  readonly isFinished: boolean;
}

const STATUSES = [
  "waiting",
  "pending",
  "assigned",
  "running",
  "completed",
  "failed",
  "cancelled",
] as const;
type BatchStatus = typeof STATUSES[number];

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

/** What a master answers about batches. */
export interface BatchApi {
  getBatch(batchId: string, options: { readonly stale: boolean }): Promise<BatchView>;
  /** Sends the counts now and after changes until all jobs are finished. */
  watchBatch(
    batchId: string,
    send: (batch: BatchView) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void>;
  cancelBatch(
    batchId: string,
    reason: string,
    call: CallContext,
  ): Promise<{ readonly matched: number; readonly cancelled: number }>;
  listBatches(
    query: { readonly limit: number; readonly cursor: string; readonly isUnfinished: boolean },
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
    getBatch: async ({ batchId, stale }) => ({
      batch: batchToWire(await master.getBatch(required(batchId, "batch_id"), { stale })),
    }),
    watchBatch: (request, call, out) =>
      master.watchBatch(
        required(request.batchId, "batch_id"),
        (batch) => out.write(batchToWire(batch)),
        call.signal,
      ),
    cancelBatch: async ({ batchId, reason }, call) => {
      const { matched, cancelled } = await master.cancelBatch(
        required(batchId, "batch_id"),
        reason,
        call,
      );
      return { matched: BigInt(matched), cancelled: BigInt(cancelled) };
    },
    listBatches: async ({ limit, cursor, unfinished }) => {
      if (limit < 0) throw new Refusal("invalid", `limit is ${limit}; it may not be negative`);
      const { batches, nextCursor } = await master.listBatches({
        limit: limit === 0 ? LIST_LIMIT_DEFAULT : Math.min(limit, LIST_LIMIT_MAX),
        cursor,
        isUnfinished: unfinished,
      });
      return { batches: batches.map(batchToWire), nextCursor };
    },
    getParentResult: async (request) => {
      const { status, ...result } = await master.parentResult({
        workerId: required(request.workerId, "worker_id"),
        jobId: required(request.jobId, "job_id"),
        token: Number(request.fencingToken),
        parentId: required(request.parentId, "parent_id"),
      });
      return { status, result: { success: status === "completed", ...result } };
    },
  };
}

function required(value: string, field: string): string {
  if (value !== "") return value;
  throw new Refusal("invalid", `${field} is missing`);
}

function batchToWire(batch: BatchView): MessageInitShape<typeof BatchSchema> {
  const counts = Object.fromEntries(
    STATUSES.map((status) => [status, BigInt(batch.byStatus[status])]),
  );
  return {
    id: batch.id,
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
    STATUSES.map((status) => [status, Number(batch[status])]),
  ) as Record<BatchStatus, number>;
  return {
    id: batch.id,
    createdAtMs: batch.createdAt === undefined ? 0 : timestampMs(batch.createdAt),
    submittedBy: batch.submittedBy,
    total: Number(batch.total),
    byStatus,
    isFinished: batch.finished,
  };
}
