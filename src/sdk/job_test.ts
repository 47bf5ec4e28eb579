import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { GetJobStatusResponseSchema } from "../rpc/gen/scheduler_pb.ts";
import { type Calls, SUBMITTED } from "../rpc/light.ts";
import { Job } from "./job.ts";
import { payloadBytes } from "./payload.ts";

const calls: Calls = {
  call: () => Promise.reject(new Error("nothing is asked")),
  submit: () => Promise.reject(new Error("nothing is asked")),
  async *stream() {},
  close() {},
};

Deno.test("a job has a remark when there is something to say about its submission", () => {
  assert.equal(new Job(calls, { jobId: "j", message: SUBMITTED }).remark, "");
  assert.equal(new Job(calls, { jobId: "j" }).remark, "");
  const message = "no worker offers greet";
  assert.equal(new Job(calls, { jobId: "j", message }).remark, message);
});

Deno.test("a result tells integers of 64 bits exactly if it is asked to, and a payload may have them", async () => {
  const output = new TextEncoder().encode('{"id":9007199254740993,"half":0.5,"few":3}');
  const result = { output, contentType: "application/json" };
  const job = { id: "j", status: "completed", result };
  const answer = create(GetJobStatusResponseSchema, { job });
  const answering = { ...calls, call: () => Promise.resolve(answer) } as unknown as Calls;
  const done = new Job<{ id: number | bigint }>(answering, { jobId: "j" });
  const exact = await done.result({ bigints: true });
  assert.deepEqual(exact, { id: 9007199254740993n, half: 0.5, few: 3 });
  assert.deepEqual(payloadBytes(exact), output);
  assert.equal((await done.result()).id, Number("9007199254740993"));
});
