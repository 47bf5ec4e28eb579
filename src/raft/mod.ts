/**
 * Consensus: a pure Raft core ({@linkcode RaftCore}) and the loop that drives it through ports
 * ({@linkcode RaftNode}). Carries bytes; knows nothing of jobs, disks or networks. See `DESIGN.md`.
 *
 * @module
 */

export * from "./core.ts";
export * from "./entry.ts";
export { LogForgotten } from "./follower.ts";
export * from "./invariant.ts";
export * from "./membership.ts";
export * from "./message.ts";
export { MemoryLog } from "./memory_log.ts";
export { RaftNode } from "./node.ts";
export * from "./ports.ts";
export type { OutgoingMessage } from "./ready.ts";
export * from "./refusal.ts";
export type { SnapshotBounds } from "./snapshot_driver.ts";
export { foundCluster, StartRefused } from "./start.ts";
export { DEFAULT_BOUNDS } from "./state.ts";
export type { RaftBounds, RaftTimings } from "./state.ts";
export type { PeerStatus, RaftStatus } from "./status.ts";
