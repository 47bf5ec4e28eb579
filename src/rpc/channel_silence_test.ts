/** Channels to masters that say nothing, from the start or all of a sudden. */

import assert from "node:assert/strict";
import { createServer } from "node:http2";
import { ClusterChannel } from "./channel.ts";
import { Health } from "./gen/grpc/health/v1/health_pb.ts";
import { channelTo, freePort, startRelay, until } from "./server_test_support.ts";
import { Refusal } from "./status.ts";
import { SERVING, startDelay, startHealth, startSilence } from "./channel_test_support.ts";

Deno.test("a silent address is left after dialTimeoutMs", async () => {
  const silence = startSilence();
  await using server = await startHealth();
  const channel = new ClusterChannel(
    channelTo([silence.address, server.address], { dialTimeoutMs: 100, callTimeoutMs: 10_000 }),
  );
  assert.equal((await channel.call(Health.method.check, {})).status, SERVING);
  assert.equal(channel.addresses[0], server.address);
  channel.close();
  silence.stop();
});

Deno.test("silent addresses leave a call time for the others, however short connectionWaitMs is", async () => {
  const [first, second] = [startSilence(), startSilence()];
  const master = await startHealth();
  const channel = new ClusterChannel(
    channelTo([first.address, second.address, master.address], {
      dialTimeoutMs: 2_000,
      connectionWaitMs: 2_000,
    }),
  );
  assert.equal((await channel.call(Health.method.check, {})).status, SERVING);
  channel.close();
  await master.server.stop(0);
  first.stop();
  second.stop();
});

Deno.test("a master that takes longer than dialTimeoutMs is reached, since nobody else is", async () => {
  await using server = await startHealth();
  const slow = await startDelay(server.port, 600);
  const channel = new ClusterChannel(
    channelTo([slow.address], { dialTimeoutMs: 250, callTimeoutMs: 15_000 }),
  );
  assert.equal((await channel.call(Health.method.check, {})).status, SERVING);
  channel.close();
  slow.stop();
});

Deno.test("after a handshake that hangs the next attempt begins another", async () => {
  const silence = startSilence();
  const channel = new ClusterChannel(channelTo([silence.address], { dialTimeoutMs: 100 }));
  for (const attempt of [1, 2]) {
    await assert.rejects(channel.connected(silence.address), /does not answer/);
    await until(() => silence.connections.length >= attempt, `connection ${attempt}`);
  }
  channel.close();
  silence.stop();
});

Deno.test("a handshake that hangs is given up for good: its connection is closed", async () => {
  const silence = startSilence();
  const channel = new ClusterChannel(channelTo([silence.address], { dialTimeoutMs: 100 }));
  await assert.rejects(channel.connected(silence.address), /does not answer/);
  await until(() => silence.connections.length === 1, "the connection");
  let isClosed = false;
  const reading = (async () => {
    const words = new Uint8Array(1024);
    while (await silence.connections[0]!.read(words) !== null);
    isClosed = true;
  })();
  await until(() => isClosed, "the client has closed its connection");
  await reading;
  channel.close();
  silence.stop();
});

Deno.test("a stream to a silent address fails after dialTimeoutMs", async () => {
  const silence = startSilence();
  const channel = new ClusterChannel(channelTo([silence.address], { dialTimeoutMs: 100 }));
  await assert.rejects(channel.stream(Health.method.watch, {}).next(), { reason: "unavailable" });
  channel.close();
  silence.stop();
});

Deno.test("closing ends a call that still waits for its connection", async () => {
  const silence = startSilence();
  const channel = new ClusterChannel(
    channelTo([silence.address], { dialTimeoutMs: 60_000, callTimeoutMs: 60_000 }),
  );
  const call = channel.call(Health.method.check, {});
  await until(() => true, "the call has begun");
  channel.close();
  await assert.rejects(call, Refusal);
  silence.stop();
});

Deno.test("a master that freezes amid a call is left, though its connection stands", async () => {
  let asked = 0;
  const frozen = Promise.withResolvers<void>();
  await using target = await startHealth(() => {
    asked++;
    return asked === 2 ? frozen.promise : undefined;
  });
  await using relay = startRelay(target.port);
  await using other = await startHealth();
  const channel = new ClusterChannel(
    channelTo([relay.address, other.address], { callTimeoutMs: 20_000, silenceMs: 50 }),
  );
  await channel.call(Health.method.check, {});
  const call = channel.call(Health.method.check, {});
  await until(() => asked === 2, "it has the call");
  relay.freeze();
  assert.equal((await call).status, SERVING);
  assert.equal(channel.addresses[0], other.address);
  frozen.resolve();
  channel.close();
});

Deno.test("a stream from a master that freezes fails, though its connection stands", async () => {
  await using target = await startHealth();
  await using relay = startRelay(target.port);
  const channel = new ClusterChannel(channelTo([relay.address], { streamSilenceMs: 50 }));
  const watch = channel.stream(Health.method.watch, {});
  await watch.next();
  relay.freeze();
  await assert.rejects(watch.next(), { reason: "unavailable", message: /has fallen silent/ });
  channel.close();
});

Deno.test("a slow answer is waited for, if the master says that it lives", async () => {
  let asked = 0;
  const answer = Promise.withResolvers<void>();
  // Who asks whether the master lives names no service.
  await using server = await startHealth((service) => {
    if (service !== "") return answer.promise;
    asked++;
    return undefined;
  });
  await using other = await startHealth();
  const channel = new ClusterChannel(
    channelTo([server.address, other.address], {
      silenceMs: 20,
      probeMs: 60_000,
      callTimeoutMs: 60_000,
    }),
  );
  const call = channel.call(Health.method.check, { service: "slow" });
  await until(() => asked >= 3, "it was asked a few times whether it lives");
  answer.resolve();
  await call;
  assert.equal(channel.addresses[0], server.address, "nobody else was asked");
  channel.close();
});

Deno.test("a master that takes and acknowledges bytes lives, though its word stands in line", async () => {
  // Answers nothing, not even whether it lives, as behind megabytes of other requests.
  const listener = createServer();
  const timers: ReturnType<typeof setInterval>[] = [];
  listener.on("session", (session) => {
    timers.push(setInterval(() => session.destroyed || session.ping(() => {}), 20));
    session.on("error", () => {});
  });
  const port = freePort();
  await new Promise<void>((resolve) => listener.listen(port, "127.0.0.1", resolve));
  const channel = new ClusterChannel(
    channelTo([`127.0.0.1:${port}`], { silenceMs: 100, probeMs: 100, callTimeoutMs: 1_000 }),
  );
  await assert.rejects(channel.call(Health.method.check, {}), { reason: "outcome_unknown" });
  assert.equal(timers.length, 1, "it was given up, and connected to again");
  channel.close();
  for (const timer of timers) clearInterval(timer);
  await new Promise<void>((resolve) => listener.close(() => resolve()));
});

Deno.test("a stream is told when a call finds that its master is gone", async () => {
  await using target = await startHealth();
  await using relay = startRelay(target.port);
  await using other = await startHealth();
  const channel = new ClusterChannel(channelTo([relay.address, other.address], {
    silenceMs: 50,
    streamSilenceMs: 3_600_000, // the stream itself would look after an hour
    callTimeoutMs: 20_000,
  }));
  const watch = channel.stream(Health.method.watch, {});
  await watch.next();
  relay.freeze();
  const ended = assert.rejects(watch.next(), { reason: "unavailable" });
  assert.equal((await channel.call(Health.method.check, {})).status, SERVING);
  await ended;
  channel.close();
});

Deno.test("of more silent addresses than there is time for, the one that answers is found though it is the last", async () => {
  const silent = Array.from({ length: 12 }, startSilence);
  const master = await startHealth();
  const addresses = [...silent.map((each) => each.address), "no:port:here", master.address];
  const channel = new ClusterChannel(
    channelTo(addresses, { dialTimeoutMs: 2_000, connectionWaitMs: 2_000 }),
  );
  assert.equal((await channel.call(Health.method.check, {})).status, SERVING);
  assert.equal(channel.addresses[0], master.address);
  channel.close();
  await master.server.stop(0);
  for (const each of silent) each.stop();
});
