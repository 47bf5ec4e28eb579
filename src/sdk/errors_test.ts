import assert from "node:assert/strict";
import { freePort, startTestMaster } from "../rpc/server_test_support.ts";
import { ConductorError, connect } from "./client.ts";

async function failureOf(address: string): Promise<ConductorError> {
  await using client = connect({ addresses: [address], connectionWaitMs: 1_000 });
  const failure = await client.submit("noop").then(() => undefined, (each) => each);
  assert.ok(failure instanceof ConductorError);
  return failure;
}

Deno.test("whoever gets no answer learns whether there may be a job all the same", async () => {
  const dying = await startTestMaster({
    submit: () => {
      queueMicrotask(() => void dying.server.stop(0));
      return new Promise<never>(() => {});
    },
  });
  const lost = await failureOf(dying.address);
  assert.deepEqual([lost.reason, lost.mayBeDone], ["unavailable", true]);
  const unsent = await failureOf(`127.0.0.1:${freePort()}`);
  assert.deepEqual([unsent.reason, unsent.mayBeDone], ["unavailable", false]);
});
