/**
 * Any Command that there can be, for properties.
 *
 * @module
 */

import fc from "fast-check";
import type { Command } from "./command.ts";
import { CATCH_UP_POLICIES, OVERLAP_POLICIES } from "./schedule.ts";
import { REVOKED_KINDS } from "./security_command.ts";
import { SETTINGS_SCOPES } from "./settings.ts";
import {
  BACKOFF_KINDS,
  DEPENDENCY_CONDITIONS,
  DEPENDENCY_FAILURES,
  TAG_OPERATORS,
  UNIQUE_MODES,
} from "./job_options.ts";

/** What stands for names and numbers of every kind: few of them, and much happens to the same. */
export interface CommandAlphabet {
  readonly name: fc.Arbitrary<string>;
  readonly time: fc.Arbitrary<number>;
}

export function anyCommand({ name, time }: CommandAlphabet): fc.Arbitrary<Command> {
  const bytes = fc.uint8Array({ maxLength: 300 });
  const stringMap = fc.dictionary(fc.oneof(name, fc.constant("__proto__")), name, { maxKeys: 4 })
    .map((map) => Object.fromEntries(Object.entries(map)));
  const lines = fc.array(name, { maxLength: 3 });
  const logs = fc.array(plain({ jobId: name, token: fc.nat(), lines, linesCut: fc.nat() }));

  const rules = fc.array(
    plain({ tag: name, op: fc.constantFrom(...TAG_OPERATORS), values: lines }),
    { maxLength: 2 },
  );
  const options = record({
    queue: name,
    backoff: fc.constantFrom(...BACKOFF_KINDS),
    retryDelayMaxMs: time,
    nonRetryableErrors: lines,
    expireAfterMs: time,
    uniqueKey: name,
    uniqueMode: fc.constantFrom(...UNIQUE_MODES),
    group: name,
    groupLimit: fc.nat(3),
    rateKey: name,
    rate: fc.option(plain({ count: fc.nat(3), perMs: time, burst: fc.nat(3) })),
    dependencies: fc.array(
      plain({ jobId: name, on: fc.constantFrom(...DEPENDENCY_CONDITIONS) }),
      { maxLength: 2 },
    ),
    whenDependencyFails: fc.constantFrom(...DEPENDENCY_FAILURES),
    batchId: name,
    schedule: name,
    scheduledAtMs: time,
    tagRules: rules,
    preferredTags: rules,
    cpuMillis: fc.nat(3000),
    memoryBytes: fc.nat(),
  }, []);

  const spec = record({
    id: name,
    type: name,
    payload: bytes,
    priority: fc.integer(),
    maxRetries: fc.nat(),
    timeoutMs: time,
    retryDelayMs: time,
    notBeforeMs: time,
    idempotencyKey: name,
    fingerprint: name,
    labels: stringMap,
    requiredTags: stringMap,
    submittedBy: name,
    traceparent: name,
    namespace: name,
    options,
  }, ["id", "type", "payload", "priority", "maxRetries", "timeoutMs", "retryDelayMs"]);

  const settingsChange = record({
    paused: fc.boolean(),
    runningMax: fc.nat(3),
    rate: fc.option(plain({ count: fc.nat(3), perMs: time, burst: fc.nat(3) })),
    weight: fc.nat(3),
  }, []);

  const base = { jobId: name, token: time, workerId: name };
  const report = fc.oneof(
    record({ kind: fc.constant("started"), ...base, startedAtMs: time }, [
      "kind",
      "jobId",
      "token",
      "workerId",
    ]),
    record({
      kind: fc.constant("completed"),
      ...base,
      output: bytes,
      contentType: name,
      durationMs: time,
      startedAtMs: time,
      logTail: lines,
      logLinesCut: fc.nat(),
    }, ["kind", "jobId", "token", "workerId", "output", "contentType", "durationMs"]),
    record({
      kind: fc.constant("failed"),
      ...base,
      error: name,
      permanent: fc.boolean(),
      timedOut: fc.boolean(),
      durationMs: time,
      startedAtMs: time,
      output: bytes,
      contentType: name,
      logTail: lines,
      logLinesCut: fc.nat(),
    }, ["kind", "jobId", "token", "workerId", "error", "permanent", "durationMs"]),
    plain({ kind: fc.constant("released"), ...base, reason: name }),
  );

  const worker = record({
    id: name,
    sessionId: name,
    address: name,
    slots: fc.nat(),
    jobTypes: fc.option(lines),
    tags: stringMap,
    version: name,
    unary: fc.boolean(),
    pushed: fc.boolean(),
    cpuMillis: fc.nat(3000),
    memoryBytes: fc.nat(),
    namespaces: lines,
    typeSlots: fc.dictionary(name, fc.integer({ min: 1, max: 3 }), { noNullPrototype: true }),
  }, ["id", "sessionId", "address", "slots", "jobTypes", "tags", "version"]);

  const attempt = plain({ jobId: name, token: time });
  const session = { atMs: time, workerId: name, sessionId: name };

  return fc.oneof(
    record({
      kind: fc.constant("submit"),
      atMs: time,
      jobs: fc.array(spec, { maxLength: 5 }),
      allOrNothing: fc.boolean(),
      liveJobsMax: fc.nat(),
      clientJobsMax: fc.nat(),
      keyRetentionMs: fc.nat(),
      keysOfExisting: fc.boolean(),
    }, ["kind", "atMs", "jobs"]),
    plain({
      kind: fc.constant("assign"),
      atMs: time,
      assignments: fc.array(plain({ jobId: name, workerId: name, sessionId: name })),
    }),
    plain({ kind: fc.constant("report"), atMs: time, reports: fc.array(report) }),
    record({
      kind: fc.constant("cancel"),
      atMs: time,
      jobIds: lines,
      reason: name,
      by: name,
      logs,
    }, ["kind", "atMs", "jobIds", "reason", "by"]),
    record({
      kind: fc.constant("redrive"),
      atMs: time,
      jobIds: lines,
      newPlace: fc.boolean(),
    }, ["kind", "atMs", "jobIds"]),
    record({
      kind: fc.constant("register_worker"),
      atMs: time,
      worker,
      runningAttempts: fc.array(attempt),
      crashLimit: fc.integer({ min: 1, max: 3 }),
    }, ["kind", "atMs", "worker"]),
    record({
      kind: fc.constant("expire_worker"),
      ...session,
      reason: name,
      leaderTerm: fc.nat(),
      crashLimit: fc.integer({ min: 1, max: 3 }),
      logs,
    }, ["kind", "atMs", "workerId", "sessionId", "reason"]),
    plain({ kind: fc.constant("deregister_worker"), ...session }),
    record({
      kind: fc.constant("drain_worker"),
      atMs: time,
      workerId: name,
      draining: fc.boolean(),
      by: fc.constantFrom("operator", "worker"),
      handBackAtMs: time,
    }, ["kind", "atMs", "workerId", "draining"]),
    record({
      kind: fc.constant("expire_attempts"),
      atMs: time,
      attempts: fc.array(
        plain({
          jobId: name,
          token: time,
          reason: fc.constantFrom("timeout", "not_started", "drained"),
        }),
      ),
      leaderTerm: fc.nat(),
      logs,
    }, ["kind", "atMs", "attempts"]),
    plain({ kind: fc.constant("advance"), atMs: time }),
    plain({ kind: fc.constant("prune"), atMs: time, jobSeqs: fc.array(time) }),
    anyScheduleCommand({ name, time }, spec),
    anySecurityCommand({ name, time }),
    record({
      kind: fc.constant("configure"),
      atMs: time,
      scope: fc.constantFrom(...SETTINGS_SCOPES),
      name,
      change: fc.option(settingsChange),
      by: name,
      easesRate: fc.boolean(),
    }, ["kind", "atMs", "scope", "name", "change", "by"]),
  ) as fc.Arbitrary<Command>;
}

function anySecurityCommand({ name, time }: CommandAlphabet) {
  return fc.oneof(
    plain({
      kind: fc.constant("revoke"),
      atMs: time,
      revocations: fc.array(
        plain({ what: fc.constantFrom(...REVOKED_KINDS), id: name, untilMs: time }),
        { maxLength: 3 },
      ),
      by: name,
      reason: name,
    }),
    plain({
      kind: fc.constant("rotate_token"),
      atMs: time,
      family: name,
      subject: name,
      generation: fc.oneof(fc.nat(3), fc.integer()),
      requestDigest: name,
      untilMs: time,
    }),
    plain({
      kind: fc.constant("use_token"),
      atMs: time,
      tokenId: name,
      usedBy: name,
      untilMs: time,
    }),
    plain({
      kind: fc.constant("set_policy"),
      atMs: time,
      text: name,
      expectedRevision: fc.nat(3),
      by: name,
    }),
  );
}

function anyScheduleCommand({ name, time }: CommandAlphabet, template: fc.Arbitrary<unknown>) {
  const bounds = { startAtMs: time, endAtMs: time };
  const timing = fc.oneof(
    plain({ kind: fc.constant("cron"), ...bounds, expression: name, timeZone: name }),
    plain({ kind: fc.constant("every"), ...bounds, everyMs: time, anchorMs: time }),
    plain({ kind: fc.constant("at"), ...bounds, atMs: time }),
  );
  const schedule = record({
    name,
    namespace: name,
    timing,
    template,
    overlap: fc.constantFrom(...OVERLAP_POLICIES),
    catchUp: fc.constantFrom(...CATCH_UP_POLICIES),
    catchUpMax: fc.nat(3),
    graceMs: time,
    createdBy: name,
  }, [
    ...["name", "timing", "template", "overlap", "catchUp"] as const,
    ...["catchUpMax", "graceMs", "createdBy"] as const,
  ]);
  const due = record({
    kind: fc.constant("due"),
    name,
    namespace: name,
    // Of the commands before it, as indices of a log that begins at 1.
    revision: fc.integer({ min: 1, max: 20 }),
    dueAtMs: time,
    runs: fc.array(plain({ scheduledAtMs: time, jobId: name }), { maxLength: 3 }),
    missed: fc.nat(3),
    nextAtMs: time,
  }, ["kind", "name", "revision", "dueAtMs", "runs", "missed", "nextAtMs"]);
  const triggered = record(
    { kind: fc.constant("triggered"), name, namespace: name, jobId: name, idempotencyKey: name },
    ["kind", "name", "jobId"],
  );
  return fc.oneof(
    plain({
      kind: fc.constant("put_schedule"),
      atMs: time,
      schedule,
      replace: fc.boolean(),
      nextAtMs: time,
      schedulesMax: fc.nat(3),
    }),
    record({
      kind: fc.constant("alter_schedule"),
      atMs: time,
      name,
      namespace: name,
      to: fc.constantFrom("paused", "active", "removed"),
      nextAtMs: time,
      revision: fc.integer({ min: 1, max: 20 }),
    }, ["kind", "atMs", "name", "to", "nextAtMs", "revision"]),
    record({
      kind: fc.constant("fire_schedule"),
      atMs: time,
      fires: fc.array(fc.oneof(due, triggered), { maxLength: 3 }),
      liveJobsMax: fc.nat(),
      leaderTerm: fc.nat(1),
      keyRetentionMs: fc.nat(),
      replacesIfAccepted: fc.boolean(),
    }, ["kind", "atMs", "fires"]),
  );
}

/** An object of which some fields may be missing. */
function record<T>(
  required: { [K in keyof T]: fc.Arbitrary<T[K]> },
  requiredKeys: (keyof T)[],
): fc.Arbitrary<T> {
  return fc.record(required, {
    requiredKeys: requiredKeys as never,
    noNullPrototype: true,
  }) as fc.Arbitrary<T>;
}

/** An object like those that code makes, with every field. */
function plain<T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(fields, { noNullPrototype: true }) as fc.Arbitrary<T>;
}
