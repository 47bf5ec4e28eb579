import assert from "node:assert/strict";
import fc from "fast-check";
import {
  bytes,
  duration,
  formatBytes,
  formatDuration,
  parseBytes,
  parseDuration,
} from "./quantities.ts";

Deno.test("a duration is read as Go writes it, exactly", () => {
  const rows: [string, number][] = [
    ["500ms", 500],
    ["1s", 1_000],
    ["1m30s", 90_000],
    ["1h0m0s", 3_600_000],
    ["168h", 604_800_000],
    ["7d", 604_800_000],
    ["1.5s", 1_500],
    ["0.29s", 290],
    ["1000us", 1],
    ["1000000ns", 1],
    ["2000µs", 2],
    ["0", 0],
    ["0s", 0],
    [" 5s ", 5_000],
  ];
  for (const [written, ms] of rows) {
    assert.deepEqual(parseDuration(written), { value: ms }, written);
  }
});

Deno.test("a duration without a unit is asked for one, since Go meant ns and people mean s", () => {
  assert.deepEqual(parseDuration("500"), { problem: "has no unit (500ms? 500s?)" });
  assert.deepEqual(parseDuration(500), { problem: "has no unit (500ms? 500s?)" });
});

Deno.test("what is not a duration is refused", () => {
  const rows: [string, RegExp][] = [
    ["", /not a duration/],
    ["soon", /not a duration/],
    ["5 s", /not a duration/],
    ["5S", /not a duration/],
    ["1w", /not a duration/],
    ["s", /not a duration/],
    ["1.s", /not a duration/],
    ["-5s", /negative/],
    ["100us", /finer than a millisecond/],
    ["0.0001s", /finer than a millisecond/],
    ["1ns", /finer than a millisecond/],
  ];
  for (const [written, problem] of rows) {
    const parsed = parseDuration(written);
    assert.ok("problem" in parsed, written);
    assert.match(parsed.problem, problem, written);
  }
  assert.ok("problem" in parseDuration(["5s"]));
});

Deno.test("a size is binary with an i, decimal without, and bytes alone", () => {
  const rows: [string | number, number][] = [
    ["4MiB", 4_194_304],
    ["4Mi", 4_194_304],
    ["4 MiB", 4_194_304],
    ["4mib", 4_194_304],
    ["4MB", 4_000_000],
    ["1kB", 1_000],
    ["1KiB", 1_024],
    ["1.5KiB", 1_536],
    ["10GiB", 10_737_418_240],
    ["1TiB", 1_099_511_627_776],
    ["12B", 12],
    ["4194304", 4_194_304],
    [4_194_304, 4_194_304],
  ];
  for (const [written, size] of rows) {
    assert.deepEqual(parseBytes(written), { value: size }, String(written));
  }
});

Deno.test("what is not a size is refused", () => {
  const rows: [string, RegExp][] = [
    ["", /not a size/],
    ["big", /not a size/],
    ["-1", /negative/],
    ["4M", /unit "M"/],
    ["4XB", /unit "XB"/],
    ["1.5", /whole number of bytes/],
    ["0.3KiB", /whole number of bytes/],
  ];
  for (const [written, problem] of rows) {
    const parsed = parseBytes(written);
    assert.ok("problem" in parsed, written);
    assert.match(parsed.problem, problem, written);
  }
});

Deno.test("every duration and size is read back from the form in which it is written", () => {
  fc.assert(fc.property(fc.maxSafeNat(), (value) => {
    assert.deepEqual(parseDuration(formatDuration(value)), { value });
    assert.deepEqual(parseBytes(formatBytes(value)), { value });
  }));
  fc.assert(fc.property(fc.nat(1_000), fc.constantFrom(10, 20, 30, 40), (count, power) => {
    const value = count * 2 ** power;
    assert.deepEqual(parseBytes(formatBytes(value)), { value });
  }));
});

Deno.test("durations and sizes are written in their usual form", () => {
  assert.equal(formatDuration(90_000), "1m30s");
  assert.equal(formatDuration(604_800_000), "168h");
  assert.equal(formatDuration(1_500), "1s500ms");
  assert.equal(formatDuration(0), "0s");
  assert.equal(formatBytes(4_194_304), "4MiB");
  assert.equal(formatBytes(4_194_305), "4194305");
  assert.equal(formatBytes(0), "0");
});

Deno.test("bounds are both included, and a refusal writes them as people do", () => {
  const kind = duration({ min: "10ms", max: "1m" });
  assert.deepEqual(kind.parse("10ms"), { value: 10 });
  assert.deepEqual(kind.parse("1m"), { value: 60_000 });
  assert.deepEqual(kind.parse("9ms"), { problem: "is less than 10ms" });
  assert.deepEqual(kind.parse("61s"), { problem: "is more than 1m" });
  assert.deepEqual(bytes({ min: "1KiB", max: "1MiB" }).parse("2MiB"), {
    problem: "is more than 1MiB",
  });
});
