import assert from "node:assert/strict";
import { audit, describeFaults, type Evidence, type JobRecord } from "./audit.ts";
import { History, type Read } from "./history.ts";
import type { LedgerLine } from "./ledger.ts";

/** Two submissions, both acknowledged, run once and completed on three nodes. */
function honest() {
  const history = new History();
  history.submissions.push(
    { id: "a", sentMs: 0, ackedMs: 10, jobId: "job-a" },
    { id: "b", sentMs: 20, ackedMs: 30, jobId: "job-b" },
  );
  history.reads.push(
    { kind: "count", startedMs: 11, endedMs: 12, by: "r0", total: 1 },
    { kind: "job", startedMs: 13, endedMs: 14, by: "r1", jobId: "job-a", status: "running" },
    { kind: "count", startedMs: 31, endedMs: 32, by: "r0", total: 2 },
    { kind: "job", startedMs: 40, endedMs: 41, by: "r1", jobId: "job-a", status: "completed" },
  );
  const record = (id: string, submission: string): JobRecord => ({
    id,
    submission,
    status: "completed",
    attempt: 1,
    assignedTo: "w1",
    createdAtMs: 5,
    completedAtMs: 35,
    error: "",
    fencingToken: 7,
    resultOf: submission,
  });
  const records = () => [record("job-b", "b"), record("job-a", "a")];
  const ledger: LedgerLine[] = ["a", "b"].flatMap((id) => [
    { event: "begin", submission: id, jobId: `job-${id}`, attempt: 1 },
    { event: "end", submission: id, jobId: `job-${id}`, attempt: 1 },
  ]);
  return {
    history,
    replicas: new Map([["m1", records()], ["m2", records()], ["m3", records()]]),
    completions: new Map([["job-a", 1], ["job-b", 1]]),
    ledger,
  };
}

type Forged = ReturnType<typeof honest>;

/** Asserts that the audit names `fault` once `forge` has told a lie, and nothing before. */
function assertFound(fault: RegExp, forge: (evidence: Forged) => void): void {
  const evidence = honest();
  assert.deepEqual(audit(evidence as Evidence), []);
  forge(evidence);
  const faults = describeFaults(audit(evidence as Evidence));
  assert.ok(faults.some((each) => fault.test(each)), `not found among: ${faults.join("; ")}`);
}

Deno.test("the audit finds an acknowledged job that one node lost", () =>
  assertFound(/^an acknowledged job is lost: m2 does not have job job-a/, ({ replicas }) => {
    replicas.get("m2")!.pop();
  }));

Deno.test("the audit finds an acknowledged job that every node lost", () =>
  assertFound(/^an acknowledged job is lost: m1/, ({ replicas }) => {
    for (const records of replicas.values()) records.pop();
  }));

Deno.test("the audit finds a submission that made two jobs, by the records and by what ran", () => {
  assertFound(/^a submission made two jobs: m3 has 2 jobs of submission a/, ({ replicas }) => {
    replicas.get("m3")!.push({ ...replicas.get("m3")![1]!, id: "job-a2" });
  });
  assertFound(/^a submission made two jobs: submission a ran as/, ({ ledger }) => {
    ledger.push({ event: "begin", submission: "a", jobId: "job-a2", attempt: 1 });
  });
});

Deno.test("the audit finds one job that was the answer to two submissions", () =>
  assertFound(/^one job answers two submissions: job job-a/, ({ history }) => {
    history.submissions.push({ id: "c", sentMs: 50, ackedMs: 51, jobId: "job-a" });
  }));

Deno.test("the audit finds jobs that nobody submitted, and answers that named another job", () => {
  assertFound(/^a job that nobody submitted: m1 has job job-z/, ({ replicas }) => {
    for (const records of replicas.values()) {
      records.push({ ...records[0]!, id: "job-z", submission: "z" });
    }
  });
  assertFound(/whose client was told job-x/, ({ history }) => {
    history.submissions[0]!.jobId = "job-x";
  });
});

Deno.test("the audit allows a job of a submission whose answer was lost, once", () => {
  const evidence = honest();
  evidence.history.submissions.push({ id: "c", sentMs: 50, failure: "outcome_unknown" });
  for (const records of evidence.replicas.values()) {
    records.push({ ...records[0]!, id: "job-c", submission: "c", resultOf: "c" });
  }
  evidence.ledger.push({ event: "end", submission: "c", jobId: "job-c", attempt: 1 });
  assert.deepEqual(audit(evidence), []);
});

Deno.test("the audit finds nodes whose records differ, if only by a millisecond", () =>
  assertFound(/^replicas differ: m1 has .*35.*m2 has .*36/, ({ replicas }) => {
    const records = replicas.get("m2")!;
    records[0] = { ...records[0]!, completedAtMs: 36 };
  }));

Deno.test("the audit finds a job that is stuck", () =>
  assertFound(/^a job is not completed: job job-b is assigned/, ({ replicas }) => {
    for (const records of replicas.values()) records[0] = { ...records[0]!, status: "assigned" };
  }));

Deno.test("the audit allows a job to be given up that lost three workers, and no other", () => {
  const failed = (error: string) => {
    const evidence = honest();
    for (const records of evidence.replicas.values()) {
      records[0] = { ...records[0]!, status: "failed", error };
    }
    return audit(evidence).map((each) => each.kind);
  };
  assert.deepEqual(failed("3 attempts were lost with workers that died, the last one because"), []);
  assert.deepEqual(failed("9 attempts were lost with their workers, the last one because"), []);
  assert.equal(failed("3 attempts were lost with their workers, the last one because").length, 3);
  assert.deepEqual(failed("on purpose"), ["unfinished", "unfinished", "unfinished"]);
});

Deno.test("the audit finds a job that was completed twice", () =>
  assertFound(/^a job was completed more than once: job job-a/, ({ completions }) => {
    completions.set("job-a", 2);
  }));

Deno.test("the audit finds an attempt that ran twice, and allows a second attempt", () => {
  assertFound(/^an attempt ran twice: attempt 1 of job job-a/, ({ ledger }) => {
    ledger.push({ event: "begin", submission: "a", jobId: "job-a", attempt: 1 });
  });
  const evidence = honest();
  evidence.ledger.push({ event: "begin", submission: "a", jobId: "job-a", attempt: 2 });
  assert.deepEqual(audit(evidence), []);
});

Deno.test("the audit finds a later attempt whose token is not higher, and two tokens of one", () => {
  const seen = (attempt: number, fencingToken: number): Read => ({
    ...{ kind: "job", startedMs: 14, endedMs: 15, by: "r1", jobId: "job-a", status: "running" },
    lease: { attempt, fencingToken },
  });
  for (const [attempt, token] of [[2, 6], [2, 7], [1, 6], [1, 8]] as const) {
    assertFound(/^a fencing token does not rise: attempt . of job job-a/, ({ history }) => {
      history.reads.push(seen(attempt, token));
    });
  }
  const evidence = honest();
  evidence.history.reads.push(seen(1, 7), seen(2, 8));
  assert.deepEqual(audit(evidence), []);
});

Deno.test("the audit finds a job whose result is that of another, or gone", () => {
  for (const resultOf of ["b", ""]) {
    assertFound(/^a job has the result of another: job job-a of submission a/, ({ replicas }) => {
      for (const records of replicas.values()) records[1] = { ...records[1]!, resultOf };
    });
  }
});

Deno.test("the audit finds a job that is called completed and never ran to its end", () =>
  assertFound(/^a job is completed that never ran to its end: job job-b/, ({ ledger }) => {
    ledger.pop();
  }));

Deno.test("the audit finds a count that misses what was acknowledged, or sees the future", () => {
  assertFound(/^a stale answer: r9 was told of 1 jobs when 2/, ({ history }) => {
    history.reads.push({ kind: "count", startedMs: 31, endedMs: 33, by: "r9", total: 1 });
  });
  assertFound(/^a stale answer: r9 was told of 2 jobs when 1 had been sent/, ({ history }) => {
    history.reads.push({ kind: "count", startedMs: 11, endedMs: 15, by: "r9", total: 2 });
  });
});

Deno.test("the audit finds an acknowledged job that a later read did not find", () =>
  assertFound(/^a stale answer: r9 was told that there is no job job-a/, ({ history }) => {
    history.reads.push({
      kind: "job",
      startedMs: 15,
      endedMs: 16,
      by: "r9",
      jobId: "job-a",
      status: "missing",
    });
  }));

Deno.test("the audit finds reads that go backwards in time", () => {
  assertFound(/^a stale answer: r9 counted 2 jobs after 3 had been counted/, ({ history }) => {
    history.submissions.push({ id: "c", sentMs: 40, failure: "outcome_unknown" });
    history.reads.push({ kind: "count", startedMs: 50, endedMs: 51, by: "r8", total: 3 });
    history.reads.push({ kind: "count", startedMs: 52, endedMs: 53, by: "r9", total: 2 });
  });
  assertFound(/^a stale answer: r9 saw job job-a unfinished after/, ({ history }) => {
    history.reads.push({
      kind: "job",
      startedMs: 42,
      endedMs: 43,
      by: "r9",
      jobId: "job-a",
      status: "running",
    });
  });
});

Deno.test("the audit allows reads that overlap to answer in either order", () => {
  const evidence = honest();
  evidence.history.submissions.push({ id: "c", sentMs: 40, failure: "outcome_unknown" });
  evidence.history.reads.push(
    { kind: "count", startedMs: 50, endedMs: 55, by: "r8", total: 3 },
    { kind: "count", startedMs: 52, endedMs: 53, by: "r9", total: 2 },
  );
  assert.deepEqual(audit(evidence), []);
});

Deno.test("many faults of one kind are counted, not all told", () => {
  const evidence = honest();
  evidence.completions.clear();
  for (let number = 0; number < 9; number++) evidence.completions.set(`job-${number}`, 2);
  const lines = describeFaults(audit(evidence));
  assert.equal(lines.length, 6);
  assert.equal(lines.at(-1), "a job was completed more than once: and 4 more");
});

Deno.test("the longest gap counts from the beginning of the window to the last acknowledgement", () => {
  const { history } = honest();
  assert.equal(history.longestGapMs(0), 20);
  assert.equal(history.longestGapMs(12), 18);
  assert.equal(history.longestGapMs(31), 0);
});
