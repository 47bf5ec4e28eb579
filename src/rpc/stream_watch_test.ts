import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import type { ServiceError } from "@grpc/grpc-js";
import { ClusterChannel } from "./channel.ts";
import { RaftFrameSchema, RaftService } from "./gen/raft_pb.ts";
import { MasterService } from "./gen/scheduler_pb.ts";
import { masterService } from "./master_service.ts";
import { channelTo, scriptedMaster, startTestServer } from "./server_test_support.ts";
import { fromServiceError, type Refusal } from "./status.ts";
import { StreamWatch } from "./stream_watch.ts";
import { methodDefinition } from "./wire.ts";

Deno.test("streams end whose callers are trusted no more, or may no more, and others go on", async () => {
  const permitted = new Set(["Exchange", "WatchJob"]);
  const trusted = new Set(["alice", "bob"]);
  const told: string[] = [];
  await using server = await startTestServer((server) => {
    const master = scriptedMaster({
      watchJob: (_jobId, _send, { signal }) =>
        new Promise((_, reject) => {
          told.push("open");
          signal.addEventListener("abort", () => reject(signal.reason), { once: true });
        }),
    });
    server.add(MasterService, masterService(master));
    server.add(RaftService, {
      exchange: (stream) => {
        stream.onMessage(() => told.push("heard"));
        stream.onClosed((reason) => told.push(reason));
      },
    });
  }, {
    gatekeeper: ({ metadata }) => ({ userId: String(metadata.get("authorization")[0]), roles: [] }),
    stillValid: ({ userId }) => trusted.has(userId.replace("Bearer ", "")),
    stillMay: (_caller, method) => permitted.has(method.replace(/.*\//, "")),
    streamsLookedAtMs: 20,
  });
  const channel = new ClusterChannel(channelTo([server.address], { token: () => "alice" }));
  const events = channel.stream(MasterService.method.watchJob, { jobId: "j" });
  const watched = events.next().then(() => "ended", (failure: Refusal) => failure.reason);

  const definition = methodDefinition(RaftService.method.exchange);
  const open = (name: string) => {
    const metadata = channel.metadata();
    metadata.set("authorization", `Bearer ${name}`);
    const call = channel.clientFor(server.address).makeBidiStreamRequest(
      definition.path,
      definition.requestSerialize,
      definition.responseDeserialize,
      metadata,
    );
    const failed = new Promise<Refusal>((resolve) =>
      call.on("error", (failure: ServiceError) => resolve(fromServiceError(failure)))
    );
    call.write(create(RaftFrameSchema, {}));
    return { call, failed };
  };
  const [alice, bob] = [open("alice"), open("bob")];
  await untilTold(told, ["open", "heard", "heard"]);
  trusted.delete("alice");
  assert.equal((await alice.failed).reason, "unauthenticated");
  assert.equal(await watched, "unauthenticated");
  assert.ok(told.some((each) => /"Bearer alice" has ended or been revoked/.test(each)));
  bob.call.write(create(RaftFrameSchema, {}));
  await untilTold(told, ["heard", "heard", "heard"]);
  permitted.delete("Exchange");
  const { reason, message } = await bob.failed;
  assert.equal(reason, "permission_denied");
  assert.match(
    message,
    /^"Bearer bob" \(no role\) may not have such a stream any more: the policy/,
  );
  channel.close();
});

Deno.test("nobody is looked at while no stream is open", () => {
  let looks = 0;
  const watch = new StreamWatch(() => {
    looks++;
    return false;
  }, 1);
  const ended: string[] = [];
  const leave = watch.watch({ userId: "a", roles: [] }, (why) => ended.push(why.reason));
  watch.look();
  leave();
  watch.look();
  assert.deepEqual([looks, ended], [1, ["unauthenticated"]]);
});

/** Waits until each of `words` was told, as often as it stands there. */
async function untilTold(told: readonly string[], words: readonly string[]): Promise<void> {
  const count = (list: readonly string[], word: string) =>
    list.filter((each) => each === word).length;
  while (!words.every((word) => count(told, word) >= count(words, word))) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
