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
  Metadata,
} from "@grpc/grpc-js";
import { decode, encode } from "cborg";
import type { Message, Transport } from "../raft/mod.ts";
import { RaftFrameSchema, RaftService } from "./gen/raft_pb.ts";
import type { ServiceHandlers } from "./server.ts";
import { Refusal } from "./status.ts";
import { type AnyMessage, methodDefinition } from "./wire.ts";

/** Version of the CBOR encoding of messages; another one is refused, never guessed at. */
const FORMAT = 1;
/** Frames that may wait for one peer; beyond, messages to it are dropped. */
const WAITING_FRAMES_MAX = 1_024;
const RECONNECT_PAUSE_MS = 100;

export interface PeerTransportOptions {
  readonly clusterId: string;
  readonly credentials: ChannelCredentials;
  readonly grpcOptions?: ClientOptions;
  /** `host:port` of a member, if known. */
  readonly addressOf: (nodeId: string) => string | undefined;
  readonly token?: () => string | undefined;
  /** The stream to a peer broke: it may be gone. */
  readonly onPeerLost: (nodeId: string, reason: string) => void;
}

/** Sends Raft messages to the other members. */
export class PeerTransport implements Transport {
  readonly #options: PeerTransportOptions;
  readonly #peers = new Map<string, Peer>();

  constructor(options: PeerTransportOptions) {
    this.#options = options;
  }

  send(messages: readonly Message[]): void {
    const byPeer = Map.groupBy(messages, (message) => message.to);
    for (const [nodeId, group] of byPeer) this.#peerFor(nodeId)?.send(group);
  }

  /** Closes every connection. */
  close(): void {
    for (const peer of this.#peers.values()) peer.close();
    this.#peers.clear();
  }

  #peerFor(nodeId: string): Peer | undefined {
    const address = this.#options.addressOf(nodeId);
    if (address === undefined) return undefined;
    let peer = this.#peers.get(nodeId);
    if (peer?.address !== address) {
      peer?.close();
      peer = new Peer(nodeId, address, this.#options);
      this.#peers.set(nodeId, peer);
    }
    return peer;
  }
}

class Peer {
  readonly address: string;
  readonly #nodeId: string;
  readonly #options: PeerTransportOptions;
  readonly #client: Client;
  #stream: ClientDuplexStream<AnyMessage, AnyMessage> | undefined;
  #pausedUntilMs = 0;

  constructor(nodeId: string, address: string, options: PeerTransportOptions) {
    this.#nodeId = nodeId;
    this.address = address;
    this.#options = options;
    this.#client = new Client(address, options.credentials, {
      "grpc.max_receive_message_length": -1,
      "grpc.max_send_message_length": -1,
      "grpc.initial_reconnect_backoff_ms": 100,
      "grpc.max_reconnect_backoff_ms": 1_000,
      ...options.grpcOptions,
    });
  }

  send(messages: readonly Message[]): void {
    const stream = this.#stream ?? this.#open();
    if (stream === undefined || stream.writableLength > WAITING_FRAMES_MAX) return;
    stream.write(create(RaftFrameSchema, {
      messages: encode(messages),
      format: FORMAT,
      clusterId: this.#options.clusterId,
    }));
  }

  close(): void {
    this.#pausedUntilMs = Number.POSITIVE_INFINITY;
    this.#stream?.cancel();
    this.#client.close();
  }

  #open(): ClientDuplexStream<AnyMessage, AnyMessage> | undefined {
    if (performance.now() < this.#pausedUntilMs) return undefined;
    const definition = methodDefinition(RaftService.method.exchange);
    const metadata = new Metadata();
    const token = this.#options.token?.();
    if (token !== undefined) metadata.set("authorization", `Bearer ${token}`);
    const stream = this.#client.makeBidiStreamRequest(
      definition.path,
      definition.requestSerialize,
      definition.responseDeserialize,
      metadata,
    );
    const lost = (reason: string) => {
      if (this.#stream !== stream) return;
      this.#stream = undefined;
      if (this.#pausedUntilMs !== Number.POSITIVE_INFINITY) {
        this.#pausedUntilMs = performance.now() + RECONNECT_PAUSE_MS;
        this.#options.onPeerLost(this.#nodeId, reason);
      }
    };
    stream.on("error", (failure: Error) => lost(failure.message));
    stream.on("end", () => lost("the peer closed the stream"));
    stream.on("data", () => {}); // nothing is answered, but an unread stream does not end
    this.#stream = stream;
    return stream;
  }
}

/** The receiving side: passes messages of the same cluster on. */
export function raftService(
  clusterId: string,
  step: (message: Message) => void,
): ServiceHandlers<typeof RaftService> {
  return {
    exchange: (stream) => {
      stream.onMessage((frame) => {
        const fault = faultOf(frame, clusterId);
        if (fault !== undefined) return stream.end(new Refusal("failed_precondition", fault));
        for (const message of decode(frame.messages) as Message[]) step(message);
      });
      stream.onClosed(() => {});
    },
  };
}

function faultOf(
  frame: { readonly format: number; readonly clusterId: string },
  clusterId: string,
): string | undefined {
  if (frame.format !== FORMAT) {
    return `messages have format ${frame.format}; this master knows ${FORMAT}`;
  }
  if (frame.clusterId !== clusterId) {
    return `you belong to cluster ${frame.clusterId}, this master to ${clusterId}`;
  }
  return undefined;
}
