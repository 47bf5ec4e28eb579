import assert from "node:assert/strict";
import { Refusal } from "../rpc/mod.ts";
import { LiveLine } from "./live_line.ts";
import { Silence } from "./silence.ts";
import { recording } from "./terminal_test_support.ts";
import { lateText } from "./waiting.ts";

const GONE = new Refusal("unavailable", "no master could be reached");

Deno.test("masters that are silent are told of once, and once more when they answer", () => {
  const terminal = recording();
  const silence = new Silence(new LiveLine(terminal.err), {
    what: "job j",
    timeoutMs: undefined,
    isKnown: () => true,
  });
  silence.heard();
  assert.equal(terminal.written.err, "");
  assert.ok(silence.outlasts(GONE));
  assert.ok(silence.outlasts(GONE));
  assert.ok(silence.lasts);
  silence.heard();
  silence.heard();
  assert.deepEqual(terminal.written.err.trimEnd().split("\n"), [
    "conductor: no master could be reached; waiting for job j goes on until one does, or Ctrl-C is pressed",
    "conductor: a master answers again",
  ]);
});

Deno.test("of a silence that lasts it is told again, ever more seldom", () => {
  const terminal = recording();
  let nowMs = 0;
  const silence = new Silence(new LiveLine(terminal.err), {
    what: "job j",
    timeoutMs: undefined,
    isKnown: () => true,
    nowMs: () => nowMs,
  });
  const MINUTES = 200;
  for (; nowMs <= MINUTES * 60_000; nowMs += 30_000) silence.outlasts(GONE);
  const [first, ...again] = terminal.written.err.trimEnd().split("\n");
  assert.match(first ?? "", /^conductor: no master could be reached; waiting/);
  assert.deepEqual(
    again,
    ["1m", "2m", "4m", "8m", "16m", "32m", "1h4m", "2h4m", "3h4m"].map((lasts) =>
      `conductor: no master has answered for ${lasts}; waiting for job j goes on`
    ),
  );
  silence.heard();
  silence.outlasts(GONE);
  assert.match(terminal.written.err, /a master answers again\n.*could be reached; waiting.*\n$/);
});

Deno.test("what no master ever told of is not waited for without one", () => {
  const terminal = recording();
  const waited = { what: "job j", timeoutMs: 1_000, isKnown: () => false };
  assert.ok(!new Silence(new LiveLine(terminal.err), waited).outlasts(GONE));
  assert.equal(terminal.written.err, "");
});

Deno.test("where no master answers, what was last known of a job is not told as what is", () => {
  const job = { status: "running", assignedTo: "w1" } as Parameters<typeof lateText>[1];
  assert.match(lateText("j", job, true), /^job j was running on w1 when a master last told of it/);
  assert.match(lateText("j", job), /^job j is still running on w1; it goes on/);
});
