import assert from "node:assert/strict";
import { ClusterChannel } from "./channel.ts";
import { Health, HealthCheckResponse_ServingStatus } from "./gen/grpc/health/v1/health_pb.ts";
import { HealthRegistry } from "./health.ts";
import { channelTo, startTestServer, until } from "./server_test_support.ts";

const { SERVING, NOT_SERVING, SERVICE_UNKNOWN } = HealthCheckResponse_ServingStatus;

Deno.test("health answers for the process and for each service, and for no other", async () => {
  const health = new HealthRegistry(["proto.MasterService"]);
  await using server = await startTestServer((each) => health.serveOn(each));
  const channel = new ClusterChannel(channelTo([server.address]));
  const check = async (service: string) =>
    (await channel.call(Health.method.check, { service })).status;
  assert.equal(await check(""), NOT_SERVING);
  health.setServing(true);
  assert.equal(await check(""), SERVING);
  assert.equal(await check("proto.MasterService"), SERVING);
  await assert.rejects(check("proto.Nobody"), { reason: "not_found" });
  health.setServing(false);
  assert.equal(await check("proto.MasterService"), NOT_SERVING);
  channel.close();
});

Deno.test("health lists every service", async () => {
  const health = new HealthRegistry(["proto.MasterService"]);
  health.setServing(true);
  await using server = await startTestServer((each) => health.serveOn(each));
  const channel = new ClusterChannel(channelTo([server.address]));
  const { statuses } = await channel.call(Health.method.list, {});
  assert.deepEqual(Object.keys(statuses).sort(), ["", "proto.MasterService"]);
  assert.equal(statuses[""]?.status, SERVING);
  channel.close();
});

Deno.test("a watcher is told the state, then every change of it, each once", async () => {
  const health = new HealthRegistry(["proto.MasterService"]);
  await using server = await startTestServer((each) => health.serveOn(each));
  const channel = new ClusterChannel(channelTo([server.address]));
  const stop = new AbortController();
  const seen: number[] = [];
  const watch = (async () => {
    const service = "proto.MasterService";
    for await (const { status } of channel.stream(Health.method.watch, { service }, stop.signal)) {
      seen.push(status);
    }
  })();
  await until(() => seen.length === 1, "the state was told");
  health.setServing(true);
  await until(() => seen.length === 2, "the change was told");
  health.setServing(true);
  health.setServing(false);
  await until(() => seen.length === 3, "the next change was told");
  assert.deepEqual(seen, [NOT_SERVING, SERVING, NOT_SERVING]);
  stop.abort();
  await assert.rejects(watch, { name: "AbortError" });
  await until(() => server.codes.length === 1, "the server let go of the watcher");
  channel.close();
});

Deno.test("a watcher of an unknown service waits for it, as the standard says", async () => {
  const health = new HealthRegistry([]);
  await using server = await startTestServer((each) => health.serveOn(each));
  const channel = new ClusterChannel(channelTo([server.address]));
  for await (const { status } of channel.stream(Health.method.watch, { service: "later" })) {
    assert.equal(status, SERVICE_UNKNOWN);
    break;
  }
  channel.close();
});
