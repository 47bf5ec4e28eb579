import assert from "node:assert/strict";
import { connect } from "node:net";
import { ClusterChannel } from "./channel.ts";
import { Health, HealthCheckResponse_ServingStatus } from "./gen/grpc/health/v1/health_pb.ts";
import { IdleFrames } from "./idle_frames.ts";
import { channelTo, startTestServer } from "./server_test_support.ts";

const [DATA, HEADERS, SETTINGS, PING, WINDOW_UPDATE] = [0, 1, 4, 6, 8];
const END_STREAM = 1;

Deno.test("windows and empty data are counted against what was written, and nothing else is", () => {
  const frames = new IdleFrames();
  const taken = (type: number, flags = 0, bytes = 4) => {
    for (let count = 0; count < 100_000; count++) {
      if (!frames.take(type, flags, bytes)) return count;
    }
    return "all";
  };
  for (const type of [DATA, HEADERS, SETTINGS, PING]) assert.equal(taken(type), "all");
  assert.equal(taken(DATA, END_STREAM, 0), "all", "each ends a stream");
  assert.equal(taken(WINDOW_UPDATE), 10_000);
  assert.equal(taken(DATA, 0, 0), 0);
  const afterWrite = new IdleFrames();
  afterWrite.wrote(16 * 1024);
  let count = 0;
  while (afterWrite.take(WINDOW_UPDATE, 0, 4)) count++;
  assert.equal(count, 10_000 + 8 + 64);
});

Deno.test("a server breaks a connection of frames that carry nothing, says so, and serves the others", async () => {
  const told: string[] = [];
  await using server = await startTestServer(
    (server) =>
      server.add(Health, {
        check: () => ({ status: HealthCheckResponse_ServingStatus.SERVING }),
        list: () => ({}),
        watch: () => Promise.resolve(),
      }),
    { onExcess: (of, address) => void told.push(`${of} of ${address}`) },
  );
  const channel = new ClusterChannel(channelTo([server.address]));
  const socket = connect(Number(server.address.split(":")[1]), "127.0.0.1");
  socket.on("error", () => {}); // it is broken while we write, as it should be
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  socket.write(new Uint8Array([0, 0, 0, SETTINGS, 0, 0, 0, 0, 0]));
  const update = [0, 0, 4, WINDOW_UPDATE, 0, 0, 0, 0, 0, 0, 0, 0, 1];
  socket.write(new Uint8Array(Array.from({ length: 20_000 }, () => update).flat()));
  socket.resume();
  await closed;
  assert.deepEqual(told, ["frames of 127.0.0.1"]);
  await channel.call(Health.method.check, {});
  channel.close();
});
