/**
 * Raft's messages over gRPC: one stream from each master to each other. Whatever cannot be sent is
 * dropped, as Raft allows; a broken stream is opened again with the next message after a pause.
 *
 * @module
 */

import { create } from "@bufbuild/protobuf";
import {
  type ChannelCredentials,
  Client,
  type ClientDuplexStream,
  type ClientOptions,
  connectivityState,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { decode, encode } from "cborg";
import type { Message, Transport } from "../raft/mod.ts";
import { type RaftFrame, RaftFrameSchema, RaftService } from "./gen/raft_pb.ts";
import type { ServiceHandlers } from "./call.ts";
import { endingOnGoaway } from "./goaway_credentials.ts";
import { keepaliveOptions } from "./keepalive.ts";
import { Refusal } from "./status.ts";
import { type AnyMessage, methodDefinition } from "./wire.ts";

/** Version of the CBOR encoding of messages; another one is refused, never guessed at. */
const FORMAT = 1;
/** Frames that may wait for one peer; beyond, messages to it are dropped. */
const WAITING_FRAMES_MAX = 1_024;
/** The same bound in bytes; a single frame may be longer. */
const WAITING_BYTES_MAX = 64 * 1024 * 1024;
/** Pause before a broken stream is opened again; doubled while the next ones do not last either. */
const RECONNECT_PAUSE_MS_MIN = 100;
const RECONNECT_PAUSE_MS_MAX = 800;
/**
 * A connection that is not made within this is given up for another. What the network drops TCP sends
 * again at ever longer intervals, so that one that was begun before it healed is made long after.
 */
const CONNECT_PATIENCE_MS = 3_000;
/** A peer that does not answer pings for so long is gone, though no packet says so. */
const KEEPALIVE_MS = 5_000;
const UINT32_MAX = 2 ** 32 - 1;

/** What a master tells its peers of itself, once a stream. */
export interface PeerFacts {
  readonly nodeId: string;
  /** `host:port` where peers reach it. */
  readonly address: string;
  /** `host:port` where clients and workers reach it. */
  readonly grpcAddress: string;
  /** As its data directory has it. */
  readonly incarnation: string;
  readonly version: string;
  /** The highest format of log entries that it reads; 0: unknown. */
  readonly entryFormat: number;
  /** Of its process, drawn at random when it started; empty: unknown. */
  readonly life: string;
}

export interface PeerTransportOptions {
  readonly clusterId: string;
  readonly credentials: ChannelCredentials;
  readonly grpcOptions?: ClientOptions;
  /** Told to every peer. */
  readonly own: () => PeerFacts;
  /** `host:port` of a member, if known. */
  readonly addressOf: (nodeId: string) => string | undefined;
  readonly token?: () => string | undefined;
  /** What one fsync of this node takes now, in ms; undefined: not known. Told to every peer. */
  readonly syncMs?: () => number | undefined;
  /** The stream to a peer broke: it may be gone. */
  readonly onPeerLost: (nodeId: string, reason: string) => void;
  /** A peer wants to hear nothing from this node, and says why; it will be tried again. */
  readonly onPeerRefused?: (nodeId: string, reason: string) => void;
  /** A peer hears another process with this node's data directory; it will be tried again. */
  readonly onOtherLife?: (nodeId: string, reason: string) => void;
}

/** Sends Raft messages to the other members. */
export class PeerTransport implements Transport {
  readonly #options: PeerTransportOptions;
  readonly #peers = new Map<string, Peer>();
  /** Addresses that senders gave of themselves; what the membership says counts more. */
  readonly #heard = new Map<string, string>();

  constructor(options: PeerTransportOptions) {
    this.#options = options;
  }

  send(messages: readonly Message[]): void {
    const byPeer = Map.groupBy(messages, (message) => message.to);
    for (const [nodeId, group] of byPeer) {
      const { snapshot = [], talk = [] } = Object.groupBy(group, laneOf);
      if (talk.length > 0) this.#peerFor(nodeId, "talk")?.send(talk);
      if (snapshot.length > 0) this.#peerFor(nodeId, "snapshot")?.send(snapshot);
    }
  }

  /**
   * Opens the stream to a member if there is none, so that its first message need not wait, and says
   * on one where nothing was sent since the last time that this node is still there.
   */
  connect(nodeId: string): void {
    this.#peerFor(nodeId, "talk")?.connect();
  }

  /** `host:port` of a node, by membership or by its own word. */
  addressOf(nodeId: string): string | undefined {
    return this.#options.addressOf(nodeId) ?? this.#heard.get(nodeId);
  }

  /**
   * A frame came from a node that says where it is. It lives, so this is no time to wait before the
   * next attempt to connect to it: what it asks would not be answered.
   */
  heardFrom(nodeId: string, address: string): void {
    if (address !== "") this.#heard.set(nodeId, address);
    this.#peers.get(`talk ${nodeId}`)?.lives();
  }

  /** Closes every connection. */
  close(): void {
    for (const peer of this.#peers.values()) peer.close();
    this.#peers.clear();
  }

  #peerFor(nodeId: string, lane: Lane): Peer | undefined {
    const address = this.addressOf(nodeId);
    if (address === undefined) return undefined;
    const key = `${lane} ${nodeId}`;
    let peer = this.#peers.get(key);
    if (peer?.address !== address) {
      peer?.close();
      peer = new Peer(nodeId, address, lane, this.#options);
      this.#peers.set(key, peer);
    }
    return peer;
  }
}

/** Snapshots have a connection of their own: on a slow link they would hold up heartbeats. */
type Lane = "talk" | "snapshot";

function laneOf({ kind }: Message): Lane {
  return kind === "snapshot_chunk" ? "snapshot" : "talk";
}

class Peer {
  readonly address: string;
  readonly #nodeId: string;
  readonly #lane: Lane;
  readonly #options: PeerTransportOptions;
  /** Of the stream. Each has a new one: an old one would pause before it connects again. */
  #client: Client | undefined;
  #stream: ClientDuplexStream<AnyMessage, AnyMessage> | undefined;
  #openedMs = 0;
  #pauseMs = RECONNECT_PAUSE_MS_MIN;
  #pausedUntilMs = 0;
  #waitingBytes = 0;
  /** The next frame is the first one of its stream. */
  #isFirst = true;
  /** Nothing was sent since the last look. */
  #isIdle = true;

  constructor(nodeId: string, address: string, lane: Lane, options: PeerTransportOptions) {
    this.#nodeId = nodeId;
    this.#lane = lane;
    this.address = address;
    this.#options = options;
  }

  connect(): void {
    if (this.#isIdle || this.#stream === undefined) this.send([]);
    this.#isIdle = true;
  }

  /** The peer was heard of on its own stream. */
  lives(): void {
    const isSoon = performance.now() - this.#openedMs < RECONNECT_PAUSE_MS_MIN;
    if (this.#isClosed || this.#stream !== undefined || isSoon) return;
    this.#pauseMs = RECONNECT_PAUSE_MS_MIN;
    this.#pausedUntilMs = 0;
    this.#open();
  }

  send(messages: readonly Message[]): void {
    if (this.#isStuck) this.#giveUp();
    const stream = this.#stream ?? this.#open();
    if (stream === undefined || this.#isCongested(stream)) return;
    const bytes = encode(messages);
    this.#waitingBytes += bytes.byteLength;
    const frame = create(RaftFrameSchema, {
      messages: bytes,
      format: FORMAT,
      clusterId: this.#options.clusterId,
      ...(this.#isFirst ? { sender: this.#options.own() } : {}),
      senderTimeMs: BigInt(Date.now()),
      senderSyncUs: Math.min(Math.ceil((this.#options.syncMs?.() ?? 0) * 1_000), UINT32_MAX),
    });
    this.#isFirst = false;
    this.#isIdle = false;
    stream.write(frame, () => {
      if (this.#stream === stream) this.#waitingBytes -= bytes.byteLength;
    });
  }

  get #isClosed(): boolean {
    return this.#pausedUntilMs === Number.POSITIVE_INFINITY;
  }

  /** The connection of the stream is not made, and has had its time. */
  get #isStuck(): boolean {
    if (this.#stream === undefined) return false;
    if (performance.now() - this.#openedMs < CONNECT_PATIENCE_MS) return false;
    const state = this.#client?.getChannel().getConnectivityState(false);
    return state !== connectivityState.READY;
  }

  #giveUp(): void {
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.cancel();
  }

  #isCongested(stream: ClientDuplexStream<AnyMessage, AnyMessage>): boolean {
    return stream.writableLength > WAITING_FRAMES_MAX || this.#waitingBytes > WAITING_BYTES_MAX;
  }

  close(): void {
    this.#pausedUntilMs = Number.POSITIVE_INFINITY;
    this.#stream?.cancel();
    this.#client?.close();
    this.#client = undefined;
  }

  #newClient(): Client {
    return new Client(this.address, endingOnGoaway(this.#options.credentials), {
      "grpc.max_receive_message_length": -1,
      "grpc.max_send_message_length": -1,
      ...keepaliveOptions({ timeMs: KEEPALIVE_MS, timeoutMs: KEEPALIVE_MS }),
      "grpc.use_local_subchannel_pool": 1, // one connection for each lane
      "grpc.enable_retries": 0, // they would keep copies of what was sent; Raft sends again itself
      ...this.#options.grpcOptions,
    });
  }

  #open(): ClientDuplexStream<AnyMessage, AnyMessage> | undefined {
    if (performance.now() < this.#pausedUntilMs) return undefined;
    const definition = methodDefinition(RaftService.method.exchange);
    const metadata = new Metadata();
    const token = this.#options.token?.();
    if (token !== undefined) metadata.set("authorization", `Bearer ${token}`);
    this.#client?.close();
    const client = this.#newClient();
    this.#client = client;
    this.#openedMs = performance.now();
    const stream = client.makeBidiStreamRequest(
      definition.path,
      definition.requestSerialize,
      definition.responseDeserialize,
      metadata,
    );
    const lost = (reason: string) => {
      if (this.#stream !== stream) return;
      this.#stream = undefined;
      this.#client?.close();
      this.#client = undefined;
      if (!this.#isClosed) {
        const nowMs = performance.now();
        const hasLasted = nowMs - this.#openedMs > CONNECT_PATIENCE_MS;
        this.#pauseMs = hasLasted
          ? RECONNECT_PAUSE_MS_MIN
          : Math.min(2 * this.#pauseMs, RECONNECT_PAUSE_MS_MAX);
        this.#pausedUntilMs = nowMs + this.#pauseMs;
        // A transfer that stalls is sent again by its sender; nothing else depends on this lane.
        if (this.#lane === "talk") this.#options.onPeerLost(this.#nodeId, reason);
      }
    };
    stream.on("error", (failure: ServiceError) => {
      const { onPeerRefused, onOtherLife } = this.#options;
      const told = failure.code === status.FAILED_PRECONDITION
        ? onPeerRefused
        : failure.code === status.ALREADY_EXISTS
        ? onOtherLife
        : undefined;
      if (this.#stream === stream) told?.(this.#nodeId, failure.details);
      lost(failure.message);
    });
    stream.on("end", () => lost("the peer closed the stream"));
    stream.on("data", () => {}); // nothing is answered, but an unread stream does not end
    this.#stream = stream;
    this.#waitingBytes = 0;
    this.#isFirst = true;
    return stream;
  }
}

/** Told of what comes in. */
export interface PeerListener {
  /**
   * A frame came on `stream`, be it empty.
   *
   * @throws Refusal `already_exists` when another process speaks for that sender
   */
  onFrame?(sender: PeerFacts, stream: object): void;
  /** `stream` ended. */
  onEnded?(stream: object): void;
  /** With what its sender said of itself. */
  onMessage(message: Message, sender: PeerFacts): void;
  /** A node talks on a new stream: what it said on an older one may be lost. */
  onOpened?(nodeId: string): void;
  /** A node sent something, and says what time it has, in ms since the epoch. */
  onTime(nodeId: string, timeMs: number): void;
  /** A node says what one of its fsyncs takes, in ms. */
  onPace?(nodeId: string, syncMs: number): void;
  /** The stream of a node that has sent something broke: it may be gone. */
  onLost(nodeId: string): void;
  /** Somebody was turned away: a member of another cluster, or one that speaks another version. */
  onRefused?(reason: string): void;
}

/** The receiving side: passes messages of the same cluster on. */
export function raftService(
  clusterId: string,
  listener: PeerListener,
): ServiceHandlers<typeof RaftService> {
  return {
    exchange: (stream) => {
      let sender: string | undefined;
      let facts: PeerFacts | undefined;
      stream.onMessage((frame) => {
        facts ??= factsIn(frame);
        const fault = faultOf(frame, clusterId);
        if (fault !== undefined) {
          listener.onRefused?.(`${facts.address || "a peer"}: ${fault}`);
          return stream.end(new Refusal("failed_precondition", fault));
        }
        listener.onFrame?.(facts, stream);
        for (const message of decodedMessages(frame.messages)) {
          if (laneOf(message) === "talk" && sender === undefined) {
            sender = message.from;
            listener.onOpened?.(sender);
          }
          listener.onMessage(message, facts);
        }
        if (sender !== undefined && frame.senderTimeMs > 0n) {
          listener.onTime(sender, Number(frame.senderTimeMs));
        }
        if (sender !== undefined && frame.senderSyncUs > 0) {
          listener.onPace?.(sender, frame.senderSyncUs / 1_000);
        }
      });
      stream.onClosed(() => {
        listener.onEnded?.(stream);
        if (sender !== undefined) listener.onLost(sender);
      });
    },
  };
}

function factsIn({ sender }: RaftFrame): PeerFacts {
  if (sender === undefined) return NO_FACTS;
  const { nodeId, address, grpcAddress, incarnation, version, entryFormat, life } = sender;
  return { nodeId, address, grpcAddress, incarnation, version, entryFormat, life };
}

const NO_FACTS: PeerFacts = {
  nodeId: "",
  address: "",
  grpcAddress: "",
  incarnation: "",
  version: "",
  entryFormat: 0,
  life: "",
};

function decodedMessages(bytes: Uint8Array): readonly Message[] {
  let messages: unknown;
  try {
    messages = decode(bytes);
  } catch (cause) {
    throw new Refusal("invalid", `the frame is no CBOR: ${(cause as Error).message}`, { cause });
  }
  const isListOfObjects = Array.isArray(messages) &&
    messages.every((each) => typeof each === "object" && each !== null);
  // What is in them is consensus's to judge (raft/message_check.ts).
  if (isListOfObjects) return messages as readonly Message[];
  throw new Refusal("invalid", "the frame holds no array of messages");
}

function faultOf(
  frame: { readonly format: number; readonly clusterId: string },
  clusterId: string,
): string | undefined {
  if (frame.format !== FORMAT) {
    return `messages have format ${frame.format}; this master knows ${FORMAT}`;
  }
  if (frame.clusterId !== clusterId) {
    // One that waits for its cluster to be founded, or to be let in, has none.
    return `you belong to cluster ${frame.clusterId}, this master to ${clusterId || "none yet"}`;
  }
  return undefined;
}
