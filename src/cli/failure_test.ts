import assert from "node:assert/strict";
import { ConfigError } from "../config/mod.ts";
import { TracingConfigError } from "../observability/mod.ts";
import { Refusal, type RefusalReason } from "../rpc/mod.ts";
import { EXIT, Interrupted, Misuse, NegativeAnswer, OutOfTime, reportFailure } from "./failure.ts";
import { recording } from "./terminal_test_support.ts";

function reported(failure: unknown): { code: number; said: string } {
  const terminal = recording();
  const code = reportFailure(failure, terminal);
  assert.equal(terminal.written.out, "", "stdout is for answers");
  return { code, said: terminal.written.err };
}

Deno.test("every failure has its exit code: 1 failed, 2 misused, 124 out of time, 130 and 143 interrupted", () => {
  const table: [unknown, number][] = [
    [new Misuse("m"), EXIT.misused],
    [new ConfigError("m", { faults: [] }), EXIT.misused],
    [new TracingConfigError("m"), EXIT.misused],
    [new NegativeAnswer("m"), EXIT.failed],
    [new Interrupted("m"), EXIT.interrupted],
    [new Interrupted("m", "SIGTERM"), EXIT.terminated],
    [new OutOfTime("m"), 124],
    [new Error("m"), EXIT.failed],
    [new Refusal("invalid", "m"), EXIT.misused],
    [new Refusal("too_large", "m"), EXIT.misused],
  ];
  for (const [failure, code] of table) {
    assert.deepEqual(reported(failure), { code, said: "conductor: m\n" }, String(failure));
  }
});

Deno.test("of what a master refuses, only a request that was wrong in itself is a misuse", () => {
  const reasons: RefusalReason[] = [
    "not_found",
    "already_exists",
    "failed_precondition",
    "conflict",
    "overloaded",
    "unauthenticated",
    "permission_denied",
    "unavailable",
    "not_leader",
    "outcome_unknown",
    "internal",
  ];
  for (const reason of reasons) {
    assert.equal(reported(new Refusal(reason, "m")).code, EXIT.failed, reason);
  }
});

Deno.test("a reader that went away is told nothing, and what is no Error is told as text", () => {
  assert.deepEqual(reported(new Deno.errors.BrokenPipe("Broken pipe (os error 32)")), {
    code: EXIT.failed,
    said: "",
  });
  assert.deepEqual(reported(new NegativeAnswer("")), { code: EXIT.failed, said: "" });
  assert.equal(reported("only text").said, "conductor: only text\n");
});

Deno.test("who is turned away for want of room is told when to come again, and nobody else is", () => {
  const full = (retryAfterMs: number) => new Refusal("overloaded", "full", { retryAfterMs });
  assert.equal(reported(full(1_200)).said, "conductor: full; try again in 2 s\n");
  assert.equal(reported(full(5)).said, "conductor: full; try again in 1 s\n");
  assert.equal(reported(new Refusal("overloaded", "full")).said, "conductor: full\n");
  const gone = new Refusal("unavailable", "gone", { retryAfterMs: 5 });
  assert.equal(reported(gone).said, "conductor: gone\n");
});
