/**
 * Consensus: a pure Raft core ({@linkcode RaftCore}) and the loop that drives it through ports
 * ({@linkcode RaftNode}). Carries bytes; knows nothing of jobs, disks or networks. See `DESIGN.md`.
 *
 * @module
 */

export { RaftCore, type Ready, type RefusalReason, type Write } from "./core.ts";
export {
  type Entry,
  entryBytes,
  type EntryKind,
  type HardState,
  type SnapshotMetadata,
} from "./entry.ts";
export { LogForgotten } from "./follower.ts";
export { invariant } from "./invariant.ts";
export {
  changed,
  decodeMembership,
  encodeMembership,
  everyMember,
  isVoter,
  type Member,
  memberOf,
  type Membership,
  type MembershipChange,
  MembershipHistory,
  NO_MEMBERSHIP,
} from "./membership.ts";
export { type CoreMessage, type Envelope, isAnswer, type Message } from "./message.ts";
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
export { ProposalRefused, ReadRefused } from "./refusal.ts";
export type { SnapshotBounds } from "./snapshot_driver.ts";
export { beginningOf, foundCluster, StartRefused } from "./start.ts";
export type { LogBeginning } from "./start.ts";
export { DEFAULT_BOUNDS } from "./state.ts";
export type { RaftBounds, RaftTimings } from "./state.ts";
export type { PeerStatus, RaftStatus } from "./status.ts";
