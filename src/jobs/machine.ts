/**
 * The replicated truth about jobs and workers: Commands in, Outcomes out, in the order of the Raft
 * log and the same on every replica.
 *
 * @module
 */

import type { Command, OutcomeOf } from "./command.ts";
import type { Attempt, Job, JobEvent, JobResult, LogPosition, Worker } from "./job.ts";
import type { JobCounts, JobPage, JobQuery, PrunePlan, PruneQuery } from "./query.ts";
import type { ExpiredAttempt } from "./command.ts";
import type { JobStore } from "./store.ts";
import type { SchedulingView } from "./view.ts";

/** What all replicas must agree on, and what each may choose. */
export interface JobMachineOptions {
  /** Replicas must agree. Attempts lost with their worker that make a dead letter. Default 3. */
  readonly crashesMax?: number;
  /** Replicas must agree. How long an idempotency key is remembered. Default 24 h. */
  readonly keyRetentionMs?: number;
  /** Replicas must agree. Idempotency keys remembered; the oldest give way. Default 1,000,000. */
  readonly keysMax?: number;
  /** Replicas must agree. Workers remembered, disconnected ones too. Default 10,000. */
  readonly workersMax?: number;
  /** Payloads of unfinished jobs kept in memory; beyond, they are read back. Default 64 MiB. */
  readonly payloadMemoryBytesMax?: number;
  /** Events kept for `drainEvents`; the oldest give way. Default 100,000. */
  readonly eventsMax?: number;
}

/** How long what the leader watches over may take; see `JobMachine.dueAttempts`. */
export interface AttemptLimits {
  /** An assigned attempt that has not started for this long is handed back. */
  readonly assignmentTimeoutMs: number;
  /** Added to an attempt's own deadline, for the worker to report the timeout by itself. */
  readonly graceMs: number;
  readonly limit: number;
}

export class JobMachine {
  constructor(_store: JobStore, _options: JobMachineOptions = {}) {
    throw new Error("not built yet");
  }

  /** Applies one Command. Never throws for what it refuses; throws only when we or the disk fail. */
  apply<C extends Command>(_command: C, _position: LogPosition): OutcomeOf[C["kind"]] {
    throw new Error("not built yet");
  }
  /** Writes what changed in one transaction, as the state at `applied` (default: last applied). */
  flush(_applied?: LogPosition): void {}
  /** Flushes and makes durable; the log may be compacted up to `durable`. May stall for a while. */
  checkpoint(): LogPosition {
    throw new Error("not built yet");
  }
  /** Starts again from what the store holds, for example after a snapshot was installed. */
  reload(): void {}

  /** Position of the last applied entry. */
  get applied(): LogPosition {
    throw new Error("not built yet");
  }
  /** Position that the last flush wrote. */
  get flushed(): LogPosition {
    throw new Error("not built yet");
  }
  /** Position up to which a power failure takes nothing. */
  get durable(): LogPosition {
    throw new Error("not built yet");
  }
  /** Rows that the next flush will write. */
  get dirtyCount(): number {
    throw new Error("not built yet");
  }
  /** Replicated time, ms. */
  get nowMs(): number {
    throw new Error("not built yet");
  }

  get(_id: string): Job | undefined {
    throw new Error("not built yet");
  }
  payload(_id: string): Uint8Array | undefined {
    throw new Error("not built yet");
  }
  result(_id: string): JobResult | undefined {
    throw new Error("not built yet");
  }
  logTail(_id: string): readonly string[] {
    throw new Error("not built yet");
  }
  /** Attempts, oldest first, the running one last. */
  attempts(_id: string): readonly Attempt[] {
    throw new Error("not built yet");
  }
  list(_query: JobQuery): JobPage {
    throw new Error("not built yet");
  }
  counts(): JobCounts {
    throw new Error("not built yet");
  }
  /** Jobs not finished yet. */
  get liveJobs(): number {
    throw new Error("not built yet");
  }
  workers(): readonly Worker[] {
    throw new Error("not built yet");
  }
  worker(_id: string): Worker | undefined {
    throw new Error("not built yet");
  }
  /** Jobs that a worker holds now. */
  heldBy(_workerId: string): readonly Job[] {
    throw new Error("not built yet");
  }

  /** For `scheduler.plan`; valid until the next `apply`. */
  view(): SchedulingView {
    throw new Error("not built yet");
  }
  /** Attempts that the leader should end now with `expire_attempts`. */
  dueAttempts(_nowMs: number, _limits: AttemptLimits): readonly ExpiredAttempt[] {
    throw new Error("not built yet");
  }
  /** When the next delayed job is due; the leader then proposes `advance`. Undefined: none waits. */
  get nextDueMs(): number | undefined {
    throw new Error("not built yet");
  }
  /** Finished jobs for a `prune` Command. */
  pruneCandidates(_query: PruneQuery): PrunePlan {
    throw new Error("not built yet");
  }

  /** Events since the last call, oldest first. */
  drainEvents(): JobEvent[] {
    throw new Error("not built yet");
  }
  /** Digest of the whole state, equal on replicas that applied the same. Reads everything. */
  stateHash(): string {
    throw new Error("not built yet");
  }
}
