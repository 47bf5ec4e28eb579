/**
 * What clients and workers asked about each job and what they were told, judged as operations on one
 * object: submit, get, cancel and complete must have an order in which a job as simple as this model
 * gives the same answers (J3, J10: a cancel wins or loses against a completion, never both).
 */

import type { World } from "./world.ts";
import type { Call, Model } from "./wing_gong.ts";
import { isLinearizable } from "./wing_gong.ts";

/** One operation on a job. Fields without an answer yet are undefined. */
export interface JobOperation {
  readonly kind: "submit" | "get" | "cancel" | "complete";
  /** The job that is asked about; that of a submission is part of its answer. */
  jobId: string | undefined;
  /**
   * - get: its status, or "absent"
   * - cancel: "cancelled", "absent", or the status it had ended in
   * - complete: "completed" if the report was taken, "refused" if not
   */
  answer: string | undefined;
}

/** An operation whose answer may come. */
export interface OpenCall extends Call<JobOperation> {
  returnedAtMs: number;
}

type Ended = "completed" | "failed" | "cancelled";

/** `absent`: nothing was submitted under this key yet. `live`: not ended. */
interface JobState {
  readonly jobId: string;
  readonly status: "absent" | "live" | Ended;
}

/** See the module's text. */
export class JobHistory {
  readonly #world: World;
  readonly #calls = new Map<string, OpenCall[]>();
  answered = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** An operation on the job of `key` begins. */
  begin(key: string, kind: JobOperation["kind"], jobId?: string): OpenCall {
    const call = {
      invokedAtMs: this.#world.nowMs,
      returnedAtMs: Infinity,
      operation: { kind, jobId, answer: undefined },
    };
    const calls = this.#calls.get(key);
    if (calls === undefined) this.#calls.set(key, [call]);
    else calls.push(call);
    return call;
  }

  /** Its answer is here. */
  end(call: OpenCall, answer: string, jobId = call.operation.jobId): void {
    call.returnedAtMs = this.#world.nowMs;
    call.operation.answer = answer;
    call.operation.jobId = jobId;
    this.answered++;
  }

  /** What is wrong, or undefined. */
  fault(): string | undefined {
    for (const [key, calls] of this.#calls) {
      if (isLinearizable(calls, JOB)) continue;
      const told = calls.map(({ invokedAtMs, returnedAtMs, operation }) =>
        `${operation.kind} ${operation.jobId}: ${operation.answer} ` +
        `(${invokedAtMs.toFixed(1)} to ${returnedAtMs.toFixed(1)} ms)`
      );
      return `Linearizability: of the job under ${key} was told: ${told.join("; ")}`;
    }
    return undefined;
  }
}

/** The job that `jobId` names belongs to this key: ids are made from keys. */
export function keyOf(jobId: string): string {
  return jobId.slice(0, jobId.lastIndexOf("."));
}

const LIVE = new Set(["pending", "waiting", "assigned", "running"]);

const JOB: Model<JobState, JobOperation> = {
  initial: { jobId: "", status: "absent" },
  key: ({ jobId, status }) => `${jobId} ${status}`,
  step(state, operation) {
    const after = stepOf(state, operation);
    // Attempts run out, and workers are lost, without anybody here who asked for it.
    if (state.status !== "live") return after;
    return [...after, ...stepOf({ ...state, status: "failed" }, operation)];
  },
};

function stepOf(state: JobState, operation: JobOperation): readonly JobState[] {
  const { kind, answer } = operation;
  switch (kind) {
    case "submit":
      return submitted(state, operation);
    case "get":
      return answer === undefined || answer === seen(state, operation.jobId) ? [state] : [];
    case "cancel":
      return cancelled(state, operation);
    case "complete": {
      if (answer === "refused") return [state];
      const takes = state.status === "live" && state.jobId === operation.jobId;
      if (answer === undefined) return takes ? [{ ...state, status: "completed" }] : [state];
      // Told again, it is accepted again.
      if (state.status === "completed") return [state];
      return takes ? [{ ...state, status: "completed" }] : [];
    }
  }
}

function submitted(state: JobState, { jobId, answer }: JobOperation): readonly JobState[] {
  if (state.status !== "absent") {
    return answer === undefined || jobId === state.jobId ? [state] : [];
  }
  return [{ jobId: jobId ?? "", status: "live" }];
}

function cancelled(state: JobState, { jobId, answer }: JobOperation): readonly JobState[] {
  const now = seen(state, jobId);
  if (now === "live") {
    return answer === undefined || answer === "cancelled"
      ? [{ ...state, status: "cancelled" }]
      : [];
  }
  return answer === undefined || answer === now ? [state] : [];
}

function seen(state: JobState, jobId: string | undefined): string {
  return state.jobId === jobId ? state.status : "absent";
}

/** The status as clients of this model see it. */
export function statusSeen(status: string | undefined): string {
  if (status === undefined) return "absent";
  return LIVE.has(status) ? "live" : status;
}
