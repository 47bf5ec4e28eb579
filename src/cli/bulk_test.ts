import assert from "node:assert/strict";
import { Refusal } from "../rpc/mod.ts";
import { startTestMaster } from "../rpc/server_test_support.ts";
import { route } from "./router.ts";
import { recording } from "./terminal_test_support.ts";

Deno.test("of jobs that were named one by one, what was done is told though the next call fails", async () => {
  await using master = await startTestMaster({
    cancelJob: (jobId) => {
      if (jobId === "c") throw new Refusal("permission_denied", "the token is over");
      if (jobId === "b") throw new Refusal("not_found", 'there is no job "b"');
      return Promise.resolve({ message: `job ${jobId} is cancelled` });
    },
  });
  const cancel = async (...args: string[]) => {
    const terminal = recording();
    const code = await route(["cancel", "--addr", master.address, ...args], terminal);
    return { code, ...terminal.written };
  };
  const { code, out, err } = await cancel("a", "b", "c", "d");
  assert.deepEqual([code, out], [1, "job a is cancelled\n"]);
  assert.match(err, /^conductor: there is no job "b"\nconductor: the token is over/);
  const json = await cancel("a", "c", "-o", "json");
  assert.equal(json.code, 1);
  assert.deepEqual(JSON.parse(json.out).results, [
    { job_id: "a", success: true, message: "job a is cancelled" },
  ]);
  assert.equal((await cancel("c", "a", "-o", "json")).out, "");
});
