/**
 * What a master tells its metrics. Called on the hot path: implementations must be cheap.
 *
 * @module
 */

import type { Command, JobEvent } from "../jobs/mod.ts";
import type { RaftStatus } from "../raft/mod.ts";
import type { LeaderObserver } from "./leader.ts";
import type { MadeSnapshot } from "./snapshots.ts";

export interface MasterObserver extends LeaderObserver {
  /** A Command of ours was applied, or was not (`failure`). */
  proposed(kind: Command["kind"], durationMs: number, failure: unknown): void;
  /** Jobs were forgotten by a Command of ours. */
  forgotten(why: "retention" | "purge", jobs: number): void;
  /** A job changed on this node's state; every node hears every change once. */
  jobChanged(event: JobEvent, isLeader: boolean): void;
  heartbeat(workerId: string, accepted: boolean): void;
  roleChanged(status: RaftStatus): void;
  /** A batch is durable in the log: how long all of it took, and what of that the disk took. */
  appended(duration: { readonly durationMs: number; readonly syncMs: number }): void;
  /** This node made a snapshot of its state. */
  snapshotMade(made: MadeSnapshot): void;
  /** This node's state was replaced by a snapshot of the leader's. */
  snapshotInstalled(): void;
}
