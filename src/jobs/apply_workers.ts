/**
 * Workers come, go, and come back: what that means for the attempts they hold.
 *
 * @module
 */

import { releaseAttempt } from "./attempts.ts";
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
import type { AttemptRef, LogPosition } from "./job.ts";
import type { JobRecord } from "./job_record.ts";
import { LastWords } from "./last_words.ts";
import { confirmLoss, forgiveLoss, loseAttempt, type Loss } from "./losses.ts";
import type { State } from "./state.ts";
import type { StoredWorker } from "./store.ts";
import { storedFrom, type WorkerRecord } from "./worker_registry.ts";

export function applyRegisterWorker(
  state: State,
  command: RegisterWorkerCommand,
): RegisterWorkerOutcome {
  const spec = command.worker;
  const fault = faultOf(command);
  if (fault !== "") return refuseRegistration("invalid_worker", fault);
  const known = state.workers.get(spec.id);
  if (known === undefined && !makeRoom(state)) {
    return refuseRegistration(
      "too_many_workers",
      `${state.workers.size} workers are connected, which is as many as are allowed`,
    );
  }
  const before = known?.stored;
  const isNewSession = before?.sessionId !== spec.sessionId;
  const judged = judgeLosses(state, known, isNewSession, command);
  const { kept, lost, foreign } = reconcile(state, known, isNewSession, command);
  const stored = storedFrom(spec, known?.stored, state.nowMs);
  if (known === undefined) state.workers.add(stored);
  else state.workers.describe(known, stored);
  return {
    kind: "register_worker",
    status: "registered",
    replacedSessionId: before !== undefined && before.connected && isNewSession
      ? before.sessionId
      : "",
    kept,
    lost,
    foreign,
    ...judged,
  };
}

/**
 * The worker is back, and shows what became of it when it fell silent: in the same process, or
 * knowing of the attempt, it was out of reach; else the process had died that held the attempt.
 */
function judgeLosses(
  state: State,
  worker: WorkerRecord | undefined,
  isNewSession: boolean,
  { crashLimit, runningAttempts = [] }: RegisterWorkerCommand,
): { forgiven: AttemptRef[]; confirmed: AttemptRef[] } {
  const forgiven: AttemptRef[] = [];
  const confirmed: AttemptRef[] = [];
  const lost = worker?.stored.lost ?? [];
  if (crashLimit === undefined || lost.length === 0) return { forgiven, confirmed };
  const known = new Set(runningAttempts.map(({ token }) => token));
  for (const { jobId, token } of lost) {
    const isInnocent = !isNewSession || known.has(token);
    const hasCounted = isInnocent
      ? forgiveLoss(state, { jobId, token })
      : confirmLoss(state, { jobId, token }, crashLimit);
    if (hasCounted) (isInnocent ? forgiven : confirmed).push({ jobId, token });
  }
  return { forgiven, confirmed };
}

function faultOf({ worker }: RegisterWorkerCommand): string {
  if (worker.id === "") return "a worker needs an id";
  if (!Number.isSafeInteger(worker.slots) || worker.slots < 0) {
    return `worker ${worker.id} offers ${worker.slots} slots; it must be a whole number from 0`;
  }
  const { cpuMillis = 0, memoryBytes = 0 } = worker;
  for (const [name, value] of Object.entries({ cpuMillis, memoryBytes })) {
    if (!Number.isSafeInteger(value) || value < 0) {
      return `worker ${worker.id} has a ${name} of ${value}; it must be a whole number from 0`;
    }
  }
  const types = Object.entries(worker.typeSlots ?? {});
  if (types.length > TYPE_SLOTS_MAX) {
    return `worker ${worker.id} bounds ${types.length} types; it may bound ${TYPE_SLOTS_MAX}`;
  }
  for (const [type, slots] of types) {
    if (Number.isSafeInteger(slots) && slots >= 1) continue;
    return `worker ${worker.id} takes ${slots} jobs of type ${type}; it must be a whole number from 1`;
  }
  return "";
}

function refuseRegistration(
  reason: "too_many_workers" | "invalid_worker",
  message: string,
): RegisterWorkerOutcome {
  return { kind: "register_worker", status: "refused", reason, message };
}

function makeRoom(state: State): boolean {
  if (state.workers.size < state.limits.workersMax) return true;
  const gone = state.workers.longestGone();
  if (gone === undefined) return false;
  state.workers.remove(gone);
  return true;
}

/** Types that a worker may bound. */
const TYPE_SLOTS_MAX = 1_000;

/** Sorts what the worker runs and what it should run into what goes on, is lost, is not its own. */
function reconcile(
  state: State,
  worker: WorkerRecord | undefined,
  isNewSession: boolean,
  { runningAttempts: running, crashLimit }: RegisterWorkerCommand,
): { kept: AttemptRef[]; lost: EndedAttempt[]; foreign: AttemptRef[] } {
  const kept: AttemptRef[] = [];
  const foreign: AttemptRef[] = [];
  const keptRecords = new Set<JobRecord>();
  for (const { jobId, token } of running ?? []) {
    const record = state.table.get(jobId);
    const isOwn = record !== undefined && worker?.held.has(record) === true &&
      record.job.token === token;
    (isOwn ? kept : foreign).push({ jobId, token });
    if (isOwn) keptRecords.add(record);
  }
  const lost: EndedAttempt[] = [];
  if (worker !== undefined && (isNewSession || running !== undefined)) {
    for (const record of inOrder(worker.held)) {
      if (keptRecords.has(record)) continue;
      // In the same session the worker lives: what it does not have never reached it.
      lost.push(end(record, () => {
        if (!isNewSession) releaseAttempt(state, record, "it never reached the worker");
        else loseOrRelease(state, worker, record, "it restarted", lossOf("crash", crashLimit));
      }));
    }
  }
  return { kept, lost, foreign };
}

function lossOf(kind: "crash" | "silence", crashLimit: number | undefined): Loss {
  return crashLimit === undefined ? { kind: "unjudged" } : { kind, crashLimit };
}

/** Who drains a worker means to end it: what it takes along has no part in that. */
function loseOrRelease(
  state: State,
  worker: WorkerRecord,
  record: JobRecord,
  reason: string,
  loss: Loss,
): void {
  if (worker.draining && loss.kind !== "unjudged") {
    releaseAttempt(state, record, `worker ${worker.id} was lost while it was draining: ${reason}`);
  } else {
    loseAttempt(state, record, reason, loss);
  }
}

export function applyExpireWorker(
  state: State,
  command: ExpireWorkerCommand,
  position: LogPosition,
): EndSessionOutcome<"expire_worker"> {
  const kind = "expire_worker";
  if (command.leaderTerm !== undefined && command.leaderTerm !== position.term) {
    return {
      kind,
      status: "refused",
      reason: "stale_term",
      message: `the leader of term ${command.leaderTerm} is not the leader of ${position.term}`,
    };
  }
  const worker = sessionOf(state, command);
  if (!("held" in worker)) return { kind, status: "refused", ...worker };
  const loss = lossOf("silence", command.crashLimit);
  const isJudged = loss.kind !== "unjudged" && !worker.draining;
  const words = new LastWords(command.logs);
  const ended = inOrder(worker.held).map((record) => {
    const attempt = end(record, () => loseOrRelease(state, worker, record, command.reason, loss));
    words.keep(record, attempt.token);
    return attempt;
  });
  state.workers.change(worker, {
    connected: false,
    disconnectedAtMs: state.nowMs,
    ...(isJudged && ended.length > 0
      ? { lost: ended.map(({ jobId, token }) => ({ jobId, token })) }
      : {}),
  });
  return { kind, status: "ended", ended };
}

export function applyDeregisterWorker(
  state: State,
  command: DeregisterWorkerCommand,
): EndSessionOutcome<"deregister_worker"> {
  const kind = "deregister_worker";
  const worker = sessionOf(state, command);
  if (!("held" in worker)) return { kind, status: "refused", ...worker };
  const ended = inOrder(worker.held).map((record) =>
    end(record, () => releaseAttempt(state, record, `worker ${worker.id} left`))
  );
  if (worker.stored.drainedBy === "operator") {
    state.workers.change(worker, { connected: false, disconnectedAtMs: state.nowMs });
  } else {
    state.workers.remove(worker);
  }
  return { kind, status: "ended", ended };
}

export function applyDrainWorker(state: State, command: DrainWorkerCommand): DrainWorkerOutcome {
  const kind = "drain_worker";
  const worker = state.workers.get(command.workerId);
  if (worker === undefined) {
    const message = `there is no worker ${JSON.stringify(command.workerId)}`;
    return { kind, status: "refused", reason: "unknown_worker", message };
  }
  const by = command.by ?? "operator";
  const before = worker.stored.drainedBy;
  // What an operator stopped, only an operator starts again.
  const after: StoredWorker["drainedBy"] = command.draining
    ? (before === "operator" ? before : by)
    : (before === "operator" && by === "worker" ? before : "");
  const { handBackAtMs: handBackBefore, ...rest } = worker.stored;
  const handBackAtMs = after === "operator"
    ? (command.draining && by === "operator" ? command.handBackAtMs : handBackBefore)
    : undefined;
  const changed = after !== before || handBackAtMs !== handBackBefore;
  if (changed) {
    state.workers.describe(worker, {
      ...rest,
      drainedBy: after,
      ...(handBackAtMs === undefined ? {} : { handBackAtMs }),
    });
  }
  return { kind, status: "done", changed };
}

/** The worker, if the session is its present one. */
function sessionOf(
  state: State,
  { workerId, sessionId }: { readonly workerId: string; readonly sessionId: string },
): WorkerRecord | { reason: "unknown_worker" | "stale_session"; message: string } {
  const worker = state.workers.get(workerId);
  if (worker === undefined || !worker.stored.connected) {
    return { reason: "unknown_worker", message: `worker ${workerId} is not connected` };
  }
  if (worker.sessionId !== sessionId) {
    return {
      reason: "stale_session",
      message: `worker ${workerId} is in session ${worker.sessionId}, not in ${sessionId}`,
    };
  }
  return worker;
}

/** In the order of submission, which is the same on every replica. */
function inOrder(held: ReadonlySet<JobRecord>): JobRecord[] {
  return [...held].sort((a, b) => a.job.seq - b.job.seq);
}

function end(record: JobRecord, how: () => void): EndedAttempt {
  const { id: jobId, token, assignedTo: workerId } = record.job;
  how();
  return { jobId, token, workerId, jobStatus: record.job.status };
}
