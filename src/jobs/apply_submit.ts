/**
 * Submission: each job once, whatever was retried on the way here.
 *
 * @module
 */

import { cancelJob } from "./attempts.ts";
import type { OutcomeOf, SubmitCommand, SubmitOutcome, SubmitSpec } from "./command.ts";
import { fingerprintOf } from "./digest.ts";
import { submitterKey } from "./idempotency_keys.ts";
import type { Job } from "./job.ts";
import { noStrings, submittedJob } from "./job_kind.ts";
import { type Dependency, NO_OPTIONS } from "./job_options.ts";
import { JobRecord } from "./job_record.ts";
import { namespaceOf, scopedName } from "./namespace.ts";
import type { State } from "./state.ts";
import { uniqueKeyOf } from "./unique_keys.ts";

export function applySubmit(state: State, command: SubmitCommand): OutcomeOf["submit"] {
  const isOneByOne = command.allOrNothing !== true &&
    state.keys.holdsTogether(command.jobs.length, command.keyRetentionMs);
  return {
    kind: "submit",
    results: isOneByOne ? oneByOne(state, command) : together(state, command),
  };
}

/**
 * Each is decided when those before it are in the state: what {@linkcode together} would make of it
 * too, without a word kept about each meanwhile.
 */
function oneByOne(state: State, command: SubmitCommand): SubmitOutcome[] {
  const siblings = new Siblings(state, command);
  return command.jobs.map((spec) => {
    const key = keyOf(spec);
    const parents = parentsOf(spec, siblings.standIns);
    const outcome = decide(state, spec, key, parents, siblings);
    if (outcome.status !== "accepted") {
      siblings.passOver(spec, outcome);
      noteExisting(state, command, key, outcome);
      return outcome;
    }
    siblings.noteUniqueKey(spec);
    return take(state, command, { spec, outcome, key, parents });
  });
}

/** All are decided before the first is taken. */
function together(state: State, command: SubmitCommand): SubmitOutcome[] {
  const decisions = decideAll(state, command);
  const isRefused = command.allOrNothing === true &&
    decisions.some((decision) => decision.outcome.status === "refused");
  return decisions.map((decision): SubmitOutcome => {
    const { outcome, key } = decision;
    if (isRefused) return refusedWithBatch(outcome);
    if (outcome.status === "accepted") return take(state, command, decision);
    noteExisting(state, command, key, outcome);
    return outcome;
  });
}

/**
 * What would become of the one job of a Command if those that leave for it were not there any more.
 *
 * @param leaving ids of unfinished jobs
 */
export function outlookOf(
  state: State,
  command: SubmitCommand,
  spec: SubmitSpec,
  leaving: ReadonlySet<string>,
): SubmitOutcome {
  const siblings = new Siblings(state, command, leaving);
  return decide(state, spec, keyOf(spec), parentsOf(spec, siblings.standIns), siblings);
}

interface Decision {
  readonly spec: SubmitSpec;
  readonly outcome: SubmitOutcome;
  readonly key: Key | undefined;
  readonly parents: readonly Dependency[];
}

/** An idempotency key within its name space, and what was submitted under it. */
interface Key {
  readonly name: string;
  readonly fingerprint: string;
}

/** Makes the job of a submission that was accepted. */
function take(
  state: State,
  { keyRetentionMs }: SubmitCommand,
  { spec, outcome, key, parents }: Decision,
): SubmitOutcome {
  const uniqueKey = uniqueKeyOf(spec);
  const replaced = uniqueKey === undefined ? undefined : state.uniqueKeys.holder(uniqueKey);
  if (replaced !== undefined) cancelJob(state, replaced, `replaced by job ${spec.id}`);
  const record = recordOf(spec, parents, state);
  state.create(record);
  if (key !== undefined) {
    const entry = { key: key.name, jobId: spec.id, fingerprint: key.fingerprint };
    state.keys.add(entry, state.nowMs, keyRetentionMs);
  }
  const jobStatus = record.common.status;
  if (replaced !== undefined) {
    return { status: "accepted", jobId: spec.id, jobStatus, replacedJobId: replaced.id };
  }
  const isAsDecided = outcome.status === "accepted" && outcome.jobStatus === jobStatus;
  return isAsDecided ? outcome : { status: "accepted", jobId: spec.id, jobStatus };
}

/** The key of a submission that needs no job of its own stands for the one that there is. */
function noteExisting(
  state: State,
  { keysOfExisting, keyRetentionMs }: SubmitCommand,
  key: Key | undefined,
  outcome: SubmitOutcome,
): void {
  if (keysOfExisting !== true || key === undefined || outcome.status !== "existing") return;
  const entry = { key: key.name, jobId: outcome.jobId, fingerprint: key.fingerprint };
  state.keys.add(entry, state.nowMs, keyRetentionMs);
}

/** What shall become of each, before anything is changed. */
function decideAll(state: State, command: SubmitCommand): Decision[] {
  const siblings = new Siblings(state, command);
  return command.jobs.map((spec) => {
    const key = keyOf(spec);
    const parents = parentsOf(spec, siblings.standIns);
    const outcome = decide(state, spec, key, parents, siblings);
    const decision = { spec, outcome, key, parents };
    if (outcome.status === "accepted") siblings.accept(decision);
    else siblings.passOver(spec, outcome, key);
    return decision;
  });
}

/** What the jobs before in the same Command will have changed, and is not in the state yet. */
class Siblings {
  readonly #state: State;
  readonly #accepted: SubmitSpec[] = [];
  #greatestId = "";
  /** By job id; made when somebody asks, since hardly anybody does. */
  #namespaces: Map<string, string> | undefined;
  readonly #liveJobsMax: number;
  readonly #isAllOrNothing: boolean;
  readonly #noteKeysOfExisting: boolean;
  /** Ids of unfinished jobs that will have left. */
  readonly #leaving: ReadonlySet<string>;
  #additional = 0;
  readonly keys = new Map<string, { readonly jobId: string; readonly fingerprint: string }>();
  /** Job ids by unique key, and submitters by batch with its namespace. */
  readonly uniqueKeys = new Map<string, string>();
  readonly batches = new Map<string, string>();
  /** The job that there is already, by the id of the one that was submitted again. */
  readonly standIns = new Map<string, string>();
  /** Unfinished jobs that each submitter may have, and how many more each will have. */
  readonly clientJobsMax: number;
  readonly perClient = new Map<string, number>();

  constructor(
    state: State,
    { liveJobsMax, clientJobsMax, allOrNothing, keysOfExisting }: SubmitCommand,
    leaving: ReadonlySet<string> = noIds,
  ) {
    this.#state = state;
    this.#noteKeysOfExisting = keysOfExisting === true;
    this.#leaving = leaving;
    this.#isAllOrNothing = allOrNothing === true;
    this.#liveJobsMax = liveJobsMax ?? Infinity;
    this.clientJobsMax = clientJobsMax ?? Infinity;
  }

  /** Jobs that may still be taken. */
  get room(): number {
    const live = this.#state.counters.live + this.#additional - this.#leaving.size;
    return this.#liveJobsMax - live;
  }

  /** Id of the unfinished job that has the unique key, or will have it after the jobs before. */
  holderOf(uniqueKey: string | undefined): string | undefined {
    if (uniqueKey === undefined) return undefined;
    const sibling = this.uniqueKeys.get(uniqueKey);
    if (sibling !== undefined) return sibling;
    const holder = this.#state.uniqueKeys.holder(uniqueKey)?.job.id;
    return holder === undefined || this.#leaving.has(holder) ? undefined : holder;
  }

  /** Whether the key is one's that may come to nothing with this Command. */
  mayLose(uniqueKey: string | undefined): boolean {
    return this.#isAllOrNothing && uniqueKey !== undefined && this.uniqueKeys.has(uniqueKey);
  }

  isIdTaken(id: string): boolean {
    // Ids that sort by time are greater than all before, and need no look.
    return id <= this.#greatestId && this.namespaceOf(id) !== undefined;
  }

  namespaceOf(id: string): string | undefined {
    this.#namespaces ??= new Map(this.#accepted.map((spec) => [spec.id, namespaceOf(spec)]));
    return this.#namespaces.get(id);
  }

  accept(decision: Decision): void {
    const { spec, key } = decision;
    if (key !== undefined) {
      this.keys.set(key.name, { jobId: spec.id, fingerprint: key.fingerprint });
    }
    if (this.holderOf(uniqueKeyOf(spec)) === undefined) {
      this.#additional++;
      const client = clientOf(spec);
      this.perClient.set(client, (this.perClient.get(client) ?? 0) + 1);
    }
    this.noteUniqueKey(spec);
    if (spec.options?.batchId) this.batches.set(batchNameOf(spec), spec.submittedBy ?? "");
    this.#accepted.push(spec);
    this.#namespaces?.set(spec.id, namespaceOf(spec));
    if (spec.id > this.#greatestId) this.#greatestId = spec.id;
  }

  /** All that has to be known of one that is in the state already: that it is of this Command. */
  noteUniqueKey(spec: SubmitSpec): void {
    const uniqueKey = uniqueKeyOf(spec);
    if (uniqueKey !== undefined) this.uniqueKeys.set(uniqueKey, spec.id);
  }

  /** One of which no job is made; with its key, unless the state knows by now what that stands for. */
  passOver({ id }: SubmitSpec, outcome: SubmitOutcome, key?: Key): void {
    if (outcome.status === "refused") return;
    this.standIns.set(id, outcome.jobId);
    if (!this.#noteKeysOfExisting || key === undefined || outcome.status !== "existing") return;
    this.keys.set(key.name, { jobId: outcome.jobId, fingerprint: key.fingerprint });
  }
}

const noIds: ReadonlySet<string> = new Set();

function decide(
  state: State,
  spec: SubmitSpec,
  key: Key | undefined,
  parents: readonly Dependency[],
  siblings: Siblings,
): SubmitOutcome {
  if (key !== undefined) {
    const earlier = siblings.keys.get(key.name) ?? state.keys.find(key.name, state.nowMs);
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
  if (siblings.isIdTaken(spec.id) || state.isIdTaken(spec.id)) {
    return refused(spec, "id_taken", `there is a job ${spec.id} already`);
  }
  const uniqueKey = uniqueKeyOf(spec);
  const holder = siblings.holderOf(uniqueKey);
  const uniqueMode = spec.options?.uniqueMode ?? NO_OPTIONS.uniqueMode;
  if (holder !== undefined && uniqueMode === "existing") {
    return { status: "existing", jobId: holder };
  }
  if (holder !== undefined && uniqueMode === "reject") {
    // The id of one that comes to nothing would tell nobody anything. Else calls of others may be in the
    // same Command, and what this one hears is the same as if they were not.
    const whose = siblings.mayLose(uniqueKey)
      ? "another job of the same call; give each its own"
      : `job ${holder}, which is not finished; wait for it`;
    return refused(
      spec,
      "unique_key",
      `unique key "${spec.options?.uniqueKey}" belongs to ${whose}, or submit with the mode ` +
        "existing or replace",
    );
  }
  const namespace = namespaceOf(spec);
  // What is in another namespace does not exist in this one.
  const missing = parents.find(({ jobId }) =>
    (siblings.namespaceOf(jobId) ?? state.find(jobId)?.job.namespace) !== namespace
  );
  if (missing !== undefined) {
    return refused(
      spec,
      "unknown_parent",
      `it depends on job ${missing.jobId}, and there is no such job (any more)`,
    );
  }
  const batchId = spec.options?.batchId ?? "";
  if (batchId !== "") {
    const owner = siblings.batches.get(batchNameOf(spec)) ??
      state.batches.get(batchId, namespace)?.submittedBy;
    if (owner !== undefined && owner !== (spec.submittedBy ?? "")) {
      return refused(spec, "batch_taken", `batch "${batchId}" is ${owner}'s; use another name`);
    }
  }
  // Whoever replaces a job needs no room.
  if (holder === undefined) {
    if (siblings.room <= 0) {
      return refused(
        spec,
        "queue_full",
        "the queue is full: as many jobs wait as scheduler.max_pending_jobs allows",
      );
    }
    const client = clientOf(spec);
    const unfinished = state.submitters.unfinishedOf(client) +
      (siblings.perClient.get(client) ?? 0);
    if (unfinished >= siblings.clientJobsMax) {
      return refused(
        spec,
        "client_full",
        `${spec.submittedBy || "nobody"} has ${unfinished} unfinished jobs, which is as many ` +
          "as scheduler.max_pending_jobs_per_client allows",
      );
    }
  }
  return { status: "accepted", jobId: spec.id, jobStatus: "pending" };
}

/** Who submits, and where: what each has unfinished is bounded. */
function clientOf(spec: SubmitSpec): string {
  return scopedName(namespaceOf(spec), spec.submittedBy ?? "");
}

function batchNameOf(spec: SubmitSpec): string {
  return scopedName(namespaceOf(spec), spec.options?.batchId ?? "");
}

/** What it depends on: of a job that was submitted again, the one that there is. */
function parentsOf(
  { options }: SubmitSpec,
  standIns: ReadonlyMap<string, string>,
): readonly Dependency[] {
  const dependencies = options?.dependencies ?? NO_OPTIONS.dependencies;
  if (dependencies.length === 0) return NO_OPTIONS.dependencies;
  return dependencies.map(({ jobId, on }) => ({ jobId: standIns.get(jobId) ?? jobId, on }));
}

function keyOf(spec: SubmitSpec): Key | undefined {
  if (!spec.idempotencyKey) return undefined;
  return {
    name: submitterKey(namespaceOf(spec), spec.submittedBy ?? "", spec.idempotencyKey),
    fingerprint: spec.fingerprint || fingerprintOf(spec.type, spec.payload),
  };
}

function refused(
  spec: SubmitSpec,
  reason: Exclude<(SubmitOutcome & { status: "refused" })["reason"], "batch_refused">,
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

function recordOf(
  spec: SubmitSpec,
  dependencies: readonly Dependency[],
  state: State,
): JobRecord {
  const { notBeforeMs, labels, requiredTags, options, payload } = spec;
  const isPlain = notBeforeMs === undefined && labels === undefined &&
    requiredTags === undefined && options === undefined;
  if (!isPlain) return JobRecord.created(jobFrom(spec, dependencies, state), payload);
  const own = {
    id: spec.id,
    seq: ++state.lastJobSeq,
    idempotencyKey: spec.idempotencyKey ?? "",
    traceparent: state.traces.of(spec.traceparent ?? ""),
  };
  return JobRecord.submitted(state.kinds.of(spec).at(state.nowMs), own, payload);
}

function jobFrom(spec: SubmitSpec, dependencies: readonly Dependency[], state: State): Job {
  const notBeforeMs = spec.notBeforeMs ?? 0;
  const options = spec.options === undefined
    ? NO_OPTIONS
    : { ...NO_OPTIONS, ...spec.options, dependencies };
  const isWaiting = notBeforeMs > state.nowMs ||
    state.dependencies.standing(dependencies).some(({ verdict }) => verdict !== "fulfilled");
  return submittedJob({
    id: spec.id,
    seq: ++state.lastJobSeq,
    type: state.names.of(spec.type),
    namespace: state.names.of(namespaceOf(spec)),
    status: isWaiting ? "waiting" : "pending",
    priority: spec.priority,
    maxRetries: spec.maxRetries,
    timeoutMs: spec.timeoutMs,
    retryDelayMs: spec.retryDelayMs,
    payloadBytes: spec.payload.byteLength,
    createdAtMs: state.nowMs,
    notBeforeMs,
    queuedAtMs: isWaiting ? 0 : state.nowMs,
    expiresAtMs: options.expireAfterMs > 0 ? state.nowMs + options.expireAfterMs : 0,
    idempotencyKey: spec.idempotencyKey ?? "",
    labels: spec.labels ?? noStrings,
    requiredTags: spec.requiredTags ?? noStrings,
    submittedBy: state.names.of(spec.submittedBy ?? ""),
    traceparent: state.traces.of(spec.traceparent ?? ""),
    options,
  });
}
