import assert from "node:assert/strict";
import { ExecutorNews } from "./executor_news.ts";
import type { FromExecutor } from "./executor_protocol.ts";

Deno.test("a job that never stops talking sends few messages, and what it said last", () => {
  const sent: FromExecutor[] = [];
  let nowMs = 0;
  const news = new ExecutorNews((message) => sent.push(message), () => nowMs);
  for (let line = 1; line <= 100_000; line++) {
    nowMs = line / 1_000;
    news.log(`line ${line}`);
    news.progress(line / 100_000, "");
  }
  news.flush();
  assert.ok(sent.length <= 8, `${sent.length} messages`);
  const logs = sent.filter((each) => each.kind === "log");
  const told = logs.reduce((sum, { lines, skipped }) => sum + lines.length + skipped, 0);
  assert.equal(told, 100_000);
  assert.equal(logs.at(-1)?.lines.at(-1), "line 100000");
  assert.deepEqual(sent.at(-1), { kind: "progress", fraction: 1, message: "" });
});

Deno.test("a job that says little is heard at once", () => {
  const sent: FromExecutor[] = [];
  const news = new ExecutorNews((message) => sent.push(message), () => 0);
  news.log("one");
  assert.deepEqual(sent, [{ kind: "log", lines: ["one"], skipped: 0 }]);
  news.flush();
  assert.equal(sent.length, 1);
});
