/**
 * Workers come, go, and come back: what that means for the attempts they hold.
 *
 * @module
 */

import { loseAttempt, releaseAttempt } from "./attempts.ts";
import type {
  DeregisterWorkerCommand,
  DrainWorkerCommand,
  DrainWorkerOutcome,
  EndedAttempt,
  EndSessionOutcome,
  ExpireWorkerCommand,
  RegisterWorkerCommand,
  RegisterWorkerOutcome,
} from "./command.ts";
import type { AttemptRef, LogPosition } from "./job.ts";
import type { JobRecord } from "./job_record.ts";
import type { State } from "./state.ts";
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
  const { kept, lost, foreign } = reconcile(state, known, isNewSession, command.runningAttempts);
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
  };
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

/** Sorts what the worker runs and what it should run into what goes on, is lost, is not its own. */
function reconcile(
  state: State,
  worker: WorkerRecord | undefined,
  isNewSession: boolean,
  running: readonly AttemptRef[] | undefined,
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
      lost.push(
        isNewSession
          ? end(record, () => loseAttempt(state, record, "it restarted"))
          : end(record, () => releaseAttempt(state, record, "it never reached the worker")),
      );
    }
  }
  return { kept, lost, foreign };
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
  const ended = inOrder(worker.held).map((record) =>
    end(record, () => loseAttempt(state, record, command.reason))
  );
  state.workers.change(worker, { connected: false, disconnectedAtMs: state.nowMs });
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
    const message = `there is no worker ${command.workerId}`;
    return { kind, status: "refused", reason: "unknown_worker", message };
  }
  const by = command.by ?? "operator";
  const before = worker.stored.drainedBy;
  // What an operator stopped, only an operator starts again.
  const after = command.draining
    ? (before === "operator" ? before : by)
    : (before === "operator" && by === "worker" ? before : "");
  if (after !== before) state.workers.change(worker, { drainedBy: after });
  return { kind, status: "done", changed: after !== before };
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
