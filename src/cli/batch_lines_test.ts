import assert from "node:assert/strict";
import { inCalls, readJobLines, textOfLines } from "./batch_lines.ts";
import { Misuse } from "./failure.ts";

const bounds = { jobsMax: 2, bytesMax: 1_000_000 };

function lines(...jobs: object[]): string {
  return jobs.map((job) => JSON.stringify(job)).join("\n");
}

Deno.test("a line says what the flags of a submission say", () => {
  const [job] = readJobLines(
    `\n${
      lines({
        ref: "a",
        type: "noop",
        payload: { n: 1 },
        priority: 3,
        timeout: "30s",
        labels: { team: "web", sum: "=" },
        depends_on: ["0199-id:failure"],
        permanent_errors: ["404"],
        cpu: 0.5,
      })
    }\n`,
    "nightly",
  );
  assert.equal(job?.line, 2);
  const { payload, ...rest } = job!.submission;
  assert.equal(new TextDecoder().decode(payload), '{"n":1}');
  assert.deepEqual(rest, {
    type: "noop",
    priority: 3,
    timeoutMs: 30_000,
    labels: { team: "web", sum: "=" },
    ref: "a",
    options: {
      nonRetryableErrors: ["404"],
      dependsOn: [{ jobId: "0199-id", on: "failure" }],
      batchId: "nightly",
      cpuMillis: 500,
    },
  });
});

Deno.test("a line's payload and labels keep every digit of their numbers", () => {
  const payload = '{"id":12345678901234567890,"pi":3.14159265358979323846}';
  const [job] = readJobLines(
    `{"type":"noop","payload":${payload},"labels":{"user":12345678901234567890}}`,
    "nightly",
  );
  assert.equal(new TextDecoder().decode(job!.submission.payload), payload);
  assert.deepEqual(job!.submission.labels, { user: "12345678901234567890" });
  assert.throws(() => readJobLines("12345678901234567890", "nightly"), /no JSON object/);
});

Deno.test("a line that names no priority has the one that `conductor submit` gives", () => {
  const jobs = readJobLines(lines({ type: "noop" }, { type: "noop", priority: 0 }), "b");
  assert.deepEqual(jobs.map(({ submission }) => submission.priority), [5, 0]);
});

Deno.test("every line with a fault is named, with what would be right", () => {
  const text = [
    "{",
    '["noop"]',
    lines({ type: "noop", tiemout: "1s" }),
    lines({ type: "noop", timeout: 5, max_retries: "many" }),
    lines({ payload: "x" }),
    lines({ type: "noop", labels: "a=b" }),
    lines({ type: "noop", labels: { "a=b": "c" } }),
  ].join("\n");
  assert.throws(() => readJobLines(text, "b"), (failure) => {
    assert.ok(failure instanceof Misuse);
    const told = failure.message.split("\n");
    assert.match(told[0]!, /^line 1: it is not JSON/);
    assert.match(told[1]!, /line 2: it is no JSON object/);
    assert.match(told[2]!, /line 3: "tiemout" is not known; there are .*timeout/);
    assert.match(told[3]!, /line 4: .*timeout is "5".*max_retries is "many"|line 4: .*max_retries/);
    assert.match(told[4]!, /line 5: type is missing/);
    assert.match(told[5]!, /line 6: labels/);
    assert.match(told[6]!, /line 7: labels has "a=b"; a name is not empty and has no =/);
    return true;
  });
  assert.throws(() => readJobLines("\n\n", "b"), /there are no jobs/);
});

Deno.test("a field that would do nothing beside another one, or without it, is refused as its flag is", () => {
  const text = lines(
    { type: "noop", delay: "1h", run_at: "2026-12-24T18:00" },
    { type: "noop", when_dependency_fails: "wait" },
  );
  assert.throws(() => readJobLines(text, "b"), {
    name: "Misuse",
    message:
      'line 1: run_at is "2026-12-24T18:00"; but delay says already when it may start; give ' +
      'one of them\nconductor: line 2: when_dependency_fails is "wait"; but it depends on no job; ' +
      "name one by depends_on, or leave it out",
  });
  const uniform = lines({ type: "noop", depends_on: [], when_dependency_fails: "wait" });
  assert.equal(readJobLines(uniform, "b").length, 1);
});

Deno.test("calls bring parents with or before their children, whatever the order of the lines", () => {
  const jobs = readJobLines(
    lines(
      { ref: "c", type: "noop", depends_on: ["b:completion", "elsewhere"] },
      { type: "noop" },
      { ref: "b", type: "noop", depends_on: "a" },
      { ref: "a", type: "noop" },
    ),
    "b",
  );
  const calls = inCalls(jobs, bounds);
  assert.deepEqual(calls.map((call) => call.map(({ line }) => line)), [[4, 3], [1, 2]]);
  assert.deepEqual(calls[1]![0]!.submission.options?.dependsOn, [
    { ref: "b", on: "completion" },
    { jobId: "elsewhere", on: "success" },
  ]);
});

Deno.test("calls are bounded in bytes, and jobs that wait for each other are refused", () => {
  const big = { type: "noop", payload: "x".repeat(400) };
  const calls = inCalls(readJobLines(lines(big, big, big), "b"), { jobsMax: 10, bytesMax: 1_500 });
  assert.deepEqual(calls.map(({ length }) => length), [2, 1]);
  const ring = lines({ ref: "a", type: "noop", depends_on: "b" }, {
    ref: "b",
    type: "noop",
    depends_on: "a",
  });
  assert.throws(() => inCalls(readJobLines(ring, "b"), bounds), /a → b → a/);
});

Deno.test("a file of jobs may begin with a mark, and a line that is not UTF-8 is named", () => {
  const bytes = (...parts: (string | number[])[]) =>
    new Uint8Array(
      parts.flatMap((each) =>
        typeof each === "string" ? [...new TextEncoder().encode(each)] : each
      ),
    );
  assert.equal(textOfLines(bytes([0xef, 0xbb, 0xbf], '{"type":"ü"}\n')), '{"type":"ü"}\n');
  assert.throws(
    () => textOfLines(bytes('{"type":"ü"}\n\n{"type":"', [0xff], '"}\n')),
    new Misuse("line 3: it is not UTF-8"),
  );
});
