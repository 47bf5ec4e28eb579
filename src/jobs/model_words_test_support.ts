/**
 * The machine's jobs and outcomes in the naive model's words, so that the two can be compared.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Outcome } from "./command.ts";
import type { JobMachine } from "./machine.ts";
import type { NaiveJob } from "./naive_job_test_support.ts";

export function all<Item>(iterator: Iterator<Item>): Item[] {
  const items: Item[] = [];
  for (let next = iterator.next(); next.done !== true; next = iterator.next()) {
    items.push(next.value);
  }
  return items;
}

/** A job of the machine in the model's words. */
export function essence(machine: JobMachine, id: string): NaiveJob | undefined {
  const job = machine.get(id);
  if (job === undefined) return undefined;
  const isHeld = job.status === "assigned" || job.status === "running";
  const ended = machine.attempts(id).filter(({ outcome }) => outcome !== "");
  assert.equal(machine.attempts(id).length, ended.length + (isHeld ? 1 : 0));
  return {
    id,
    type: job.type,
    namespace: job.namespace,
    status: job.status,
    priority: job.priority,
    order: job.seq,
    maxRetries: job.maxRetries,
    retryDelayMs: job.retryDelayMs,
    timeoutMs: job.timeoutMs,
    tags: { ...job.requiredTags },
    notBeforeMs: job.notBeforeMs,
    worker: job.assignedTo,
    attempt: job.attempt,
    token: job.token,
    failures: job.failures,
    crashes: job.crashCount,
    suspicions: job.suspicions,
    releases: job.releaseCount,
    dead: job.deadLetter,
    errorKind: job.errorKind,
    submittedBy: job.submittedBy,
    expiresAtMs: job.expiresAtMs,
    options: job.options,
    ended: ended.map(({ token, workerId, outcome }) => ({ token, worker: workerId, outcome })),
  };
}

/** An outcome in the model's words. */
export function wordsOf(outcome: Outcome): string[] {
  switch (outcome.kind) {
    case "submit":
      return outcome.results.map((each) =>
        each.status === "refused"
          ? each.reason
          : each.status === "duplicate" || each.status === "existing"
          ? `${each.status} ${each.jobId}`
          : each.status
      );
    case "assign":
    case "cancel":
    case "redrive":
      return outcome.results.map((each) => each.status === "refused" ? each.reason : each.status);
    case "report":
      return outcome.results.map((each) =>
        each.status === "refused"
          ? each.reason
          : `${each.repeated ? "repeated" : "accepted"} ${each.jobStatus}`
      );
    case "expire_attempts":
      return outcome.results.map((each) =>
        each.status === "refused" ? each.reason : `ended ${each.jobStatus}`
      );
    case "register_worker":
      if (outcome.status === "refused") return [outcome.reason];
      return [
        ...[
          ...outcome.confirmed.map(({ jobId }) => `confirmed ${jobId}`),
          ...outcome.forgiven.map(({ jobId }) => `forgiven ${jobId}`),
        ].sort(),
        ...wordsInOrder(outcome.kept, outcome.foreign),
        ...outcome.lost.map(({ jobId, jobStatus }) => `lost ${jobId} ${jobStatus}`),
      ];
    case "expire_worker":
    case "deregister_worker":
      return outcome.status === "refused"
        ? [outcome.reason]
        : ["ended", ...outcome.ended.map(({ jobId, jobStatus }) => `${jobId} ${jobStatus}`)];
    case "drain_worker":
      return outcome.status === "refused" ? [outcome.reason] : ["done"];
    case "configure":
      return [outcome.status === "refused" ? outcome.reason : outcome.status];
    case "advance":
      return [];
    case "revoke":
      return [outcome.status === "refused" ? outcome.reason : `done ${outcome.changed}`];
    case "rotate_token":
      return outcome.status === "refused"
        ? [outcome.reason]
        : [`rotated ${outcome.generation}${outcome.repeated ? " again" : ""}`];
    case "use_token":
      return [
        outcome.status === "refused"
          ? outcome.reason
          : outcome.repeated
          ? "used again"
          : "used now",
      ];
    case "set_policy":
      return [outcome.status === "refused" ? outcome.reason : `done ${outcome.revision}`];
    case "prune":
      return [String(outcome.removedJobs)];
    case "put_schedule":
      return [outcome.status === "refused" ? outcome.reason : outcome.status];
    case "alter_schedule":
      return [outcome.status === "refused" ? outcome.reason : `done ${outcome.changed}`];
    case "fire_schedule":
      return outcome.results.flatMap((each) =>
        each.status === "refused"
          ? [each.reason]
          : each.runs.map((run) =>
            run.status === "submitted" && run.repeated ? `repeated ${run.jobId}` : run.status
          )
      );
  }
}

/** The running attempts were listed by job id, so both parts are merged back by it. */
function wordsInOrder(
  kept: readonly { jobId: string }[],
  foreign: readonly { jobId: string }[],
): string[] {
  const words = [
    ...kept.map(({ jobId }) => ({ jobId, word: `kept ${jobId}` })),
    ...foreign.map(({ jobId }) => ({ jobId, word: `foreign ${jobId}` })),
  ];
  return words.sort((a, b) => (a.jobId < b.jobId ? -1 : 1)).map(({ word }) => word);
}
