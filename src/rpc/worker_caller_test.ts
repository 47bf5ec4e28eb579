import assert from "node:assert/strict";
import { jobView } from "./forwarding_test_support.ts";
import { WorkerService } from "./gen/worker_pb.ts";
import { channelTo, startRelay, startTestServer } from "./server_test_support.ts";
import { Refusal } from "./status.ts";
import { WorkerCaller } from "./worker_caller.ts";

for (const fate of ["falls silent", "is lost"] as const) {
  Deno.test(`of a worker that ${fate} when it was given a job it is said that it may have it`, async () => {
    const given = Promise.withResolvers<void>();
    const worker = await startTestServer((server) =>
      server.add(WorkerService, {
        assignJob: () => {
          given.resolve();
          return new Promise<never>(() => {});
        },
        cancelJob: () => ({ cancelled: true }),
      })
    );
    const relay = startRelay(worker.port);
    const { credentials, messageBytesMax, dialTimeoutMs } = channelTo([relay.address]);
    const caller = new WorkerCaller("w", relay.address, {
      ...{ credentials, messageBytesMax, dialTimeoutMs, callTimeoutMs: 3_000 },
    });
    try {
      const brought = caller.assign(jobView("j", "assigned")).then(
        () => assert.fail("it was not answered"),
        (failure) => failure,
      );
      await Promise.race([given.promise, brought]);
      if (fate === "falls silent") relay.freeze();
      else await worker.server.stop(0);
      const failure = await brought;
      assert.ok(failure instanceof Refusal, String(failure));
      assert.equal(failure.reason, "outcome_unknown", failure.message);
    } finally {
      caller.close();
      await relay[Symbol.asyncDispose]();
      await worker.server.stop(0);
    }
  });
}
