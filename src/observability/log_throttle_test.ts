import assert from "node:assert/strict";
import { throttledWarning } from "./log_throttle.ts";
import { discardLogger } from "./mod.ts";

Deno.test("what comes too often is left out, and the next line says how often", () => {
  const lines: unknown[] = [];
  let nowMs = 0;
  const log = {
    ...discardLogger,
    warn: (message: string, fields = {}) => lines.push([message, fields]),
  };
  const warn = throttledWarning(log, { linesMax: 2, windowMs: 1_000, monotonicMs: () => nowMs });
  for (let each = 0; each < 5; each++) warn("no", { each });
  nowMs = 1_000;
  warn("no", { each: 5 });
  warn("no", { each: 6 });
  assert.deepEqual(lines, [
    ["no", { each: 0 }],
    ["no", { each: 1 }],
    ["no", { each: 5, left_out: 3 }],
    ["no", { each: 6 }],
  ]);
});
