import assert from "node:assert/strict";
import { ClusterChannel } from "./channel.ts";
import { Health } from "./gen/grpc/health/v1/health_pb.ts";
import { channelTo, freePort, startRelay, startTestServer, until } from "./server_test_support.ts";
import type { RpcServerOptions } from "./server.ts";
import { Refusal } from "./status.ts";
import { SERVING, startHealth } from "./channel_test_support.ts";

Deno.test("a dead first address costs nothing but the next one's turn", async () => {
  await using server = await startHealth();
  const dead = `127.0.0.1:${freePort()}`;
  const channel = new ClusterChannel(channelTo([dead, server.address]));
  assert.equal((await channel.call(Health.method.check, {})).status, SERVING);
  assert.deepEqual(channel.addresses, [server.address, dead]);
  channel.close();
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
  // The very last try may be cut short by the deadline.
  await assert.rejects(channel.call(Health.method.check, {}), {
    message: /^not I \(.+ asked again and again for 500 ms\)$|; before that: not I$/,
  });
  assert.ok(asked >= 2 && asked < 30, `they were asked ${asked} times`);
  channel.close();
});

Deno.test("a master has workMs for long work, and no longer than others is looked for one that takes it", async () => {
  const callTimeoutMs = 1_000;
  await using lost = await startHealth(() => {
    throw new Refusal("not_leader", "nobody leads");
  });
  const searching = new ClusterChannel(channelTo([lost.address], { callTimeoutMs }));
  await searching.connected(lost.address);
  // As above.
  await assert.rejects(searching.call(Health.method.check, {}, { workMs: 600_000 }), {
    message: /^nobody leads \(.+ asked again and again for 1000 ms\)$|; before that: nobody leads$/,
  });
  searching.close();
  const startedMs = Date.now();
  await using slow = await startHealth(() =>
    until(() => Date.now() > startedMs + 2 * callTimeoutMs, "other calls would have ended")
  );
  // The probe of a silent master is the call that is slow here.
  const options = channelTo([slow.address], { callTimeoutMs, silenceMs: 60_000 });
  const working = new ClusterChannel(options);
  await working.call(Health.method.check, {}, { workMs: 60_000 });
  working.close();
});

Deno.test("a call gives up after callTimeoutMs and names every address and the last reason", async () => {
  const dead = [`127.0.0.1:${freePort()}`, `[::1]:${freePort()}`];
  const channel = new ClusterChannel(channelTo(dead, { callTimeoutMs: 2_000 }));
  const failure = await channel.call(Health.method.check, {}).catch((each) => each);
  assert.ok(failure instanceof Refusal);
  assert.equal(failure.reason, "unavailable");
  for (const address of dead) assert.ok(failure.message.includes(address), failure.message);
  assert.match(failure.message, /within 2000 ms \(last: .+ refuses connections\)/);
  channel.close();
});

Deno.test("a name that nobody knows is said to be unknown, not to refuse", async () => {
  const channel = new ClusterChannel(channelTo(["nobody.invalid:9000"], { callTimeoutMs: 2_000 }));
  await assert.rejects(channel.call(Health.method.check, {}), {
    message: /nobody\.invalid:9000 cannot be found: no address is known for nobody\.invalid/,
  });
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

Deno.test("a channel that is closed while it begins to connect leaves no connection behind", async () => {
  await using server = await startHealth();
  await using relay = startRelay(server.port);
  const { address } = relay;
  const closed = new ClusterChannel(channelTo([address]));
  const connecting = closed.connected(address);
  closed.close();
  await assert.rejects(connecting, { reason: "cancelled" });
  // Those that come later are taken later: whatever the closed one has begun is there by now.
  const other = new ClusterChannel(channelTo([address]));
  assert.equal((await other.call(Health.method.check, {})).status, SERVING);
  await until(() => relay.open() === 1, "the relay carries one connection, the other channel's");
  other.close();
  await until(() => relay.open() === 0, "the relay carries no connection");
});

Deno.test("from one address a client learns all members, and goes straight to the leader", async () => {
  await using leader = await startHealth();
  const members = [leader.address];
  let asked = 0;
  await using follower = await startHealth(() => void asked++, {
    clusterView: () => ({ term: 3, leader: leader.address, members }),
  });
  members.push(follower.address);
  const channel = new ClusterChannel(channelTo([follower.address]));
  await channel.call(Health.method.check, {});
  await until(() => channel.addresses[0] === leader.address, "the leader is preferred");
  assert.deepEqual([...channel.addresses].sort(), [...members].sort());
  await channel.call(Health.method.check, {});
  assert.equal(asked, 1, "the second call did not go through the follower");
  channel.close();
});

Deno.test("the loss of the only address that was given is survived", async () => {
  await using other = await startHealth();
  const given = await startHealth(() => {}, {
    clusterView: () => ({ term: 1, leader: "", members: [other.address] }),
  });
  const channel = new ClusterChannel(channelTo([given.address]));
  await channel.call(Health.method.check, {});
  await given.server.stop(0);
  assert.equal((await channel.call(Health.method.check, {})).status, SERVING);
  channel.close();
});

Deno.test("a leader that cannot be reached from here is left to the followers", async () => {
  const nowhere = `127.0.0.1:${freePort()}`;
  await using follower = await startHealth(() => {}, {
    clusterView: () => ({ term: 1, leader: nowhere, members: [nowhere] }),
  });
  const channel = new ClusterChannel(channelTo([follower.address]));
  for (let call = 0; call < 3; call++) await channel.call(Health.method.check, {});
  assert.deepEqual(channel.addresses, [follower.address, nowhere]);
  channel.close();
});

Deno.test("an older term's word on who leads does not count", async () => {
  await using leader = await startHealth();
  await using stale = await startHealth();
  let view = { term: 5, leader: "", members: [] as string[] };
  await using follower = await startHealth(() => {}, { clusterView: () => view });
  const channel = new ClusterChannel(channelTo([follower.address]));
  await channel.call(Health.method.check, {});
  view = { term: 4, leader: stale.address, members: [stale.address] };
  await channel.call(Health.method.check, {});
  view = { term: 5, leader: leader.address, members: [leader.address] };
  await channel.call(Health.method.check, {});
  await until(() => channel.addresses[0] === leader.address, "the leader is preferred");
  assert.ok(!channel.addresses.includes(stale.address));
  channel.close();
});

Deno.test("a call that may not be repeated is not: its outcome is said to be unknown", async () => {
  const started = Promise.withResolvers<void>();
  const dying = await startHealth(() => {
    started.resolve();
    return new Promise(() => {});
  });
  let asked = 0;
  await using other = await startHealth(() => void asked++);
  const channel = new ClusterChannel(channelTo([dying.address, other.address]));
  const call = channel.call(Health.method.check, {}, { isRepeatable: false });
  call.catch(() => {});
  await started.promise;
  await dying.server.stop(0);
  await assert.rejects(call, { reason: "outcome_unknown" });
  assert.equal(asked, 0);
  await channel.call(Health.method.check, {}, { isRepeatable: false });
  assert.equal(asked, 1, "what was never sent may go elsewhere");
  channel.close();
});

Deno.test("all tries of one call carry one request id", async () => {
  const ids: string[] = [];
  const changes: Partial<RpcServerOptions> = {
    gatekeeper: ({ requestId }) => {
      ids.push(requestId);
      return { userId: "x", roles: [] };
    },
  };
  await using unsure = await startHealth(() => {
    throw new Refusal("outcome_unknown", "leadership was lost");
  }, changes);
  await using other = await startHealth(() => {}, changes);
  const channel = new ClusterChannel(channelTo([unsure.address, other.address]));
  await channel.call(Health.method.check, {});
  assert.equal(ids.length, 2);
  assert.equal(ids[0], ids[1]);
  assert.match(ids[0]!, /^[0-9a-f-]{36}$/);
  channel.close();
});

Deno.test("a name that stands for several addresses is as good as the one that answers", async () => {
  // localhost is ::1 and 127.0.0.1; the server listens on one of them alone.
  await using server = await startHealth();
  const channel = new ClusterChannel(channelTo([`localhost:${server.port}`]));
  assert.equal((await channel.call(Health.method.check, {})).status, SERVING);
  channel.close();
});

Deno.test("who wants a certain member's answer stays there", async () => {
  await using leader = await startHealth();
  await using follower = await startHealth(() => {}, {
    clusterView: () => ({ term: 1, leader: leader.address, members: [leader.address] }),
  });
  const channel = new ClusterChannel(channelTo([follower.address], { followsLeader: false }));
  for (let call = 0; call < 3; call++) await channel.call(Health.method.check, {});
  assert.deepEqual(channel.addresses, [follower.address]);
  assert.deepEqual(leader.codes, []);
  channel.close();
});
