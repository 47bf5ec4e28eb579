/**
 * What may happen in a history, drawn by fast-check: Commands, with what only the moment decides left open.
 *
 * @module
 */

import fc from "fast-check";
import type { Command } from "./command.ts";
import {
  BACKOFF_KINDS,
  DEPENDENCY_CONDITIONS,
  DEPENDENCY_FAILURES,
  type JobOptions,
  UNIQUE_MODES,
} from "./job_options.ts";
import type { JobMachine, JobMachineOptions } from "./machine.ts";
import { CRASHES_MAX } from "./naive_job_test_support.ts";
import { KEY_RETENTION_MS } from "./naive_model_test_support.ts";
import { scheduleOf, specOf, workerOf } from "./scene_test_support.ts";
import type { OverlapPolicy } from "./schedule.ts";
import { REVOKED_KINDS } from "./security_command.ts";
import type { SettingsScope } from "./settings.ts";

export const AGEING_MS = 1000;

export const options: JobMachineOptions = {
  priorityAgeingMs: AGEING_MS,
  crashesMax: CRASHES_MAX,
  keyRetentionMs: KEY_RETENTION_MS,
  payloadMemoryBytesMax: 40,
};

// Few names, so that what happens happens to the same things.
const jobId = fc.constantFrom("a", "b", "c", "d", "e", "f");
const workerId = fc.constantFrom("w1", "w2");
const session = fc.constantFrom("s1", "s2");
const type = fc.constantFrom("resize", "crawl");
const namespace = fc.constantFrom(undefined, undefined, "red");
const tags = fc.constantFrom<Record<string, string>>({}, {}, { gpu: "yes" });

/** A token as the log has it; resolved when the command is made. */
const tokenChoice = fc.constantFrom("current", "current", "current", "older", "none");

/** What may happen, with what only the moment decides left open. */
export type Step =
  | { readonly kind: "command"; readonly afterMs: number; readonly make: (now: Now) => Body }
  | { readonly kind: "flush" }
  | { readonly kind: "crash" };
type Body = { [Kind in Command["kind"]]: Omit<Command & { kind: Kind }, "atMs"> }[Command["kind"]];

interface Now {
  readonly machine: JobMachine;
  token(jobId: string, choice: string): number;
}

const rate = fc.constantFrom(
  null,
  { count: 1, perMs: 1000, burst: 1 },
  { count: 3, perMs: 1000, burst: 2 },
);

/** What asks for nothing is drawn most often: most jobs ask for little. */
const jobOptions: fc.Arbitrary<Partial<JobOptions>> = fc.record({
  backoff: fc.constantFrom(...BACKOFF_KINDS),
  retryDelayMaxMs: fc.constantFrom(0, 400),
  nonRetryableErrors: fc.constantFrom([], [], ["yes"], ["no"]),
  expireAfterMs: fc.constantFrom(0, 0, 0, 900, 70_000),
  uniqueKey: fc.constantFrom("", "", "u1", "u2"),
  uniqueMode: fc.constantFrom(...UNIQUE_MODES),
  dependencies: fc.array(fc.record({ jobId, on: fc.constantFrom(...DEPENDENCY_CONDITIONS) }), {
    maxLength: 2,
  }),
  whenDependencyFails: fc.constantFrom(...DEPENDENCY_FAILURES),
  batchId: fc.constantFrom("", "b1", "b2"),
  tagRules: fc.constantFrom([], [], [{ tag: "gpu", op: "exists" as const, values: [] }]),
  cpuMillis: fc.constantFrom(0, 0, 500),
  queue: fc.constantFrom("", "", "q1", "q2"),
  group: fc.constantFrom("", "g1", "g1", "g2"),
  groupLimit: fc.constantFrom(1, 1, 2),
  rateKey: fc.constantFrom("", "r1"),
  rate,
}, { requiredKeys: [] });

const submit = fc.record({
  jobs: fc.array(
    fc.record({
      id: jobId,
      type,
      payload: fc.constantFrom(new Uint8Array([1]), new Uint8Array([2, 3])),
      priority: fc.integer({ min: -1, max: 1 }),
      maxRetries: fc.nat(2),
      retryDelayMs: fc.constantFrom(0, 1000),
      delayMs: fc.constantFrom(0, 0, 5000),
      key: fc.constantFrom(undefined, undefined, "k1", "k2"),
      submittedBy: fc.constantFrom("ann", "bob"),
      namespace,
      requiredTags: tags,
      options: fc.option(jobOptions, { nil: undefined }),
    }),
    { minLength: 1, maxLength: 4 },
  ),
  allOrNothing: fc.boolean(),
  liveJobsMax: fc.constantFrom(undefined, 3),
  clientJobsMax: fc.constantFrom(undefined, undefined, 2),
  keyRetentionMs: fc.constantFrom(undefined, 400, 3_000),
  keysOfExisting: fc.boolean(),
}).map(
  ({ jobs, allOrNothing, liveJobsMax, clientJobsMax, keyRetentionMs, keysOfExisting }) =>
  (now: Now): Body => ({
    kind: "submit",
    ...(keysOfExisting && { keysOfExisting }),
    jobs: jobs.map(({ delayMs, key, options, ...spec }) =>
      specOf(spec.id, {
        ...spec,
        ...(options !== undefined && { options }),
        ...(delayMs > 0 && { notBeforeMs: now.machine.nowMs + delayMs }),
        ...(key !== undefined && { idempotencyKey: key }),
      })
    ),
    allOrNothing,
    ...(liveJobsMax !== undefined && { liveJobsMax }),
    ...(clientJobsMax !== undefined && { clientJobsMax }),
    ...(keyRetentionMs !== undefined && { keyRetentionMs }),
  }),
);

const assign = fc.array(fc.record({ jobId, workerId, sessionId: session }), {
  minLength: 1,
  maxLength: 3,
}).map((assignments) => (): Body => ({ kind: "assign", assignments }));

/** To whoever could take it, so that most attempts begin. */
const assignWell = jobId.map((id) => ({ machine }: Now): Body => {
  const worker = machine.workers().find(({ status }) => status === "active");
  const to = { workerId: worker?.id ?? "w1", sessionId: worker?.sessionId ?? "s1" };
  return { kind: "assign", assignments: [{ jobId: id, ...to }] };
});

const report = fc.record({
  jobId,
  workerId: fc.option(workerId, { freq: 4 }),
  token: tokenChoice,
  kind: fc.constantFrom("started", "completed", "failed", "released"),
  permanent: fc.boolean(),
  timedOut: fc.boolean(),
}).map(({ jobId, workerId, token, kind, permanent, timedOut }) => (now: Now): Body => {
  const base = {
    jobId,
    token: now.token(jobId, token),
    workerId: workerId ?? now.machine.get(jobId)?.assignedTo ?? "",
  };
  const output = new Uint8Array([9]);
  switch (kind) {
    case "started":
      return { kind: "report", reports: [{ kind, ...base }] };
    case "completed":
      return {
        kind: "report",
        reports: [{ kind, ...base, output, contentType: "x", durationMs: 1, logTail: ["done"] }],
      };
    case "failed":
      return {
        kind: "report",
        reports: [{ kind, ...base, error: "no", permanent, timedOut, durationMs: 1, output }],
      };
    default:
      return { kind: "report", reports: [{ kind: "released", ...base, reason: "drain" }] };
  }
});

/** Undefined: by a leader that does not tell crashes from silence. */
const crashLimit = fc.constantFrom(undefined, 1, 1, 2);

const register = fc.record({
  workerId,
  sessionId: session,
  slots: fc.integer({ min: 1, max: 2 }),
  jobTypes: fc.constantFrom(null, ["resize"]),
  tags,
  cpuMillis: fc.constantFrom(0, 500, 900),
  running: fc.option(fc.subarray(["a", "b", "c"])),
  token: fc.constantFrom("current", "current", "older"),
  typeSlots: fc.constantFrom<Record<string, number>>({}, {}, { resize: 1 }),
  namespaces: fc.constantFrom(undefined, undefined, ["default"], ["red", "blue"]),
  crashLimit,
}).map(({ workerId, running, token, crashLimit, ...spec }) => (now: Now): Body => ({
  kind: "register_worker",
  worker: workerOf(workerId, spec),
  ...(crashLimit !== undefined && { crashLimit }),
  ...(running !== null && {
    runningAttempts: running.map((jobId) => ({ jobId, token: now.token(jobId, token) })),
  }),
}));

const others = fc.oneof(
  jobId.map((id) => (): Body => ({ kind: "cancel", jobIds: [id], reason: "r", by: "ann" })),
  fc.record({ jobId, newPlace: fc.boolean() }).map(({ jobId, newPlace }) => (): Body => ({
    kind: "redrive",
    jobIds: [jobId],
    ...(newPlace && { newPlace }),
  })),
  fc.record({ workerId, sessionId: session, crashLimit }).map(
    ({ crashLimit, ...who }) => (): Body => ({
      kind: "expire_worker",
      ...who,
      reason: "silent",
      ...(crashLimit !== undefined && { crashLimit }),
    }),
  ),
  fc.record({ workerId, sessionId: session }).map((who) => (): Body => ({
    kind: "deregister_worker",
    ...who,
  })),
  fc.record({ workerId, draining: fc.boolean(), by: fc.constantFrom("operator", "worker") }).map(
    (drain) => (): Body => ({ kind: "drain_worker", ...drain } as Body),
  ),
  fc.record({
    jobId,
    token: tokenChoice,
    reason: fc.constantFrom("timeout" as const, "not_started" as const, "drained" as const),
  }).map(({ jobId, token, reason }) => (now: Now): Body => ({
    kind: "expire_attempts",
    attempts: [{ jobId, token: now.token(jobId, token), reason }],
  })),
  fc.constant((): Body => ({ kind: "advance" })),
  fc.record({
    target: fc.constantFrom(
      { scope: "type", name: "resize" },
      { scope: "queue", name: "q1" },
      { scope: "queue", name: "ann" },
    ),
    change: fc.option(
      fc.record({
        paused: fc.constantFrom(false, false, true),
        runningMax: fc.nat(2),
        rate,
        weight: fc.integer({ min: 1, max: 3 }),
      }, { requiredKeys: [] }),
    ),
    by: fc.constantFrom("ann", "bob"),
    easesRate: fc.boolean(),
  }).map(({ target, change, by, easesRate }) => (): Body => ({
    kind: "configure",
    ...target as { scope: SettingsScope; name: string },
    change,
    by,
    ...(easesRate && { easesRate }),
  })),
  fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 3 }).map((jobSeqs) => (): Body => ({
    kind: "prune",
    jobSeqs: [...new Set(jobSeqs)],
  })),
);

const schedule = fc.constantFrom("n1", "n2");

const putSchedule = fc.record({
  name: schedule,
  namespace,
  overlap: fc.constantFrom("skip", "allow", "queue", "queue", "replace"),
  replace: fc.boolean(),
  dueInMs: fc.constantFrom(1, 1000, -600, 0),
  type,
  maxRetries: fc.nat(1),
  options: fc.constantFrom<Partial<JobOptions>>(
    {},
    { expireAfterMs: 1500 },
    { uniqueKey: "u1", uniqueMode: "existing" },
    { uniqueKey: "u1", uniqueMode: "reject" },
  ),
}).map(({ name, namespace, overlap, replace, dueInMs, ...spec }) => ({ machine }: Now): Body => ({
  kind: "put_schedule",
  schedule: scheduleOf(name, {
    ...(namespace !== undefined && { namespace }),
    overlap: overlap as OverlapPolicy,
    template: specOf("", spec),
  }),
  replace,
  nextAtMs: dueInMs === 0 ? 0 : Math.max(1, machine.nowMs + dueInMs),
  schedulesMax: 2,
}));

const alterSchedule = fc.record({
  name: schedule,
  namespace,
  to: fc.constantFrom("paused", "paused", "active", "active", "removed"),
  isStale: fc.boolean(),
}).map(({ name, namespace, to, isStale }) => ({ machine }: Now): Body => ({
  kind: "alter_schedule",
  name,
  ...(namespace !== undefined && { namespace }),
  to: to as "paused",
  nextAtMs: machine.nowMs + 500,
  revision: (machine.schedule(name, namespace)?.revision ?? 0) + (isStale ? 1 : 0),
}));

/** Mostly as a leader would, and in each of the ways in which one could be late or wrong. */
const fireSchedule = fc.record({
  name: schedule,
  namespace,
  slip: fc.constantFrom("", "", "", "", "revision", "due", "order", "next", "trigger"),
  jobIds: fc.array(jobId, { minLength: 1, maxLength: 2 }),
  missed: fc.nat(2),
  liveJobsMax: fc.constantFrom(undefined, 4),
  key: fc.constantFrom(undefined, "k1", "k2"),
  keyRetentionMs: fc.constantFrom(undefined, 400, 3_000),
  replacesIfAccepted: fc.boolean(),
}).map((drawn) => ({ machine }: Now): Body => {
  const { name, namespace, slip, jobIds, missed, liveJobsMax, key, keyRetentionMs } = drawn;
  const { replacesIfAccepted } = drawn;
  const { nextAtMs = 1, revision = 1 } = machine.schedule(name, namespace) ?? {};
  const named = { name, ...(namespace !== undefined && { namespace }) };
  const times = jobIds.map((_, at) => nextAtMs + at);
  if (slip === "order") times.reverse();
  const jobs = jobIds.map((jobId, at) => ({ jobId, scheduledAtMs: times[at]! }));
  return {
    kind: "fire_schedule",
    fires: [
      slip === "trigger"
        ? {
          kind: "triggered",
          ...named,
          jobId: jobIds[0]!,
          ...(key !== undefined && { idempotencyKey: key }),
        }
        : {
          kind: "due",
          ...named,
          revision: revision + (slip === "revision" ? 1 : 0),
          dueAtMs: nextAtMs - (slip === "due" ? 1 : 0),
          runs: jobs,
          missed,
          nextAtMs: nextAtMs + (slip === "next" ? 0 : 700),
        },
    ],
    ...(liveJobsMax !== undefined && { liveJobsMax }),
    ...(keyRetentionMs !== undefined && { keyRetentionMs }),
    ...(replacesIfAccepted && { replacesIfAccepted }),
  };
});

const untilMs = fc.constantFrom(1_000_500, 1_080_000, 9_000_000);

/** Few tokens, so that they are used and revoked again and again. */
const trust = fc.oneof(
  fc.record({
    what: fc.constantFrom(...REVOKED_KINDS),
    id: fc.constantFrom("x", "y"),
    untilMs: fc.oneof(untilMs, fc.constant(0)),
  }).map((revocation) => (): Body => ({
    kind: "revoke",
    revocations: [revocation],
    by: "ann",
    reason: "lost",
  })),
  fc.record({
    family: fc.constantFrom("x", "y", "z"),
    generation: fc.nat(2),
    requestDigest: fc.constantFrom("", "r1", "r2"),
    untilMs,
  }).map((use) => (): Body => ({ kind: "rotate_token", subject: "bob", ...use })),
  fc.record({ tokenId: fc.constantFrom("x", "y"), usedBy: fc.constantFrom("m1", "m2"), untilMs })
    .map((use) => (): Body => ({ kind: "use_token", ...use })),
  fc.record({ text: fc.constantFrom("p", "q"), expectedRevision: fc.nat(2) })
    .map((set) => (): Body => ({ kind: "set_policy", ...set, by: "ann" })),
);

/** At what is there to be redriven or forgotten, so that it often happens. */
const aimed = fc.oneof(
  fc.boolean().map((newPlace) => ({ machine }: Now): Body => ({
    kind: "redrive",
    ...(newPlace && { newPlace }),
    jobIds: machine.list({ deadLetter: true, limit: 1 }).jobs.map(({ id }) => id),
  })),
  fc.nat(2).map((place) => ({ machine }: Now): Body => ({
    kind: "prune",
    jobSeqs: machine.list({}).jobs.filter(({ completedAtMs }) => completedAtMs > 0)
      .slice(place, place + 1).map(({ seq }) => seq),
  })),
);

const afterMs = fc.constantFrom(0, 1, 300, 1500, 70_000, -5000);
export const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      kind: fc.constant("command" as const),
      afterMs,
      make: fc.oneof(
        submit,
        assign,
        assignWell,
        assignWell,
        report,
        report,
        register,
        others,
        aimed,
        fc.oneof(putSchedule, fireSchedule, fireSchedule, alterSchedule),
        trust,
      ),
    }),
  },
  { weight: 3, arbitrary: fc.constant({ kind: "flush" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "crash" as const }) },
);
