/**
 * Judges what a cluster did against what it told its clients. It sees only records: what clients
 * were told, what each node says it holds, and what really ran. It knows nothing of the code.
 *
 * @module
 */

import type { History, Read } from "./history.ts";
import type { LedgerLine } from "./ledger.ts";

/** A job as one node has it. */
export interface JobRecord {
  readonly id: string;
  /** Id of the submission that made it, by the payload that the node has. */
  readonly submission: string;
  readonly status: string;
  readonly attempt: number;
  readonly assignedTo: string;
  readonly createdAtMs: number;
  readonly completedAtMs: number;
  /** Why it failed; empty if it did not. */
  readonly error: string;
  readonly fencingToken: number;
  /** Id of the submission that its result is of; empty without one. */
  readonly resultOf: string;
}

/** What is judged. */
export interface Evidence {
  readonly history: History;
  /** By node, each as it sees itself. */
  readonly replicas: ReadonlyMap<string, readonly JobRecord[]>;
  /** Attempts in a job's history that ended well, by job. */
  readonly completions: ReadonlyMap<string, number>;
  readonly ledger: readonly LedgerLine[];
}

/** A promise that was broken. */
export interface Fault {
  readonly kind: FaultKind;
  readonly what: string;
}

/** Who looks for which kind of fault. */
const JUDGES = {
  lost: lostJobs,
  shared: sharedJobs,
  doubled: doubledJobs,
  stranger: strangers,
  different: differences,
  unfinished,
  completed_twice: doubledCompletions,
  ran_twice: doubledRuns,
  phantom: phantomCompletions,
  wrong_result: wrongResults,
  stale_token: staleTokens,
  stale: staleReads,
} as const;

export type FaultKind = keyof typeof JUDGES;

const MEANING: Readonly<Record<FaultKind, string>> = {
  lost: "an acknowledged job is lost",
  shared: "one job answers two submissions",
  doubled: "a submission made two jobs",
  stranger: "a job that nobody submitted",
  different: "replicas differ",
  unfinished: "a job is not completed",
  completed_twice: "a job was completed more than once",
  ran_twice: "an attempt ran twice",
  phantom: "a job is completed that never ran to its end",
  wrong_result: "a job has the result of another",
  stale_token: "a fencing token does not rise",
  stale: "a stale answer",
};

/** Faults of one kind that are spelt out; the rest is counted. */
const EXAMPLES_MAX = 5;

/** Every promise that was broken; none: all is right. */
export function audit(evidence: Evidence): Fault[] {
  return (Object.keys(JUDGES) as FaultKind[]).flatMap((kind) =>
    [...JUDGES[kind](evidence)].map((what) => ({ kind, what }))
  );
}

/** Faults in words, a few of each kind. */
export function describeFaults(faults: readonly Fault[]): string[] {
  return [...Map.groupBy(faults, (each) => each.kind)].flatMap(([kind, all]) => {
    const lines = all.slice(0, EXAMPLES_MAX).map(({ what }) => `${MEANING[kind]}: ${what}`);
    const more = all.length - lines.length;
    return more === 0 ? lines : [...lines, `${MEANING[kind]}: and ${more} more`];
  });
}

function* lostJobs({ history, replicas }: Evidence): Iterable<string> {
  for (const [node, records] of replicas) {
    const held = new Set(records.map((each) => each.id));
    for (const { id, jobId } of history.acknowledged()) {
      if (!held.has(jobId)) yield `${node} does not have job ${jobId} of submission ${id}`;
    }
  }
}

function* sharedJobs({ history }: Evidence): Iterable<string> {
  const submissionOf = new Map<string, string>();
  for (const { id, jobId } of history.acknowledged()) {
    const other = submissionOf.get(jobId);
    if (other !== undefined) yield `job ${jobId} was the answer to ${other} and to ${id}`;
    submissionOf.set(jobId, id);
  }
}

function* doubledJobs({ replicas, ledger }: Evidence): Iterable<string> {
  for (const [node, records] of replicas) {
    for (const [submission, jobs] of Map.groupBy(records, (each) => each.submission)) {
      if (jobs.length > 1) yield `${node} has ${jobs.length} jobs of submission ${submission}`;
    }
  }
  for (const [submission, lines] of Map.groupBy(ledger, (each) => each.submission)) {
    const jobs = new Set(lines.map((each) => each.jobId));
    if (jobs.size > 1) yield `submission ${submission} ran as jobs ${[...jobs].join(" and ")}`;
  }
}

function* strangers({ history, replicas }: Evidence): Iterable<string> {
  const sent = new Map(history.submissions.map((each) => [each.id, each]));
  for (const [node, records] of replicas) {
    for (const { id, submission } of records) {
      const known = sent.get(submission);
      if (known === undefined) yield `${node} has job ${id} of unknown submission ${submission}`;
      else if (known.jobId !== undefined && known.jobId !== id) {
        yield `${node} has job ${id} for submission ${submission}, whose client was told ` +
          `${known.jobId}`;
      }
    }
  }
}

function* differences({ replicas }: Evidence): Iterable<string> {
  const [first, ...others] = replicas;
  if (first === undefined) return;
  const [name, records] = first;
  const expected = new Map(records.map((each) => [each.id, JSON.stringify(each)]));
  for (const [other, itsRecords] of others) {
    for (const record of itsRecords) {
      const text = JSON.stringify(record);
      const wanted = expected.get(record.id);
      if (wanted !== text) yield `${name} has ${wanted ?? "nothing"}, ${other} has ${text}`;
    }
    const held = new Set(itsRecords.map((each) => each.id));
    for (const id of expected.keys()) if (!held.has(id)) yield `${other} has no job ${id}`;
  }
}

function* unfinished({ replicas }: Evidence): Iterable<string> {
  for (const [node, records] of replicas) {
    for (const record of records) {
      if (record.status === "completed" || isGivenUp(record)) continue;
      yield `job ${record.id} is ${record.status} on ${node} ${record.error}`.trimEnd();
    }
  }
}

const GIVEN_UP =
  /^(3 attempts were lost with workers that died|9 attempts were lost with their workers)/;

/**
 * A job that took three workers down with it is not tried on a fourth, nor one that was lost with nine
 * of which nobody knows what became: that is a promise too. Where workers are killed at random it hits
 * innocent ones.
 */
function isGivenUp({ status, error }: JobRecord): boolean {
  return status === "failed" && GIVEN_UP.test(error);
}

function* doubledCompletions({ completions }: Evidence): Iterable<string> {
  for (const [jobId, count] of completions) {
    if (count > 1) yield `job ${jobId} has ${count} completed attempts`;
  }
}

/** A job may run again after a fault; the same attempt of it may not: attempts are fenced. */
function* doubledRuns({ ledger }: Evidence): Iterable<string> {
  const begun = ledger.filter((each) => each.event === "begin");
  const byAttempt = Map.groupBy(
    begun,
    ({ jobId, attempt }) => `attempt ${attempt} of job ${jobId}`,
  );
  for (const [attempt, lines] of byAttempt) {
    if (lines.length > 1) yield `${attempt} began ${lines.length} times`;
  }
}

function* phantomCompletions({ replicas, ledger }: Evidence): Iterable<string> {
  const ran = new Set(ledger.filter((each) => each.event === "end").map((each) => each.jobId));
  for (const [node, records] of replicas) {
    for (const { id, status } of records) {
      if (status === "completed" && !ran.has(id)) yield `job ${id} on ${node}`;
    }
  }
}

/** Its handler answers with the id that it found in the payload. */
function* wrongResults({ replicas }: Evidence): Iterable<string> {
  for (const [node, records] of replicas) {
    for (const { id, status, submission, resultOf } of records) {
      if (status !== "completed" || resultOf === submission) continue;
      yield `job ${id} of submission ${submission} has that of "${resultOf}" on ${node}`;
    }
  }
}

/** Each attempt has one token, which is higher than those of the job's attempts before, whoever reads it. */
function* staleTokens({ history, replicas }: Evidence): Iterable<string> {
  const seen = history.reads.flatMap((read) =>
    read.kind === "job" && read.lease !== undefined ? [{ id: read.jobId, ...read.lease }] : []
  );
  const held = [...replicas.values()].flat();
  for (const [id, leases] of Map.groupBy([...seen, ...held], (each) => each.id)) {
    const byAttempt = leases.filter(({ attempt }) => attempt > 0)
      .toSorted((a, b) => a.attempt - b.attempt);
    for (const [place, { attempt, fencingToken }] of byAttempt.entries()) {
      const before = byAttempt[place - 1];
      if (before === undefined) continue;
      const isRight = attempt === before.attempt
        ? fencingToken === before.fencingToken
        : fencingToken > before.fencingToken;
      if (isRight) continue;
      yield `attempt ${attempt} of job ${id} has ${fencingToken}, and attempt ` +
        `${before.attempt} ${before.fencingToken}`;
    }
  }
}

/**
 * A read sees everything that was acknowledged before it began and nothing that was not yet sent
 * when it ended, and no less than a read that had ended before it began.
 */
function* staleReads({ history }: Evidence): Iterable<string> {
  const acks = history.acknowledged().map((each) => each.ackedMs).sort((a, b) => a - b);
  const sent = history.submissions.map((each) => each.sentMs).sort((a, b) => a - b);
  const ackedAt = new Map(history.acknowledged().map((each) => [each.jobId, each.ackedMs]));
  for (const read of history.reads) {
    if (read.kind === "count") {
      const atLeast = countUpTo(acks, read.startedMs);
      const atMost = countUpTo(sent, read.endedMs);
      if (read.total < atLeast) {
        yield `${read.by} was told of ${read.total} jobs when ${atLeast} were acknowledged`;
      }
      if (read.total > atMost) {
        yield `${read.by} was told of ${read.total} jobs when ${atMost} had been sent`;
      }
    } else if (
      read.status === "missing" && (ackedAt.get(read.jobId) ?? Infinity) < read.startedMs
    ) {
      yield `${read.by} was told that there is no job ${read.jobId}, which was acknowledged`;
    }
  }
  yield* backwardReads(history.reads);
}

/** Reads of one thing, in the order in which they began, against the most that had been seen. */
function* backwardReads(reads: readonly Read[]): Iterable<string> {
  for (const [what, group] of Map.groupBy(reads, (each) => each.kind === "job" ? each.jobId : "")) {
    const byStart = group.toSorted((a, b) => a.startedMs - b.startedMs);
    const byEnd = group.toSorted((a, b) => a.endedMs - b.endedMs);
    let ended = 0;
    let most = 0;
    for (const read of byStart) {
      for (; ended < byEnd.length && byEnd[ended]!.endedMs < read.startedMs; ended++) {
        most = Math.max(most, progressOf(byEnd[ended]!));
      }
      if (progressOf(read) >= most) continue;
      yield what === ""
        ? `${read.by} counted ${progressOf(read)} jobs after ${most} had been counted`
        : `${read.by} saw job ${what} unfinished after it had been seen at its end`;
    }
  }
}

/** What only ever grows: the number of jobs; a job's way to its end. */
function progressOf(read: Read): number {
  if (read.kind === "count") return read.total;
  return read.status === "completed" || read.status === "failed" || read.status === "cancelled"
    ? 1
    : 0;
}

/** How many of the sorted `times` are at or before `ms`. */
function countUpTo(times: readonly number[], ms: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle]! <= ms) low = middle + 1;
    else high = middle;
  }
  return low;
}
