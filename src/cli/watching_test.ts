import assert from "node:assert/strict";
import { Refusal } from "../rpc/mod.ts";
import type { Answer } from "./answer.ts";
import { Misuse } from "./failure.ts";
import { recording } from "./terminal_test_support.ts";
import { frame, tellOrWatch } from "./watching.ts";

function answerOf(...ids: string[]): Answer {
  return {
    json: { jobs: ids.map((id) => ({ id })) },
    list: "jobs",
    text: () => ids.map((id) => `job ${id}\n`).join(""),
  };
}

/** Watches until all answers were given; one that is an error is thrown. */
async function watched(
  answers: readonly (Answer | Error)[],
  flags: Record<string, unknown>,
  options: Parameters<typeof recording>[0] = {},
) {
  const terminal = recording(options);
  const end = new AbortController();
  let next = 0;
  await tellOrWatch({ watch: "100ms", ...flags }, terminal, () => {
    const answer = answers[next++]!;
    if (next === answers.length) queueMicrotask(() => end.abort());
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  }, end.signal);
  return terminal.written;
}

Deno.test("without --watch it is said once", async () => {
  const terminal = recording();
  await tellOrWatch({}, terminal, () => Promise.resolve(answerOf("a")));
  assert.equal(terminal.written.out, "job a\n");
});

Deno.test("on a pipe a table is printed again when it has changed", async () => {
  const { out } = await watched([answerOf("a"), answerOf("a"), answerOf("a", "b")], {});
  assert.equal(out, "job a\n\njob a\njob b\n");
});

Deno.test("jsonl prints each element when it comes or changes", async () => {
  const { out } = await watched(
    [answerOf("a"), answerOf("a", "b"), answerOf("b"), answerOf("a", "b")],
    { output: "jsonl" },
  );
  assert.deepEqual(out.trim().split("\n").map((line) => JSON.parse(line).id), ["a", "b", "a"]);
});

Deno.test("on a terminal each table is drawn over the one before", async () => {
  const { out } = await watched([answerOf("a"), answerOf("b")], {}, { isTerminal: true });
  const frames = out.split("\u001b[H");
  assert.equal(frames.length, 3);
  assert.match(frames[1]!, /^\d\d:\d\d:\d\d {2}Ctrl-C ends/);
  assert.ok(frames[1]!.endsWith("\njob a\u001b[K\n\u001b[J"), out);
  assert.ok(frames[2]!.endsWith("\njob b\u001b[K\n\u001b[J"), out);
});

Deno.test("a cluster that is away for a while is waited for; anything else ends the watching", async () => {
  const away = new Refusal("unavailable", "no leader");
  const { out, err } = await watched([answerOf("a"), away, answerOf("b")], {});
  assert.deepEqual([out, err], ["job a\n\njob b\n", "conductor: no leader\n"]);
  await assert.rejects(watched([away, answerOf("a")], {}), away);
  const denied = new Refusal("permission_denied", "no");
  await assert.rejects(watched([answerOf("a"), denied, answerOf("a")], {}), denied);
});

Deno.test("an interval must be a duration that spares the cluster", async () => {
  for (const watch of ["often", "1ms"]) {
    await assert.rejects(watched([answerOf("a")], { watch }), Misuse);
  }
});

Deno.test("a frame is no higher than the terminal, and says what is missing", () => {
  const { style } = recording().out;
  const text = frame("1\n2\n3\n4\n5\n", { style, columns: 60, rows: 4 });
  assert.equal(
    text,
    "\u001b[H1\u001b[K\n2\u001b[K\n(3 lines more than the terminal has)\u001b[K\n\u001b[J",
  );
});

Deno.test("no line of a frame goes on in the next, and what there is more stands below", async () => {
  const { style } = recording().out;
  assert.equal(frame("12345\n", { style, columns: 4, rows: 9 }), "\u001b[H123…\u001b[K\n\u001b[J");
  const answer = { ...answerOf("a"), note: "1 of 9 jobs" };
  const { out } = await watched([answer, answer], {}, { isTerminal: true });
  assert.ok(out.endsWith("job a\u001b[K\n1 of 9 jobs\u001b[K\n\u001b[J"), out);
});
