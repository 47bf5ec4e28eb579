import { Client, credentials, type ServiceError, status } from "@grpc/grpc-js";
import assert from "node:assert/strict";
import type { Message } from "../raft/mod.ts";
import { RaftService } from "./gen/raft_pb.ts";
import {
  type PeerFacts,
  PeerTransport,
  type PeerTransportOptions,
  raftService,
} from "./peer_transport.ts";
import { freePort, startTestServer, type TestServer, until } from "./server_test_support.ts";
import type { RpcServerOptions } from "./server.ts";
import { Refusal } from "./status.ts";
import { methodDefinition } from "./wire.ts";

/** A message whose term is its number, so that order can be seen. */
function message(number: number, to = "b"): Message {
  return {
    kind: "append_request",
    from: "a",
    to,
    toIncarnation: "",
    term: number,
    prevIndex: 0,
    prevTerm: 0,
    entries: [{ index: 1, term: 1, kind: "command", data: new Uint8Array([number & 255]) }],
    commit: 0,
  } as unknown as Message;
}

interface Inbox {
  readonly server: TestServer;
  readonly received: Message[];
  readonly senders: Set<PeerFacts>;
  /** What time a sender said it has. */
  readonly times: Map<string, number>;
  /** What a sender said its fsyncs take, in ms. */
  readonly paces: Map<string, number>;
  /** Senders of new streams. */
  readonly opened: string[];
  /** Senders whose streams broke. */
  readonly lost: string[];
  readonly refused: string[];
  /** Lives whose frames came, empty ones too. */
  readonly lives: string[];
}

const OWN: PeerFacts = {
  nodeId: "a",
  address: "127.0.0.1:7",
  grpcAddress: "127.0.0.1:9",
  incarnation: "i1",
  version: "1.2.3",
  entryFormat: 4,
  life: "l1",
};

async function startPeer(
  port = 0,
  clusterId = "c",
  changes: Partial<RpcServerOptions> = {},
): Promise<Inbox> {
  const received: Message[] = [];
  const senders = new Set<PeerFacts>();
  const times = new Map<string, number>();
  const paces = new Map<string, number>();
  const opened: string[] = [];
  const lost: string[] = [];
  const refused: string[] = [];
  const lives: string[] = [];
  const server = await startTestServer((each) =>
    each.add(
      RaftService,
      raftService(clusterId, {
        onMessage: (incoming, sender) => {
          received.push(incoming);
          senders.add(sender);
        },
        onTime: (nodeId, timeMs) => times.set(nodeId, timeMs),
        onPace: (nodeId, syncMs) => paces.set(nodeId, syncMs),
        onOpened: (nodeId) => void opened.push(nodeId),
        onLost: (nodeId) => void lost.push(nodeId),
        onRefused: (reason) => void refused.push(reason),
        onFrame: ({ nodeId, life }) => {
          lives.push(life);
          if (life === "l2") throw new Refusal("already_exists", `${nodeId} is here as l1`);
        },
      }),
    ), { port, messageBytesMax: -1, ...changes });
  return { server, received, senders, times, paces, opened, lost, refused, lives };
}

function transportTo(
  addressOf: PeerTransportOptions["addressOf"],
  changes: Partial<PeerTransportOptions> = {},
): PeerTransport {
  return new PeerTransport({
    clusterId: "c",
    credentials: credentials.createInsecure(),
    own: () => OWN,
    addressOf,
    onPeerLost: () => {},
    ...changes,
  });
}

Deno.test("messages arrive whole and in order", async () => {
  const peer = await startPeer();
  let syncMs: number | undefined;
  const transport = transportTo(() => peer.server.address, { syncMs: () => syncMs });
  for (let number = 1; number <= 500; number++) transport.send([message(number)]);
  await until(() => peer.received.length === 500, "all arrived");
  assert.deepEqual(
    peer.received.map((each) => each.term),
    Array.from({ length: 500 }, (_, position) => position + 1),
  );
  const [first] = peer.received;
  const plain = (value: unknown) => JSON.parse(JSON.stringify(value)); // bytes as objects
  assert.deepEqual(plain(first), plain(message(1)));
  assert.deepEqual([...peer.senders], [OWN], "said once, and true of every frame");
  assert.deepEqual(peer.opened, ["a"], "told once a stream");
  assert.ok(Math.abs((peer.times.get("a") ?? 0) - Date.now()) < 60_000, "it told no time");
  assert.equal(peer.paces.size, 0, "nothing is known of its disk");
  for (syncMs of [1.25, 10 ** 9]) {
    transport.send([message(1)]);
    await until(() => peer.paces.has("a"), "it told how fast its disk is");
    assert.equal(peer.paces.get("a"), Math.min(syncMs, (2 ** 32 - 1) / 1_000));
    peer.paces.clear();
  }
  transport.close();
  await peer.server.server.stop(0);
});

Deno.test("each message goes to whom it is for, and one for nobody known is dropped", async () => {
  const peers = { b: await startPeer(), c: await startPeer() };
  const transport = transportTo((id) => id === "x" ? undefined : peers[id as "b"].server.address);
  transport.send([message(1, "b"), message(2, "c"), message(3, "x"), message(4, "b")]);
  await until(() => peers.b.received.length === 2 && peers.c.received.length === 1, "arrived");
  assert.deepEqual(peers.b.received.map((each) => each.term), [1, 4]);
  transport.close();
  for (const peer of Object.values(peers)) await peer.server.server.stop(0);
});

for (const [own, said] of [["another", "another"], ["", "none yet"]] as const) {
  Deno.test(`a member of another cluster is refused and told so by one of ${said}`, async () => {
    const peer = await startPeer(0, own);
    const lost: string[] = [];
    const transport = transportTo(() => peer.server.address, {
      onPeerRefused: (id, reason) => lost.push(`${id}: ${reason}`),
    });
    transport.send([message(1)]);
    await until(() => lost.length === 1, "the peer refused");
    assert.ok(
      lost[0]!.startsWith(`b: you belong to cluster c, this master to ${said}`),
      String(lost),
    );
    assert.match(peer.refused[0]!, /^127\.0\.0\.1:7: you belong to cluster c/);
    assert.deepEqual(peer.received, []);
    transport.close();
    await peer.server.server.stop(0);
  });
}

Deno.test("a peer is told who is there when it is connected to, and again while nothing else is said", async () => {
  const peer = await startPeer();
  const transport = transportTo(() => peer.server.address);
  transport.connect("b");
  await until(() => peer.lives.length === 1, "it was told at once");
  transport.send([message(1)]);
  transport.connect("b");
  transport.connect("b");
  await until(() => peer.lives.length === 3, "the message said so too, then silence had to");
  assert.deepEqual([...new Set(peer.lives)], ["l1"]);
  assert.equal(peer.received.length, 1);
  transport.close();
  await peer.server.server.stop(0);
});

Deno.test("a process whose place is taken is told so, and none of its messages is passed on", async () => {
  const peer = await startPeer();
  const told: string[] = [];
  const transport = transportTo(() => peer.server.address, {
    own: () => ({ ...OWN, life: "l2" }),
    onOtherLife: (id, reason) => told.push(`${id}: ${reason}`),
  });
  transport.send([message(1)]);
  await until(() => told.length === 1, "it was told");
  assert.deepEqual(told, ["b: a is here as l1"]);
  assert.deepEqual(peer.received, []);
  transport.close();
  await peer.server.server.stop(0);
});

async function sendFrame(address: string, frame: object): Promise<ServiceError> {
  const client = new Client(address, credentials.createInsecure());
  const definition = methodDefinition(RaftService.method.exchange);
  const stream = client.makeBidiStreamRequest(
    definition.path,
    definition.requestSerialize,
    definition.responseDeserialize,
  );
  const failed = new Promise<ServiceError>((resolve) => stream.on("error", resolve));
  stream.on("data", () => {});
  stream.write(
    { $typeName: "proto.RaftFrame", senderTimeMs: 0n, senderSyncUs: 0, ...frame } as never,
  );
  const failure = await failed;
  client.close();
  return failure;
}

Deno.test("another format and bytes that are no messages are refused, and harm nothing", async () => {
  const peer = await startPeer();
  const { address } = peer.server;
  const later = await sendFrame(address, { format: 2, clusterId: "c", messages: new Uint8Array() });
  assert.equal(later.code, status.FAILED_PRECONDITION);
  assert.match(later.details, /format 2; this master knows 1/);
  const garbage = new Uint8Array([0xff, 0x13, 0x37]);
  const broken = await sendFrame(address, { format: 1, clusterId: "c", messages: garbage });
  assert.equal(broken.code, status.INVALID_ARGUMENT);
  // A number; and a list with nothing in it that could be a message.
  for (const bytes of [[0x01], [0x81, 0xf6], [0x81, 0x07]]) {
    const messages = Uint8Array.from(bytes);
    const noArray = await sendFrame(address, { format: 1, clusterId: "c", messages });
    assert.equal(noArray.code, status.INVALID_ARGUMENT);
  }
  const transport = transportTo(() => address);
  transport.send([message(1)]);
  await until(() => peer.received.length === 1, "a good message still arrives");
  transport.close();
  await peer.server.server.stop(0);
});

Deno.test("a broken stream is told of and opened again", async () => {
  const first = await startPeer();
  const lost: string[] = [];
  const transport = transportTo(() => first.server.address, { onPeerLost: (id) => lost.push(id) });
  transport.send([message(1)]);
  await until(() => first.received.length === 1, "the first arrived");
  await first.server.server.stop(0);
  await until(() => lost.length === 1, "the loss was told");
  const second = await startPeer(first.server.port);
  let number = 2;
  await until(() => {
    transport.send([message(number++)]);
    return second.received.length > 0;
  }, "messages arrive again");
  assert.ok(second.received[0]!.term >= 2);
  transport.close();
  await second.server.server.stop(0);
});

Deno.test("a peer that was not there is connected to as soon as it is heard of", async () => {
  const lost: string[] = [];
  const address = `127.0.0.1:${freePort()}`;
  const transport = transportTo(() => address, { onPeerLost: (id) => lost.push(id) });
  transport.connect("b");
  await until(() => lost.length === 1, "nobody is there");
  let streams = 0;
  const peer = await startPeer(Number(address.split(":")[1]), "c", {
    gatekeeper: () => {
      streams++;
      return { userId: "peer", roles: ["master"] };
    },
  });
  await until(() => {
    transport.heardFrom("b", "");
    return streams > 0;
  }, "the stream is open before anything is to be sent");
  for (let calls = 0; calls < 100; calls++) transport.heardFrom("b", "");
  transport.send([message(1)]);
  await until(() => peer.received.length === 1, "a message arrives");
  assert.equal(streams, 1, "a stream that stands is left alone");
  transport.close();
  await peer.server.server.stop(0);
});

Deno.test("a connection that is not made in its time is given up for another, though nothing is heard", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const lost: string[] = [];
  const transport = transportTo(() => `127.0.0.1:${listener.addr.port}`, {
    onPeerLost: (id) => lost.push(id),
  });
  transport.connect("b");
  using _first = await listener.accept(); // and not a word, as where the network drops all
  const next = listener.accept();
  const asking = setInterval(() => transport.connect("b"), 50);
  using _second = await next;
  clearInterval(asking);
  assert.deepEqual(lost, [], "it was not there, so it is not lost");
  transport.close();
  listener.close();
});

Deno.test("a peer that moved is followed to its new address", async () => {
  const before = await startPeer();
  const after = await startPeer();
  let address = before.server.address;
  const transport = transportTo(() => address);
  transport.send([message(1)]);
  await until(() => before.received.length === 1, "the first arrived");
  address = after.server.address;
  transport.send([message(2)]);
  await until(() => after.received.length === 1, "the second arrived at the new place");
  assert.equal(before.received.length, 1);
  transport.close();
  await before.server.server.stop(0);
  await after.server.server.stop(0);
});

Deno.test("what a peer that is not there was sent is dropped, and not sent when it comes", async () => {
  const lost: string[] = [];
  const port = freePort();
  const transport = transportTo(() => `127.0.0.1:${port}`, { onPeerLost: (id) => lost.push(id) });
  for (let number = 0; number < 100; number++) transport.send([message(number)]);
  await until(() => lost.length === 1, "the loss was told");
  const peer = await startPeer(port);
  await until(() => {
    transport.send([message(100)]);
    return peer.received.length > 0;
  }, "what is sent from now on arrives");
  assert.ok(peer.received.every((each) => "term" in each && each.term === 100));
  transport.close();
  await peer.server.server.stop(0);
});

Deno.test("what waits for a connection is bounded, and what finds no room is dropped", async () => {
  const peer = await startPeer();
  const transport = transportTo(() => peer.server.address);
  // In one turn of the event loop, so that none of it can leave.
  for (let number = 0; number < 10_000; number++) transport.send([message(number)]);
  await until(() => {
    transport.send([message(10_000)]);
    return peer.received.some((each) => "term" in each && each.term === 10_000);
  }, "what is sent when there is room arrives");
  const terms = peer.received.map((each) => "term" in each ? each.term : -1);
  const waited = terms.filter((term) => term < 10_000);
  assert.deepEqual(waited, Array.from(waited, (_, number) => number), "the first, in order");
  assert.ok(waited.length > 100 && waited.length < 2_000, `${waited.length}`);
  transport.close();
  await peer.server.server.stop(0);
});

Deno.test("a closed transport neither sends nor tells of losses", async () => {
  const peer = await startPeer();
  const lost: string[] = [];
  const transport = transportTo(() => peer.server.address, { onPeerLost: (id) => lost.push(id) });
  transport.send([message(1)]);
  await until(() => peer.received.length === 1, "the first arrived");
  transport.close();
  transport.close();
  await peer.server.server.stop(0);
  assert.deepEqual(lost, []);
});

Deno.test("snapshots travel on a connection of their own, so that they hold up nothing else", async () => {
  const peers = new Set<string>();
  const peer = await startPeer(0, "c", {
    gatekeeper: ({ peerAddress }) => {
      peers.add(peerAddress);
      return { userId: "peer", roles: ["master"] };
    },
  });
  const transport = transportTo(() => peer.server.address);
  const chunk = { ...message(2), kind: "snapshot_chunk" } as unknown as Message;
  transport.send([message(1), chunk, message(3)]);
  await until(() => peer.received.length === 3, "all arrived");
  assert.equal(peers.size, 2);
  const others = peer.received.filter((each) => each.kind !== "snapshot_chunk");
  assert.deepEqual(others.map((each) => each.term), [1, 3]);
  transport.close();
  await peer.server.server.stop(0);
});

Deno.test("a receiver learns that a sender's stream broke, but not from its snapshots'", async () => {
  const peer = await startPeer();
  const talking = transportTo(() => peer.server.address);
  talking.send([message(1)]);
  const sending = transportTo(() => peer.server.address);
  sending.send([{ ...message(2), kind: "snapshot_chunk", from: "z" } as unknown as Message]);
  await until(() => peer.received.length === 2, "both arrived");
  sending.close();
  talking.close();
  await until(() => peer.lost.length > 0, "one was lost");
  assert.deepEqual(peer.lost, ["a"]);
  await peer.server.server.stop(0);
});
