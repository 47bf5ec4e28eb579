/**
 * What can be asked of the replicated state: each Command is one entry of the Raft log. The leader
 * stamps time (`atMs`) and identities before it proposes, so that `apply` needs neither clock nor
 * chance. Each answers with the {@linkcode OutcomeOf} of its kind; a refusal is a value in there.
 *
 * @module
 */

import type { AttemptRef, Job, JobStatus, StringMap } from "./job.ts";
import type { JobOptions } from "./job_options.ts";
import type {
  AlterScheduleOutcome,
  PutScheduleOutcome,
  ScheduleCommand,
  ScheduleFireOutcome,
} from "./schedule_command.ts";
import type {
  RevokeOutcome,
  RotateTokenOutcome,
  SecurityCommand,
  SetPolicyOutcome,
  UseTokenOutcome,
} from "./security_command.ts";
import type {
  DeregisterWorkerCommand,
  DrainWorkerCommand,
  DrainWorkerOutcome,
  EndedAttempt,
  EndSessionOutcome,
  ExpireWorkerCommand,
  RegisterWorkerCommand,
  RegisterWorkerOutcome,
} from "./worker_command.ts";
import type { Settings, SettingsChange, SettingsScope } from "./settings.ts";

export type Command =
  | SubmitCommand
  | AssignCommand
  | ReportCommand
  | CancelCommand
  | RedriveCommand
  | RegisterWorkerCommand
  | ExpireWorkerCommand
  | DeregisterWorkerCommand
  | DrainWorkerCommand
  | ExpireAttemptsCommand
  | AdvanceCommand
  | PruneCommand
  | ScheduleCommand
  | ConfigureCommand
  | SecurityCommand;

/** What every Command carries. */
export interface Stamped {
  /** The leader's clock, ms since the epoch; the state never lets its own time go back. */
  readonly atMs: number;
}

/** Answers of `apply`, by kind of Command. */
export interface OutcomeOf {
  readonly submit: { readonly kind: "submit"; readonly results: readonly SubmitOutcome[] };
  readonly assign: { readonly kind: "assign"; readonly results: readonly AssignOutcome[] };
  readonly report: { readonly kind: "report"; readonly results: readonly ReportOutcome[] };
  readonly cancel: { readonly kind: "cancel"; readonly results: readonly CancelOutcome[] };
  readonly redrive: { readonly kind: "redrive"; readonly results: readonly RedriveOutcome[] };
  readonly register_worker: RegisterWorkerOutcome;
  readonly expire_worker: EndSessionOutcome<"expire_worker">;
  readonly deregister_worker: EndSessionOutcome<"deregister_worker">;
  readonly drain_worker: DrainWorkerOutcome;
  readonly expire_attempts: {
    readonly kind: "expire_attempts";
    readonly results: readonly ExpireAttemptOutcome[];
  };
  readonly advance: { readonly kind: "advance"; readonly dueJobs: number };
  readonly configure: ConfigureOutcome;
  readonly prune: { readonly kind: "prune"; readonly removedJobs: number };
  readonly put_schedule: PutScheduleOutcome;
  readonly alter_schedule: AlterScheduleOutcome;
  readonly fire_schedule: {
    readonly kind: "fire_schedule";
    readonly results: readonly ScheduleFireOutcome[];
  };
  readonly revoke: RevokeOutcome;
  readonly rotate_token: RotateTokenOutcome;
  readonly use_token: UseTokenOutcome;
  readonly set_policy: SetPolicyOutcome;
}

/** The answer to any Command. */
export type Outcome = OutcomeOf[Command["kind"]];

// --- Jobs -------------------------------------------------------------------------------------

export interface SubmitCommand extends Stamped {
  readonly kind: "submit";
  readonly jobs: readonly SubmitSpec[];
  /** One refused job refuses all. */
  readonly allOrNothing?: boolean;
  /** Refuse what would make more unfinished jobs than this. */
  readonly liveJobsMax?: number;
  /** Refuse what would give a submitter more unfinished jobs than this. */
  readonly clientJobsMax?: number;
  /** How long its idempotency keys are remembered, in ms; left out: as `MachineOptions` says. */
  readonly keyRetentionMs?: number;
  /**
   * An idempotency key that comes with a submission whose answer is an `existing` job stands for that one
   * from then on. Left out (before format 5): it is forgotten, and a repetition may make a job.
   */
  readonly keysOfExisting?: boolean;
}

/** One job to be made. Optional fields left out mean "", none or 0. */
export interface SubmitSpec {
  /** Chosen by the master; ids that sort by time (UUIDv7, ULID) are the cheapest to store. */
  readonly id: string;
  readonly type: string;
  readonly payload: Uint8Array;
  readonly priority: number;
  readonly maxRetries: number;
  /** Per attempt; 0: no limit. */
  readonly timeoutMs: number;
  /** Before the first retry. */
  readonly retryDelayMs: number;
  readonly notBeforeMs?: number;
  readonly idempotencyKey?: string;
  /** Digest of what makes two submissions the same; without it type and payload are hashed. */
  readonly fingerprint?: string;
  readonly labels?: StringMap;
  readonly requiredTags?: StringMap;
  readonly submittedBy?: string;
  readonly traceparent?: string;
  /** Left out: the default one. */
  readonly namespace?: string;
  /** What it asks for beside all that; the rest is as in `NO_OPTIONS`. */
  readonly options?: Partial<JobOptions>;
}

export type SubmitOutcome =
  | {
    readonly status: "accepted";
    readonly jobId: string;
    readonly jobStatus: JobStatus;
    /** The job that had its unique key, and was cancelled for it. */
    readonly replacedJobId?: string;
  }
  /** No new job: an earlier submission under the same idempotency key made this one. */
  | { readonly status: "duplicate"; readonly jobId: string }
  /** No new job: this one has the unique key, is not finished, and `uniqueMode` is `existing`. */
  | { readonly status: "existing"; readonly jobId: string }
  | {
    readonly status: "refused";
    readonly jobId: string;
    /**
     * `already_exists`: the key belongs to a job with another payload; `id_taken`: the id does;
     * `unique_key`: an unfinished job has the unique key; `unknown_parent`: there is no such job to
     * depend on; `batch_taken`: the batch is another submitter's; `queue_full` and
     * `client_full`: `liveJobsMax` or `clientJobsMax` is reached; `batch_refused`: another job of the Command was refused.
     */
    readonly reason:
      | "already_exists"
      | "id_taken"
      | "unique_key"
      | "unknown_parent"
      | "batch_taken"
      | "queue_full"
      | "client_full"
      | "batch_refused";
    readonly message: string;
  };

export interface AssignCommand extends Stamped {
  readonly kind: "assign";
  readonly assignments: readonly Assignment[];
}

/** A job goes to a worker. */
export interface Assignment {
  readonly jobId: string;
  readonly workerId: string;
  readonly sessionId: string;
}

export type AssignOutcome =
  | {
    readonly status: "assigned";
    readonly jobId: string;
    readonly workerId: string;
    readonly token: number;
    /** The job as it now is; its payload is read by `payload(job.id)`. */
    readonly job: Job;
  }
  | {
    readonly status: "refused";
    readonly jobId: string;
    readonly workerId: string;
    readonly reason:
      | "unknown_job"
      | "not_pending"
      | "unknown_worker"
      | "stale_session"
      | "draining"
      | "not_eligible"
      | "worker_full"
      | "worker_type_full"
      | "no_resources"
      | "type_paused"
      | "queue_paused"
      | "type_at_limit"
      | "queue_at_limit"
      | "group_full"
      | "rate_limited";
    readonly message: string;
  };

export interface ReportCommand extends Stamped {
  readonly kind: "report";
  readonly reports: readonly Report[];
}

/** What a worker says about an attempt. Token 0: the attempt of the job that this worker holds. */
export type Report = StartedReport | CompletedReport | FailedReport | ReleasedReport;

interface ReportBase {
  readonly jobId: string;
  readonly token: number;
  readonly workerId: string;
}

export interface StartedReport extends ReportBase {
  readonly kind: "started";
  /** When it started, by the worker; held between its assignment and now. */
  readonly startedAtMs?: number;
}

export interface CompletedReport extends ReportBase {
  readonly kind: "completed";
  readonly output: Uint8Array;
  readonly contentType: string;
  readonly durationMs: number;
  readonly startedAtMs?: number;
  readonly logTail?: readonly string[];
  /** Lines before those, which are gone. Left out (format 1): cut to that format's bounds. */
  readonly logLinesCut?: number;
}

export interface FailedReport extends ReportBase {
  readonly kind: "failed";
  readonly error: string;
  /** It would fail the same way again: no retry. */
  readonly permanent: boolean;
  /** The worker stopped it at its time limit. */
  readonly timedOut?: boolean;
  readonly durationMs: number;
  readonly startedAtMs?: number;
  readonly output?: Uint8Array;
  readonly contentType?: string;
  readonly logTail?: readonly string[];
  /** Lines before those, which are gone. Left out (format 1): cut to that format's bounds. */
  readonly logLinesCut?: number;
}

/** Handed back unharmed (drain, refused): costs no retry. */
export interface ReleasedReport extends ReportBase {
  readonly kind: "released";
  readonly reason: string;
}

export type ReportOutcome =
  | {
    readonly status: "accepted";
    readonly jobId: string;
    readonly token: number;
    readonly jobStatus: JobStatus;
    /** It had been taken before: nothing changed now. */
    readonly repeated: boolean;
  }
  | {
    readonly status: "refused";
    readonly jobId: string;
    readonly token: number;
    /** `stale_token`: the attempt was ended or given to another; `finished`: so is the job. */
    readonly reason: "unknown_job" | "stale_token" | "finished";
    /** Status of the job, "" when it is unknown. */
    readonly jobStatus: JobStatus | "";
    readonly message: string;
  };

export interface CancelCommand extends Stamped {
  readonly kind: "cancel";
  readonly jobIds: readonly string[];
  readonly reason: string;
  /** Principal that asked. */
  readonly by: string;
  /** What running attempts have logged, as far as the leader knows: their workers are not asked again. */
  readonly logs?: readonly AttemptLog[];
}

/** The last lines of an attempt that nobody will report. */
export interface AttemptLog extends AttemptRef {
  readonly lines: readonly string[];
  /** Lines before those, which are gone. */
  readonly linesCut: number;
}

export type CancelOutcome =
  | {
    readonly status: "cancelled";
    readonly jobId: string;
    readonly from: JobStatus;
    /** The attempt to stop, when a worker held it. */
    readonly held: { readonly workerId: string; readonly token: number } | null;
  }
  | {
    readonly status: "refused";
    readonly jobId: string;
    readonly reason: "unknown_job" | "finished";
    readonly jobStatus: JobStatus | "";
    readonly message: string;
  };

export interface RedriveCommand extends Stamped {
  readonly kind: "redrive";
  readonly jobIds: readonly string[];
  /**
   * The time as a dead letter is no wait: its new life begins at the end of the queue. Left out (before
   * format 7): its place is that of its first life.
   */
  readonly newPlace?: boolean;
}

export type RedriveOutcome =
  | { readonly status: "redriven"; readonly jobId: string }
  | {
    readonly status: "refused";
    readonly jobId: string;
    /**
     * `unique_key`: another unfinished job has its unique key; `dependency`: a parent has ended
     * otherwise than it wants, so that it would fail again.
     */
    readonly reason: "unknown_job" | "not_dead_letter" | "unique_key" | "dependency";
    readonly message: string;
  };

// --- Types and queues -------------------------------------------------------------------------

/** Says what holds for a type or a queue from now on. What runs goes on, whatever is said. */
export interface ConfigureCommand extends Stamped {
  readonly kind: "configure";
  readonly scope: SettingsScope;
  readonly name: string;
  /** `null`: as if nothing had ever been said. */
  readonly change: SettingsChange | null;
  /** Principal that asked. */
  readonly by: string;
  /**
   * What was used up under a slower rate holds up no start that the new one allows. Left out (before format
   * 7): the next start comes when the old rate lets it.
   */
  readonly easesRate?: boolean;
}

export type ConfigureOutcome =
  | {
    readonly kind: "configure";
    readonly status: "done";
    readonly changed: boolean;
    readonly settings: Settings;
  }
  | {
    readonly kind: "configure";
    readonly status: "refused";
    readonly reason: "invalid" | "too_many_settings";
    readonly message: string;
  };

// --- Time -------------------------------------------------------------------------------------

export interface ExpireAttemptsCommand extends Stamped {
  readonly kind: "expire_attempts";
  readonly attempts: readonly ExpiredAttempt[];
  /** As in {@linkcode ExpireWorkerCommand}. */
  readonly leaderTerm?: number;
  /** As in {@linkcode CancelCommand}. */
  readonly logs?: readonly AttemptLog[];
}

/** `timeout` counts as a failure; `not_started` and `drained` hand the attempt back unharmed. */
export interface ExpiredAttempt extends AttemptRef {
  readonly reason: "timeout" | "not_started" | "drained";
}

export type ExpireAttemptOutcome =
  | ({ readonly status: "ended" } & EndedAttempt)
  | {
    readonly status: "refused";
    readonly jobId: string;
    readonly token: number;
    /** `already_started`: a `not_started` came too late. */
    readonly reason: "unknown_job" | "stale_token" | "already_started" | "stale_term";
  };

/** Moves replicated time on, so that what is due becomes pending when nothing else happens. */
export interface AdvanceCommand extends Stamped {
  readonly kind: "advance";
}

/** Forgets finished jobs: old ones (see `pruneCandidates`), or dead letters that somebody purges. */
export interface PruneCommand extends Stamped {
  readonly kind: "prune";
  /** `Job.seq` of each; those that are not finished, or not there, stay as they are. */
  readonly jobSeqs: readonly number[];
  /** Leave those alone that are no dead letters any more. */
  readonly deadLettersOnly?: boolean;
}
