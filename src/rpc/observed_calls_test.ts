import assert from "node:assert/strict";
import { credentials } from "@grpc/grpc-js";
import { ClusterChannel } from "./channel.ts";
import { MasterService } from "./gen/scheduler_pb.ts";
import { observedCalls } from "./observed_calls.ts";
import { startTestMaster } from "./server_test_support.ts";
import { Refusal } from "./status.ts";

Deno.test("whoever watches a client's calls hears how each of them ended, once", async () => {
  const ended: unknown[] = [];
  let nowMs = 0;
  await using master = await startTestMaster({
    clusterHealth() {
      nowMs += 40;
      throw new Refusal("permission_denied", "not you");
    },
  });
  const channel = new ClusterChannel({
    addresses: [master.address],
    credentials: credentials.createInsecure(),
    grpcOptions: observedCalls({ ended: (...told) => void ended.push(told) }, () => nowMs),
    messageBytesMax: 1_000_000,
    callTimeoutMs: 30_000,
    dialTimeoutMs: 10_000,
  });
  try {
    await assert.rejects(channel.call(MasterService.method.getClusterHealth, {}), /not you/);
    const stream = channel.stream(MasterService.method.watchJob, { jobId: "j" });
    await assert.rejects(stream.next());
  } finally {
    channel.close();
  }
  assert.deepEqual(ended, [
    ["/proto.MasterService/GetClusterHealth", false, "PERMISSION_DENIED", 40],
    ["/proto.MasterService/WatchJob", true, "UNIMPLEMENTED", 0],
  ]);
});
