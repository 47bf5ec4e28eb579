/**
 * What workers, and those who look after them, ask of the replicated state.
 *
 * @module
 */

import type { AttemptLog, Stamped } from "./command.ts";
import type { AttemptRef, JobStatus, StringMap } from "./job.ts";

export interface RegisterWorkerCommand extends Stamped {
  readonly kind: "register_worker";
  readonly worker: WorkerSpec;
  /**
   * What it still runs: what of that it owns goes on, what it should have and does not list goes
   * back to the queue. Left out: nothing runs if the session is new, nothing changes if it is not.
   */
  readonly runningAttempts?: readonly AttemptRef[];
  /** As in {@linkcode ExpireWorkerCommand}. */
  readonly crashLimit?: number;
}

/** What a worker says of itself. */
export interface WorkerSpec {
  readonly id: string;
  readonly sessionId: string;
  readonly address: string;
  readonly slots: number;
  /** `null`: every type. */
  readonly jobTypes: readonly string[] | null;
  readonly tags: StringMap;
  readonly version: string;
  /** Thousandths of a processor, and memory, that its jobs may ask for together; 0: none. */
  readonly cpuMillis?: number;
  readonly memoryBytes?: number;
  /** Jobs of single types that it may hold at once; of all others as many as it has slots. */
  readonly typeSlots?: Readonly<Record<string, number>>;
  /** It gets jobs of these namespaces alone; left out: of all. */
  readonly namespaces?: readonly string[];
  readonly unary?: boolean;
  /** With `unary`: masters call its WorkerService at `address` with its orders. */
  readonly pushed?: boolean;
}

export type RegisterWorkerOutcome =
  | {
    readonly kind: "register_worker";
    readonly status: "registered";
    /** Another session of the same worker ended by this. */
    readonly replacedSessionId: string;
    /** Listed and owned: they go on. */
    readonly kept: readonly AttemptRef[];
    /** Owned and not listed: they went back (or, crashed too often, became dead letters). */
    readonly lost: readonly EndedAttempt[];
    /** Listed and not owned: the worker must stop them. */
    readonly foreign: readonly AttemptRef[];
    /** Lost when it fell silent, which counts no more: it was only out of reach. */
    readonly forgiven: readonly AttemptRef[];
    /** Lost when it fell silent, and now known to have died with its process. */
    readonly confirmed: readonly AttemptRef[];
  }
  | {
    readonly kind: "register_worker";
    readonly status: "refused";
    readonly reason: "too_many_workers" | "invalid_worker";
    readonly message: string;
  };

/** An attempt that was taken from a worker, and where that left its job. */
export interface EndedAttempt {
  readonly jobId: string;
  readonly token: number;
  readonly workerId: string;
  readonly jobStatus: JobStatus;
}

export interface ExpireWorkerCommand extends Stamped {
  readonly kind: "expire_worker";
  readonly workerId: string;
  readonly sessionId: string;
  readonly reason: string;
  /** Refuse if the entry commits in another term: a deposed leader's clock has no say. */
  readonly leaderTerm?: number;
  /**
   * Attempts of one job that may be lost with workers that died, until it is a dead letter. Left out
   * by leaders of before: then every loss counts, and `JobMachineOptions.crashesMax` is the limit.
   */
  readonly crashLimit?: number;
  /** What its attempts have logged, as far as the leader knows. */
  readonly logs?: readonly AttemptLog[];
}

export interface DeregisterWorkerCommand extends Stamped {
  readonly kind: "deregister_worker";
  readonly workerId: string;
  readonly sessionId: string;
}

export type EndSessionOutcome<Kind extends string> =
  | { readonly kind: Kind; readonly status: "ended"; readonly ended: readonly EndedAttempt[] }
  | {
    readonly kind: Kind;
    readonly status: "refused";
    readonly reason: "unknown_worker" | "stale_session" | "stale_term";
    readonly message: string;
  };

export interface DrainWorkerCommand extends Stamped {
  readonly kind: "drain_worker";
  readonly workerId: string;
  readonly draining: boolean;
  /** An operator's drain outlives the session, a worker's own does not. Default: operator. */
  readonly by?: "operator" | "worker";
  /** Of an operator's drain: when what the worker still holds is to be handed back. */
  readonly handBackAtMs?: number;
}

export type DrainWorkerOutcome =
  | { readonly kind: "drain_worker"; readonly status: "done"; readonly changed: boolean }
  | {
    readonly kind: "drain_worker";
    readonly status: "refused";
    readonly reason: "unknown_worker";
    readonly message: string;
  };
