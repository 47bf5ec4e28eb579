import assert from "node:assert/strict";
import type { Calls } from "./calls.ts";
import { MasterService } from "./gen/scheduler_pb.ts";
import { inNamespace } from "./namespaced_calls.ts";

/** What is asked of the channel below. */
function recorded(): { readonly asked: unknown[]; readonly calls: Calls } {
  const asked: unknown[] = [];
  const calls = {
    call: (_method: unknown, request: unknown) => Promise.resolve(asked.push(request)),
    submit: (request: unknown) => Promise.resolve(asked.push(request)),
    stream: async function* (_method: unknown, request: unknown) {
      yield await Promise.resolve(asked.push(request));
    },
    close() {},
  } as unknown as Calls;
  return { asked, calls };
}

Deno.test("every request that may name a namespace names it, unless it names another", async () => {
  const { asked, calls } = recorded();
  const inRed = inNamespace(calls, "red");
  const { method } = MasterService;
  await inRed.submit({ type: "a" });
  await inRed.submit({ type: "a", namespace: "blue" });
  await inRed.call(method.submitJobs, { jobs: [{ type: "a" }, { namespace: "blue" }] });
  await inRed.call(method.addSchedule, { schedule: { name: "s", job: { type: "a" } } });
  await inRed.call(method.listJobs, { limit: 3 });
  await inRed.call(method.cancelJobs, { filter: { type: "a" } });
  await inRed.call(method.getBatch, { batchId: "b" });
  await inRed.call(method.getJobStatus, { jobId: "j" });
  for await (const _ of inRed.stream(method.watchBatch, { batchId: "b" }));
  assert.deepEqual(asked, [
    { type: "a", namespace: "red" },
    { type: "a", namespace: "blue" },
    { jobs: [{ type: "a", namespace: "red" }, { namespace: "blue" }] },
    { schedule: { name: "s", job: { type: "a", namespace: "red" } } },
    { limit: 3, filter: { namespace: "red" } },
    { filter: { type: "a", namespace: "red" } },
    { batchId: "b", namespace: "red" },
    { jobId: "j" },
    { batchId: "b", namespace: "red" },
  ]);
});

Deno.test("without a namespace a channel stays as it is", () => {
  const { calls } = recorded();
  assert.equal(inNamespace(calls, ""), calls);
  assert.equal(inNamespace(calls, undefined), calls);
});
