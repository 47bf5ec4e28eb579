import assert from "node:assert/strict";
import { recording } from "./terminal_test_support.ts";
import { within } from "./waiting.ts";

const untilEnd = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

Deno.test("who waits to write to somebody who has left waits no longer", async () => {
  let isAbandoned = false;
  const reader = { ...recording().out, isAbandoned: () => isAbandoned };
  const limits = { timeoutMs: undefined, late: () => "", reader };
  assert.equal(await within(limits, () => Promise.resolve("read")), "read");
  isAbandoned = true;
  await assert.rejects(within(limits, untilEnd), Deno.errors.BrokenPipe);
});
