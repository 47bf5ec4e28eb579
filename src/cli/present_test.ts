import assert from "node:assert/strict";
import type { JobDetails, JobView } from "../rpc/mod.ts";
import {
  deadLetterTable,
  detailsJson,
  detailsText,
  jobJson,
  jobTable,
  progressText,
  resultText,
  secondText,
  timeText,
} from "./present.ts";
import { recording } from "./terminal_test_support.ts";

const sheet = { style: recording().out.style, columns: Number.POSITIVE_INFINITY };

function job(changes: Partial<JobView> = {}): JobView {
  return {
    id: "j-1",
    type: "t",
    namespace: "default",
    status: "pending",
    priority: 5,
    assignedTo: "",
    createdAtMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
    retryCount: 0,
    maxRetries: 3,
    errorMessage: "",
    timeoutMs: 1_000,
    fencingToken: 0,
    attempt: 0,
    labels: {},
    deadLetter: false,
    submittedBy: "ann",
    queue: "ann",
    traceparent: "00-0123456789abcdef0123456789abcdef-0123456789abcdef-00",
    ...changes,
  };
}

function finished(output: string | Uint8Array, contentType: string): JobView {
  const bytes = typeof output === "string" ? new TextEncoder().encode(output) : output;
  const result = { success: true, output: bytes, contentType, error: "", durationMs: 1 };
  return job({ status: "completed", attempt: 1, result });
}

function details(changes: Partial<JobDetails>): JobDetails {
  return {
    job: job(),
    reasons: [],
    waitingReasons: [],
    attempts: [],
    progress: 0,
    progressMessage: "",
    logTail: [],
    history: [],
    ...changes,
  };
}

Deno.test("a table of dead letters says of each why it is one, in one line", () => {
  const dead = { status: "failed", deadLetter: true, completedAtMs: Date.UTC(2026, 0, 2) } as const;
  const table = deadLetterTable([
    job({ ...dead, assignedTo: "w1", attempt: 4, errorMessage: "no\nroom" }),
    job({ ...dead, errorMessage: "x".repeat(500) }),
  ], sheet);
  const [head, first, second, end] = table.split("\n");
  assert.match(head!, /^JOB +TYPE +ATTEMPT +WORKER +FAILED +ERROR$/);
  assert.match(first!, /^j-1 +t +4\/4 +w1 +2026-01-02T00:00:00Z +no.+room$/);
  assert.match(second!, / x{79}…$/);
  assert.equal(end, "");
});

Deno.test("JSON has every time in RFC 3339 and leaves out what has not come", () => {
  const shown = jobJson(job());
  assert.equal(shown.created_at, "2026-01-02T03:04:05.678Z");
  assert.equal(shown.started_at, undefined);
  assert.equal(shown.error, null);
  assert.ok(!("result" in shown));
  assert.equal(timeText(undefined), undefined);
  assert.equal(secondText(job().createdAtMs), "2026-01-02T03:04:05Z");
  assert.equal(secondText(undefined), "");
});

Deno.test("a result's JSON is parsed, its text is text, its bytes are base64", () => {
  const output = (view: JobView) => (jobJson(view).result as { output: unknown }).output;
  assert.deepEqual(output(finished('{"n":1}', "application/json")), { n: 1 });
  assert.equal(output(finished("{no json", "application/json")), "{no json");
  assert.equal(output(finished('{"n":1}', "text/plain")), '{"n":1}');
  assert.deepEqual(output(finished(Uint8Array.of(255, 254), "image/png")), { base64: "//4=" });
  assert.equal(output(finished("", "application/json")), null);
});

Deno.test("an id of 64 bits in a result is shown with every digit", () => {
  const ended = finished('{"id":12345678901234567890}', "application/json");
  assert.equal(resultText(ended), '{\n  "id": 12345678901234567890\n}\n');
  assert.match(JSON.stringify(jobJson(ended)), /"output":\{"id":12345678901234567890\}/);
});

Deno.test("a result that is nested without end is shown as the text it is", () => {
  const text = "[".repeat(400_000) + "]".repeat(400_000);
  const ended = finished(text, "application/json");
  assert.ok(JSON.stringify(jobJson(ended)).includes(text));
  assert.match(resultText(ended), /^\[\[\[/);
});

Deno.test("a payload that is JSON is shown as such, whatever its type takes", () => {
  const payload = new TextEncoder().encode('{"a":[1]}');
  assert.deepEqual(detailsJson(details({ job: job({ payload }) })).payload, { a: [1] });
});

Deno.test("a person sees why a job waits, what it logged, and each attempt of several", () => {
  const waits = detailsText(details({ waitingReasons: ["no worker offers it"] }), sheet);
  assert.match(waits, /^Waits +no worker offers it$/m);
  assert.doesNotMatch(waits, /ATTEMPT/);
  const attempt = {
    attempt: 1,
    workerId: "w1",
    assignedAtMs: 0,
    outcome: "failed",
    error: "first",
  };
  const again = detailsText(
    details({
      job: job({ status: "running", attempt: 2, assignedTo: "w2" }),
      attempts: [attempt, { ...attempt, attempt: 2, workerId: "w2", outcome: "", error: "" }],
      progress: 0.426,
      progressMessage: "half",
      logTail: ["a line"],
    }),
    sheet,
  );
  assert.match(again, /^Progress +42% half$/m);
  assert.match(again, /^1 +w1 +failed .* first$/m);
  assert.match(again, /^2 +w2 +runs /m);
  assert.match(again, /^ {2}a line$/m);
});

Deno.test("all that a job requires of a worker is in one line, by whatever road it was said", () => {
  const asking = job({ requiredTags: { zone: "a" }, options: { require: ["!gpu"] } });
  assert.match(detailsText(details({ job: asking }), sheet), /^Requires +zone=a, !gpu$/m);
  assert.deepEqual(jobJson(asking).required_tags, { zone: "a" });
  assert.doesNotMatch(detailsText(details({}), sheet), /Requires/);
});

Deno.test("what others wrote cannot move the cursor or forge a line", () => {
  const evil = "x\u001b[2J\nJob  fake\u202e";
  const harmless = "x\\u001b[2J\\u000aJob  fake\\u202e";
  const shown = detailsText(
    details({
      job: job({ type: evil, errorMessage: evil, assignedTo: evil, labels: { a: evil } }),
      waitingReasons: [evil],
      logTail: [evil],
    }),
    sheet,
  );
  // deno-lint-ignore no-control-regex -- what must not be there
  assert.doesNotMatch(shown, /\u001b|\u202e/);
  assert.equal(shown.split(harmless).length - 1, 6);
  // deno-lint-ignore no-control-regex -- what must not be there
  assert.doesNotMatch(jobTable([job({ type: evil })], sheet), /\u001b/);
  // deno-lint-ignore no-control-regex -- what must not be there
  assert.doesNotMatch(resultText(finished(evil, "text/plain")), /\u001b/);
  assert.equal(progressText(0.5, evil), ` 50% ${harmless}`);
});

Deno.test("a result is shown pretty, a long one in part, bytes not at all", () => {
  assert.equal(resultText(finished('{"n":1}', "application/json")), '{\n  "n": 1\n}\n');
  assert.equal(resultText(finished("", "text/plain")), "The result is empty.\n");
  assert.equal(resultText(finished("a,b\r\n1,2\r\n", "text/csv")), "a,b\n1,2\n");
  const long = resultText(finished("x".repeat(5_000), "text/plain"));
  assert.match(long, /… 1000 characters more: conductor result j-1\n$/);
  assert.match(
    resultText(finished(Uint8Array.of(255), "image/png")),
    /1 bytes of image\/png: conductor result j-1 > FILE/,
  );
});

Deno.test("a dead letter is marked as one in the table", () => {
  const table = jobTable([job({ status: "failed", deadLetter: true, attempt: 4 })], sheet);
  assert.match(table, /^j-1 +t +failed \(dead letter\) +5 +4\/4 +2026-01-02T03:04:05Z$/m);
});
