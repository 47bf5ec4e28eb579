/**
 * Consensus: a pure Raft core ({@linkcode RaftCore}) and the loop that drives it through ports
 * ({@linkcode RaftNode}). Carries bytes; knows nothing of jobs, disks or networks. See `DESIGN.md`.
 *
 * @module
 */

export {
  type ChangeRefusalReason,
  type ChangeResult,
  type CoreOptions,
  type ProposeResult,
  RaftCore,
  type Ready,
  type RefusalReason,
  type RoleName,
  type Write,
} from "./core.ts";
export {
  type Entry,
  ENTRY_OVERHEAD_BYTES,
  entryBytes,
  type EntryKind,
  type HardState,
  NO_DATA,
  type NodeId,
  type SnapshotMetadata,
} from "./entry.ts";
export { LogForgotten } from "./follower.ts";
export { invariant, InvariantViolation } from "./invariant.ts";
export {
  changed,
  decodeMembership,
  encodeMembership,
  everyMember,
  isMembership,
  isVoter,
  type Member,
  memberOf,
  type Membership,
  MEMBERSHIP_FORMAT,
  type MembershipChange,
  MembershipHistory,
  NO_MEMBERSHIP,
} from "./membership.ts";
export {
  type AppendAccepted,
  type AppendRejected,
  type AppendRequest,
  type CoreMessage,
  type Envelope,
  type HeartbeatRequest,
  type HeartbeatResponse,
  isAnswer,
  type Message,
  type ReadIndexRequest,
  type ReadIndexResponse,
  type SnapshotChunk,
  type SnapshotChunkAck,
  type SnapshotReceived,
  type TimeoutNow,
  type Unaddressed,
  type VoteRequest,
  type VoteResponse,
} from "./message.ts";
export { MemoryLog } from "./memory_log.ts";
export { RaftNode } from "./node.ts";
export {
  DiskFull,
  type LogReader,
  type LogStore,
  type SnapshotPort,
  type SnapshotSink,
  type SnapshotSource,
  type StateMachine,
  type Transport,
} from "./ports.ts";
export type { OutgoingMessage } from "./ready.ts";
export {
  type ProposalRefusalReason,
  ProposalRefused,
  type ReadRefusalReason,
  ReadRefused,
} from "./refusal.ts";
export type { SnapshotBounds } from "./snapshot_driver.ts";
export { beginningOf, foundCluster, StartRefused } from "./start.ts";
export type { LogBeginning } from "./start.ts";
export { DEFAULT_BOUNDS } from "./state.ts";
export type { RaftBounds, RaftTimings } from "./state.ts";
export type { PeerStatus, RaftStatus } from "./status.ts";
