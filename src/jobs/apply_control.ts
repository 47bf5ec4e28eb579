/**
 * What people ask of jobs that exist: cancel, redrive, forget.
 *
 * @module
 */

import { cancelJob, whyBroken } from "./attempts.ts";
import type {
  CancelCommand,
  CancelOutcome,
  OutcomeOf,
  PruneCommand,
  RedriveCommand,
  RedriveOutcome,
} from "./command.ts";
import { isHeld, isTerminal } from "./job.ts";
import { JobRecord } from "./job_record.ts";
import { LastWords } from "./last_words.ts";
import type { State } from "./state.ts";
import { uniqueKeyOf } from "./unique_keys.ts";

export function applyCancel(state: State, command: CancelCommand): OutcomeOf["cancel"] {
  const words = new LastWords(command.logs);
  const results = command.jobIds.map((jobId) => cancel(state, jobId, command, words));
  return { kind: "cancel", results };
}

function cancel(
  state: State,
  jobId: string,
  command: CancelCommand,
  words: LastWords,
): CancelOutcome {
  const found = state.find(jobId);
  if (found === undefined) {
    return {
      status: "refused",
      jobId,
      reason: "unknown_job",
      jobStatus: "",
      message: `there is no job ${jobId}`,
    };
  }
  const { job } = found;
  if (isTerminal(job.status) || !(found instanceof JobRecord)) {
    return {
      status: "refused",
      jobId,
      reason: "finished",
      jobStatus: job.status,
      message: `job ${jobId} is ${job.status} already`,
    };
  }
  const held = isHeld(job.status) ? { workerId: job.assignedTo, token: job.token } : null;
  const by = command.by === "" ? "" : ` by ${command.by}`;
  const reason = command.reason === "" ? "" : `: ${command.reason}`;
  cancelJob(state, found, `cancelled${by}${reason}`);
  if (held !== null) words.keep(found, held.token);
  return { status: "cancelled", jobId, from: job.status, held };
}

export function applyRedrive(state: State, command: RedriveCommand): OutcomeOf["redrive"] {
  return {
    kind: "redrive",
    results: command.jobIds.map((jobId) => redrive(state, jobId, command)),
  };
}

function redrive(
  state: State,
  jobId: string,
  { newPlace }: RedriveCommand,
): RedriveOutcome {
  const found = state.find(jobId);
  if (found === undefined) {
    return {
      status: "refused",
      jobId,
      reason: "unknown_job",
      message: `there is no job ${jobId}`,
    };
  }
  if (!found.job.deadLetter) {
    return {
      status: "refused",
      jobId,
      reason: "not_dead_letter",
      message: `job ${jobId} is ${found.job.status} and not a dead letter`,
    };
  }
  const { dependencies, expireAfterMs, whenDependencyFails } = found.job.options;
  const uniqueKey = uniqueKeyOf(found.job);
  const holder = uniqueKey === undefined ? undefined : state.uniqueKeys.holder(uniqueKey);
  if (holder !== undefined) {
    return {
      status: "refused",
      jobId,
      reason: "unique_key",
      message: `job ${holder.job.id} has the unique key of job ${jobId} now, and is ` +
        `${holder.job.status}; redrive this one when it has finished`,
    };
  }
  // What began once has had its parents end as it asked.
  const parents = found.job.attempt > 0 ? [] : state.dependencies.standing(dependencies);
  const broken = whyBroken(
    parents.filter(({ status }) => whenDependencyFails !== "wait" || status === ""),
  );
  if (broken !== "") {
    return {
      status: "refused",
      jobId,
      reason: "dependency",
      message: `job ${jobId} would fail again: ${broken}; redrive the parent first`,
    };
  }
  const isWaiting = parents.some(({ verdict }) => verdict !== "fulfilled");
  const record = found instanceof JobRecord ? found : state.revive(found);
  // Stands before whatever the store has of the earlier life.
  record.result = { output: new Uint8Array(0), contentType: "", logTail: [] };
  state.move(record, isWaiting ? "waiting" : "pending", "redrive", {
    ...record.job,
    deadLetter: false,
    failures: 0,
    crashCount: 0,
    suspicions: 0,
    releaseCount: 0,
    notBeforeMs: 0,
    queuedAtMs: newPlace === true ? 0 : record.job.queuedAtMs,
    assignedTo: "",
    assignedAtMs: 0,
    startedAtMs: 0,
    completedAtMs: 0,
    expiresAtMs: expireAfterMs > 0 ? state.nowMs + expireAfterMs : 0,
    durationMs: 0,
    resultBytes: 0,
    contentType: "",
    errorMessage: "",
    errorKind: "",
  });
  return { status: "redriven", jobId };
}

export function applyPrune(state: State, command: PruneCommand): OutcomeOf["prune"] {
  let removedJobs = 0;
  const { deadLettersOnly = false } = command;
  for (const seq of command.jobSeqs) if (state.prune(seq, deadLettersOnly)) removedJobs++;
  return { kind: "prune", removedJobs };
}
