/**
 * Submission: each job once, whatever was retried on the way here.
 *
 * @module
 */

import type { OutcomeOf, SubmitCommand, SubmitOutcome, SubmitSpec } from "./command.ts";
import { fingerprintOf } from "./digest.ts";
import { scopedKey } from "./idempotency_keys.ts";
import type { Job, StringMap } from "./job.ts";
import { NO_OPTIONS } from "./job_options.ts";
import type { State } from "./state.ts";

export function applySubmit(state: State, command: SubmitCommand): OutcomeOf["submit"] {
  const decisions = decideAll(state, command);
  const isRefused = command.allOrNothing === true &&
    decisions.some((decision) => decision.outcome.status === "refused");
  const results = decisions.map(({ spec, outcome, key }): SubmitOutcome => {
    if (isRefused) return refusedWithBatch(outcome);
    if (outcome.status !== "accepted") return outcome;
    const record = state.create(jobFrom(spec, state), spec.payload);
    if (key !== undefined) state.keys.add(key.name, spec.id, key.fingerprint, state.nowMs);
    return { status: "accepted", jobId: spec.id, jobStatus: record.job.status };
  });
  return { kind: "submit", results };
}

interface Decision {
  readonly spec: SubmitSpec;
  readonly outcome: SubmitOutcome;
  readonly key: Key | undefined;
}

/** An idempotency key within its name space, and what was submitted under it. */
interface Key {
  readonly name: string;
  readonly fingerprint: string;
}

/** What shall become of each, before anything is changed. */
function decideAll(state: State, command: SubmitCommand): Decision[] {
  const room = (command.liveJobsMax ?? Infinity) - state.counters.live;
  const accepted = { ids: new Set<string>(), keys: new Map<string, Decision>() };
  return command.jobs.map((spec) => {
    const key = keyOf(spec);
    const outcome = decide(state, spec, key, accepted, room);
    const decision = { spec, outcome, key };
    if (outcome.status === "accepted") {
      accepted.ids.add(spec.id);
      if (key !== undefined) accepted.keys.set(key.name, decision);
    }
    return decision;
  });
}

function decide(
  state: State,
  spec: SubmitSpec,
  key: Key | undefined,
  accepted: { readonly ids: Set<string>; readonly keys: ReadonlyMap<string, Decision> },
  room: number,
): SubmitOutcome {
  if (key !== undefined) {
    const sibling = accepted.keys.get(key.name);
    const earlier = sibling === undefined
      ? state.keys.find(key.name, state.nowMs)
      : { jobId: sibling.spec.id, fingerprint: sibling.key!.fingerprint };
    if (earlier !== undefined) {
      return earlier.fingerprint === key.fingerprint
        ? { status: "duplicate", jobId: earlier.jobId }
        : refused(
          spec,
          "already_exists",
          `idempotency key "${spec.idempotencyKey}" belongs to job ${earlier.jobId}, which was ` +
            `submitted with another type or payload; use another key for another job`,
        );
    }
  }
  if (accepted.ids.has(spec.id) || state.isIdTaken(spec.id)) {
    return refused(spec, "id_taken", `there is a job ${spec.id} already`);
  }
  if (accepted.ids.size >= room) {
    return refused(
      spec,
      "queue_full",
      `${state.counters.live + accepted.ids.size} jobs are unfinished, which is as many as are ` +
        `allowed; try again when some have finished`,
    );
  }
  return { status: "accepted", jobId: spec.id, jobStatus: "pending" };
}

function keyOf(spec: SubmitSpec): Key | undefined {
  if (!spec.idempotencyKey) return undefined;
  return {
    name: scopedKey(spec.submittedBy ?? "", spec.idempotencyKey),
    fingerprint: spec.fingerprint || fingerprintOf(spec.type, spec.payload),
  };
}

function refused(
  spec: SubmitSpec,
  reason: "already_exists" | "id_taken" | "queue_full",
  message: string,
): SubmitOutcome {
  return { status: "refused", jobId: spec.id, reason, message };
}

function refusedWithBatch(outcome: SubmitOutcome): SubmitOutcome {
  if (outcome.status === "refused") return outcome;
  return {
    status: "refused",
    jobId: outcome.jobId,
    reason: "batch_refused",
    message: "another job of this all-or-nothing batch was refused",
  };
}

const none: StringMap = Object.freeze({});

function jobFrom(spec: SubmitSpec, state: State): Job {
  const notBeforeMs = spec.notBeforeMs ?? 0;
  const options = spec.options === undefined ? NO_OPTIONS : { ...NO_OPTIONS, ...spec.options };
  const isWaiting = notBeforeMs > state.nowMs;
  return {
    id: spec.id,
    seq: ++state.lastJobSeq,
    type: spec.type,
    status: isWaiting ? "waiting" : "pending",
    priority: spec.priority,
    maxRetries: spec.maxRetries,
    timeoutMs: spec.timeoutMs,
    retryDelayMs: spec.retryDelayMs,
    payloadBytes: spec.payload.byteLength,
    createdAtMs: state.nowMs,
    changedAtMs: state.nowMs,
    notBeforeMs,
    queuedAtMs: isWaiting ? 0 : state.nowMs,
    expiresAtMs: options.expireAfterMs > 0 ? state.nowMs + options.expireAfterMs : 0,
    assignedTo: "",
    attempt: 0,
    failures: 0,
    crashCount: 0,
    releaseCount: 0,
    token: 0,
    assignedAtMs: 0,
    startedAtMs: 0,
    completedAtMs: 0,
    deadlineMs: 0,
    durationMs: 0,
    errorMessage: "",
    errorKind: "",
    deadLetter: false,
    idempotencyKey: spec.idempotencyKey ?? "",
    labels: spec.labels ?? none,
    requiredTags: spec.requiredTags ?? none,
    submittedBy: spec.submittedBy ?? "",
    traceparent: spec.traceparent ?? "",
    resultBytes: 0,
    contentType: "",
    options,
  };
}
