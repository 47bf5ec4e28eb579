import assert from "node:assert/strict";
import { type MasterApi, Refusal, type WorkerDetails } from "../rpc/mod.ts";
import { freePort, startTestMaster, until } from "../rpc/server_test_support.ts";
import { route } from "./router.ts";
import { recording } from "./terminal_test_support.ts";

Deno.test("a wait for a drained worker goes on with the master that comes back", async () => {
  const port = freePort();
  const gone = Promise.withResolvers<void>();
  const first = await startTestMaster({
    drainWorker: () => Promise.resolve({ message: "worker w1 drains" }),
    getWorker: () => {
      queueMicrotask(() => void first.server.stop(0).then(() => gone.resolve()));
      return new Promise<WorkerDetails>(() => {});
    },
  }, { port });
  const terminal = recording();
  const args = ["workers", "drain", "w1", "--wait", "--addr", first.address];
  const ended = route([...args, "--set=grpc.connection_wait=100ms"], terminal);
  await gone.promise;
  const isTold = () => terminal.written.err.includes("waiting for worker w1 goes on");
  await until(isTold, "that no master answers");
  const noMore: MasterApi["getWorker"] = () => {
    throw new Refusal("not_found", "there is no worker w1");
  };
  await using _second = await startTestMaster({ getWorker: noMore }, { port });
  assert.equal(await ended, 0, terminal.written.err);
  assert.match(terminal.written.err, /a master answers again/);
  assert.match(terminal.written.out, /worker w1 drains; it holds none/);
});
