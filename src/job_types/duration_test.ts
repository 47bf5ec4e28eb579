import assert from "node:assert/strict";
import { parseDuration } from "./duration.ts";

Deno.test("durations are read as Go writes them, and numbers as ms", () => {
  const cases: readonly (readonly [string | number, number])[] = [
    ["500ms", 500],
    ["5s", 5_000],
    ["1m30s", 90_000],
    ["1h", 3_600_000],
    ["2d", 172_800_000],
    ["1.5s", 1_500],
    [".5s", 500],
    ["250us", 0.25],
    ["0", 0],
    [" 5s ", 5_000],
    [0, 0],
    [1500, 1500],
  ];
  for (const [written, ms] of cases) assert.equal(parseDuration(written), ms, String(written));
});

Deno.test("what is no duration is refused by its value, with the way to write one", () => {
  for (
    const written of ["", "5", "5 s", "s", "-1s", "1s-", "5x", "1e3s", "fast", -1, NaN, Infinity]
  ) {
    assert.throws(
      () => parseDuration(written),
      (error: Error) => error instanceof RangeError && /500ms, 5s or 1m30s/.test(error.message),
      String(written),
    );
  }
  assert.throws(() => parseDuration("5"), /5s, perhaps/);
});

Deno.test("a text as long as a payload is no duration, and is not repeated in the refusal", () => {
  // One more digit for each that is looked at: searched anew from each of them, it takes hours.
  const digits = "1".repeat(3_000_000);
  for (const written of [digits, `${digits}x`, `${" ".repeat(3_000_000)}x`, "1h".repeat(1_000)]) {
    assert.throws(
      () => parseDuration(written),
      (error: Error) => /…" is not a duration; /.test(error.message) && error.message.length < 300,
    );
  }
});
