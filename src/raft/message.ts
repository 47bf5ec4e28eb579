/**
 * What nodes say to each other. Plain values: the transport maps them to the wire.
 *
 * Every message carries its sender's term, except that a `vote_request` with `pre` and its granted
 * answer carry the term the sender would campaign in. A message may be lost, late, doubled or
 * reordered; none is trusted to arrive.
 */

import type { Entry, NodeId, SnapshotMetadata } from "./entry.ts";

/** Common to all messages. */
export interface Envelope {
  readonly from: NodeId;
  readonly to: NodeId;
  /** The incarnation of `to` as the sender's membership has it; empty when it knows none. */
  readonly toIncarnation: string;
  readonly term: number;
}

/** Asks for a vote, or with `pre` whether one would be given (thesis §9.6). */
export interface VoteRequest extends Envelope {
  readonly kind: "vote_request";
  readonly pre: boolean;
  readonly lastIndex: number;
  readonly lastTerm: number;
  /** The leader asked for this election, so the leader's lease does not stand against it. */
  readonly transfer: boolean;
}

/** Answers a {@linkcode VoteRequest}. */
export interface VoteResponse extends Envelope {
  readonly kind: "vote_response";
  readonly pre: boolean;
  readonly granted: boolean;
}

/** Entries behind (`prevIndex`, `prevTerm`), perhaps none. */
export interface AppendRequest extends Envelope {
  readonly kind: "append_request";
  readonly prevIndex: number;
  readonly prevTerm: number;
  readonly entries: readonly Entry[];
  readonly commit: number;
}

/** The log up to `match` is durable at the sender and equal to the leader's. */
export interface AppendAccepted extends Envelope {
  readonly kind: "append_accepted";
  readonly match: number;
}

/** The sender has no entry (`prevIndex`, `prevTerm`); it may match at (`hintIndex`, `hintTerm`). */
export interface AppendRejected extends Envelope {
  readonly kind: "append_rejected";
  /** `prevIndex` of the request that is refused. */
  readonly prevIndex: number;
  readonly hintIndex: number;
  readonly hintTerm: number;
}

/** Keeps followers from campaigning, and confirms leadership for reads. */
export interface HeartbeatRequest extends Envelope {
  readonly kind: "heartbeat_request";
  /** Never above what the receiver is known to match. */
  readonly commit: number;
  /** Round of reads this confirms; 0: none. */
  readonly readRound: number;
}

/** Answers a {@linkcode HeartbeatRequest}, echoing its round. */
export interface HeartbeatResponse extends Envelope {
  readonly kind: "heartbeat_response";
  readonly readRound: number;
}

/**
 * The receiver's driver holds a whole, checked snapshot that the leader sent: install it. Made by
 * the driver when the last {@linkcode SnapshotChunk} is in; never on the wire.
 */
export interface SnapshotReceived extends Envelope {
  readonly kind: "snapshot_received";
  readonly snapshot: SnapshotMetadata;
}

/** Tells a caught-up follower to campaign at once (thesis §3.10). */
export interface TimeoutNow extends Envelope {
  readonly kind: "timeout_now";
  /** The leader's last index: a receiver that holds less ignores a late request. */
  readonly lastIndex: number;
}

/** A follower asks the leader for a read index. */
export interface ReadIndexRequest extends Envelope {
  readonly kind: "read_index_request";
  /** Never used twice by its sender, not even after a restart. */
  readonly requestId: number;
}

/** Answers a {@linkcode ReadIndexRequest}: once the asker has applied `index`, it may read. */
export interface ReadIndexResponse extends Envelope {
  readonly kind: "read_index_response";
  readonly requestId: number;
  readonly index: number;
}

/** A piece of a snapshot; handled by the drivers, not by the core. */
export interface SnapshotChunk extends Envelope {
  readonly kind: "snapshot_chunk";
  /** One transfer's name, fresh for each snapshot made. */
  readonly transferId: string;
  readonly snapshot: SnapshotMetadata;
  readonly totalBytes: number;
  readonly offsetBytes: number;
  readonly data: Uint8Array;
  /** CRC-32 of `data`. */
  readonly checksum: number;
}

/** How far a transfer has come at the receiver, durably enough to resume from. */
export interface SnapshotChunkAck extends Envelope {
  readonly kind: "snapshot_chunk_ack";
  readonly transferId: string;
  /** The next byte wanted. */
  readonly nextOffsetBytes: number;
  /** `refused`: the receiver does not want this snapshot (any more). */
  readonly status: "wanted" | "installed" | "refused";
}

/** What the core steps on. */
export type CoreMessage =
  | VoteRequest
  | VoteResponse
  | AppendRequest
  | AppendAccepted
  | AppendRejected
  | HeartbeatRequest
  | HeartbeatResponse
  | SnapshotReceived
  | TimeoutNow
  | ReadIndexRequest
  | ReadIndexResponse;

/** What goes over the transport. */
export type Message = Exclude<CoreMessage, SnapshotReceived> | SnapshotChunk | SnapshotChunkAck;

/** A message without what the sender's core fills in. */
export type Unaddressed<M> = M extends Envelope ? Omit<M, "from" | "toIncarnation"> : never;

/** What says how its sender's disk stands: it counts only for the incarnation that was asked. */
export function isAnswer({ kind }: Message): boolean {
  return kind === "vote_response" || kind === "append_accepted" || kind === "append_rejected" ||
    kind === "heartbeat_response" || kind === "snapshot_chunk_ack";
}
