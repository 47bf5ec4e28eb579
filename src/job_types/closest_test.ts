import assert from "node:assert/strict";
import { closestTo } from "./closest.ts";

Deno.test("one slip in a short word, or two in a long one, still finds it", () => {
  const known = ["url", "selectors", "timeout_ms", "max_bytes"];
  const cases: Readonly<Record<string, string | undefined>> = {
    urll: "url",
    ulr: "url",
    selector: "selectors",
    slectros: "selectors",
    timeoutMs: "timeout_ms",
    "Timeout-MS": "timeout_ms",
    max_byte: "max_bytes",
    a: undefined,
    uniform: undefined,
    "": undefined,
  };
  for (const [written, meant] of Object.entries(cases)) {
    assert.equal(closestTo(written, known), meant, written);
  }
});

Deno.test("the nearest wins, and of equals the first", () => {
  assert.equal(closestTo("jobs", ["job", "jobs2", "jobs"]), "jobs");
  assert.equal(closestTo("jobx", ["joba", "jobb"]), "joba");
  assert.equal(closestTo("anything", []), undefined);
});
