import assert from "node:assert/strict";
import { ClusterChannel } from "./channel.ts";
import { Health, HealthCheckResponse_ServingStatus } from "./gen/grpc/health/v1/health_pb.ts";
import {
  channelTo,
  freePort,
  startTestServer,
  type TestServer,
  until,
} from "./server_test_support.ts";
import { Refusal } from "./status.ts";

const { SERVING } = HealthCheckResponse_ServingStatus;

function startHealth(
  check: () => void | Promise<void> = () => {},
  changes: { readonly port?: number } = {},
): Promise<TestServer> {
  return startTestServer((server) =>
    server.add(Health, {
      check: async () => {
        await check();
        return { status: SERVING };
      },
      list: () => ({}),
      watch: async (_request, call, out) => {
        await out.write({ status: SERVING });
        await new Promise((_resolve, reject) =>
          call.signal.addEventListener("abort", () => reject(call.signal.reason))
        );
      },
    }), changes);
}

interface Silence {
  readonly address: string;
  readonly connections: readonly Deno.Conn[];
  stop(): void;
}

/** An address that takes connections and says nothing. */
function startSilence(): Silence {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections: Deno.Conn[] = [];
  (async () => {
    for await (const connection of listener) connections.push(connection);
  })();
  return {
    address: `127.0.0.1:${listener.addr.port}`,
    connections,
    stop() {
      listener.close();
      for (const each of connections) each.close();
    },
  };
}

Deno.test("a dead first address costs nothing but the next one's turn", async () => {
  await using server = await startHealth();
  const dead = `127.0.0.1:${freePort()}`;
  const channel = new ClusterChannel(channelTo([dead, server.address]));
  assert.equal((await channel.call(Health.method.check, {})).status, SERVING);
  assert.deepEqual(channel.addresses, [server.address, dead]);
  channel.close();
});

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

Deno.test("a call without a connection to anybody gives up after connectionWaitMs", async () => {
  const addresses = [`127.0.0.1:${freePort()}`, `127.0.0.1:${freePort()}`];
  const channel = new ClusterChannel(
    channelTo(addresses, { connectionWaitMs: 200, callTimeoutMs: 600_000 }),
  );
  try {
    await assert.rejects(
      channel.call(Health.method.check, {}),
      (failure) =>
        failure instanceof Refusal && failure.reason === "unavailable" &&
        failure.message.includes("within 200 ms") &&
        addresses.every((address) => failure.message.includes(address)),
    );
  } finally {
    channel.close();
  }
});

Deno.test("a master that answers was connected to: connectionWaitMs does not count against it", async () => {
  let asked = 0;
  await using server = await startHealth(() => {
    // Five pauses of 50, 100, 200 ms and so on are longer than 100 ms.
    if (++asked <= 5) throw new Refusal("unavailable", "no master leads at this moment");
  });
  const channel = new ClusterChannel(channelTo([server.address], { connectionWaitMs: 100 }));
  assert.equal((await channel.call(Health.method.check, {})).status, SERVING);
  channel.close();
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

Deno.test("a follower's word on who leads is followed, also to an unknown address", async () => {
  await using leader = await startHealth();
  await using follower = await startHealth(() => {
    throw new Refusal("not_leader", "ask the leader", { leaderAddress: leader.address });
  });
  const channel = new ClusterChannel(channelTo([follower.address]));
  assert.equal((await channel.call(Health.method.check, {})).status, SERVING);
  assert.deepEqual(channel.addresses, [leader.address, follower.address]);
  assert.deepEqual(follower.codes, ["UNAVAILABLE"]);
  channel.close();
});

Deno.test("two followers that name each other are asked until the time is over, not in a rush", async () => {
  let asked = 0;
  const addresses: string[] = [];
  const askOther = (other: number) => () => {
    asked++;
    throw new Refusal("not_leader", "not I", { leaderAddress: addresses[other]! });
  };
  await using first = await startHealth(askOther(1));
  await using second = await startHealth(askOther(0));
  addresses.push(first.address, second.address);
  const channel = new ClusterChannel(channelTo(addresses, { callTimeoutMs: 500 }));
  await assert.rejects(channel.call(Health.method.check, {}), { reason: "unavailable" });
  assert.ok(asked >= 2 && asked < 30, `they were asked ${asked} times`);
  channel.close();
});

Deno.test("a call gives up after callTimeoutMs and names every address and the last reason", async () => {
  const dead = [`127.0.0.1:${freePort()}`, `[::1]:${freePort()}`];
  const channel = new ClusterChannel(channelTo(dead, { callTimeoutMs: 400 }));
  const startedMs = performance.now();
  const failure = await channel.call(Health.method.check, {}).catch((each) => each);
  assert.ok(failure instanceof Refusal);
  assert.equal(failure.reason, "unavailable");
  for (const address of dead) assert.ok(failure.message.includes(address), failure.message);
  assert.match(failure.message, /within 400 ms \(last: .+ refuses connections\)/);
  assert.ok(performance.now() - startedMs < 5_000);
  channel.close();
});

Deno.test("an address that can be none is said to be none, and the next one is asked", async () => {
  await using server = await startHealth();
  for (const bad of ["", "no such scheme://x:1:2", "host.invalid:9000"]) {
    const channel = new ClusterChannel(channelTo([bad, server.address]));
    assert.equal((await channel.call(Health.method.check, {})).status, SERVING, bad);
    channel.close();
  }
});

Deno.test("an answer that is not about the master is not asked for again", async () => {
  let asked = 0;
  await using server = await startHealth(() => {
    asked++;
    throw new Refusal("invalid", "no");
  });
  const channel = new ClusterChannel(channelTo([server.address, server.address]));
  await assert.rejects(channel.call(Health.method.check, {}), { reason: "invalid" });
  assert.equal(asked, 1);
  channel.close();
});

Deno.test("a call that a dying master took is made again at the next", async () => {
  const started = Promise.withResolvers<void>();
  const dying = await startHealth(() => {
    started.resolve();
    return new Promise(() => {});
  });
  await using other = await startHealth();
  const channel = new ClusterChannel(channelTo([dying.address, other.address]));
  const call = channel.call(Health.method.check, {});
  await started.promise;
  await dying.server.stop(0);
  assert.equal((await call).status, SERVING);
  channel.close();
});

Deno.test("a master that comes back on its old port is found again", async () => {
  const first = await startHealth();
  const channel = new ClusterChannel(channelTo([first.address], { callTimeoutMs: 15_000 }));
  await channel.call(Health.method.check, {});
  await first.server.stop(0);
  const call = channel.call(Health.method.check, {});
  await using _second = await startHealth(() => {}, { port: first.port });
  assert.equal((await call).status, SERVING);
  channel.close();
});

Deno.test("every call asks anew for the token", async () => {
  const tokens: string[] = [];
  let renewals = 0;
  await using server = await startTestServer((each) =>
    each.add(Health, {
      check: () => ({ status: SERVING }),
      list: () => ({}),
      watch: () => Promise.resolve(),
    }), {
    gatekeeper: ({ metadata }) => {
      tokens.push(String(metadata.get("authorization")[0]));
      return { userId: "x", roles: [] };
    },
  });
  const channel = new ClusterChannel(
    channelTo([server.address], { token: () => `t${++renewals}` }),
  );
  await channel.call(Health.method.check, {});
  await channel.call(Health.method.check, {});
  assert.deepEqual(tokens, ["Bearer t1", "Bearer t2"]);
  channel.close();
});

Deno.test("a broken stream sends the next call elsewhere", async () => {
  const dying = await startHealth();
  await using other = await startHealth();
  const channel = new ClusterChannel(channelTo([dying.address, other.address]));
  const watch = channel.stream(Health.method.watch, {});
  assert.equal((await watch.next()).value?.status, SERVING);
  await dying.server.stop(0);
  await assert.rejects(watch.next(), { reason: "unavailable" });
  assert.equal(channel.addresses[0], other.address);
  channel.close();
});

Deno.test("a stream to a silent address fails after dialTimeoutMs", async () => {
  const silence = startSilence();
  const channel = new ClusterChannel(channelTo([silence.address], { dialTimeoutMs: 100 }));
  await assert.rejects(channel.stream(Health.method.watch, {}).next(), { reason: "unavailable" });
  channel.close();
  silence.stop();
});

Deno.test("closing fails the calls under way and those that come later", async () => {
  const started = Promise.withResolvers<void>();
  await using server = await startHealth(() => {
    started.resolve();
    return new Promise(() => {});
  });
  const channel = new ClusterChannel(channelTo([server.address], { callTimeoutMs: 60_000 }));
  const call = channel.call(Health.method.check, {});
  await started.promise;
  channel.close();
  await assert.rejects(call, Refusal);
  await assert.rejects(channel.call(Health.method.check, {}), { reason: "cancelled" });
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
