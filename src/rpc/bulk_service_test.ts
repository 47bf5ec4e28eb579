import { create } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import { bulkHandlers } from "./bulk_service.ts";
import type { CallContext } from "./call.ts";
import { ListJobsRequestSchema } from "./gen/scheduler_pb.ts";
import type { JobQuery, MasterApi } from "./master_api.ts";

Deno.test("the original's filters narrow beside the filter, and may not say otherwise than it", async () => {
  const asked: JobQuery[] = [];
  const master = {
    listJobs: (query: JobQuery) => {
      asked.push(query);
      return Promise.resolve({ jobs: [], total: 0, totalIsExact: true, nextCursor: "" });
    },
  } as unknown as MasterApi;
  const { listJobs } = bulkHandlers(master);
  const call = {} as CallContext;
  const beside = { statusFilter: "failed", filter: { status: "failed", type: "noop" } };
  await listJobs(create(ListJobsRequestSchema, beside), call);
  assert.deepEqual([asked[0]?.status, asked[0]?.type], ["failed", "noop"]);
  for (
    const [request, message] of [
      [{ statusFilter: "failed", filter: { status: "completed" } }, /status_filter is "failed"/],
      [{ typeFilter: "a", filter: { type: "b" } }, /type_filter is "a", and filter says "b"/],
      [{ workerFilter: "w1", filter: { workerId: "w2" } }, /worker_filter is "w1"/],
    ] as const
  ) {
    await assert.rejects(
      Promise.resolve(listJobs(create(ListJobsRequestSchema, request), call)),
      message,
    );
  }
  assert.equal(asked.length, 1);
});
