import assert from "node:assert/strict";
import { type Calls, SUBMITTED } from "../rpc/light.ts";
import { Job } from "./job.ts";

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
