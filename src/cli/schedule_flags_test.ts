import assert from "node:assert/strict";
import { FlagReader } from "./arguments.ts";
import type { Flags } from "./router.ts";
import { catchUpFrom, timingFrom } from "./schedule_flags.ts";

function timingOf(flags: Flags) {
  const reader = new FlagReader(flags);
  const timing = timingFrom(reader);
  reader.done();
  return timing;
}

const always = { startAtMs: 0, endAtMs: 0 };

Deno.test("each way to say when becomes its timing, by the clocks of the zone that is named", () => {
  const tz = "America/New_York";
  assert.deepEqual(timingOf({ cron: "0 3 * * *" }), {
    kind: "cron",
    ...always,
    expression: "0 3 * * *",
    timeZone: "UTC",
  });
  assert.deepEqual(
    timingOf({ cron: "0 3 * * *", tz, start: "2026-07-01", end: "2026-12-24T18:00" }),
    {
      kind: "cron",
      startAtMs: Date.parse("2026-07-01T04:00:00Z"),
      endAtMs: Date.parse("2026-12-24T23:00:00Z"),
      expression: "0 3 * * *",
      timeZone: tz,
    },
  );
  assert.deepEqual(timingOf({ every: "1m30s", anchor: "2026-07-01T00:00:00Z" }), {
    kind: "every",
    ...always,
    everyMs: 90_000,
    anchorMs: Date.parse("2026-07-01T00:00:00Z"),
  });
  assert.deepEqual(timingOf({ at: "2026-12-24T18:00", tz }), {
    kind: "at",
    ...always,
    atMs: Date.parse("2026-12-24T23:00:00Z"),
  });
  assert.deepEqual(timingOf({ every: "1h", anchor: "2026-07-01T00:00", tz }), {
    kind: "every",
    ...always,
    everyMs: 3_600_000,
    anchorMs: Date.parse("2026-07-01T04:00:00Z"),
  });
  assert.equal(timingOf({}), undefined);
});

Deno.test("what is wrong with a flag is said with the flag, its value and what would be right", () => {
  const cases: [Flags, RegExp[]][] = [
    [{ cron: "0 25 * * *" }, [/^--cron is "0 25 \* \* \*"; the hour is "25"; it may be 0-23/]],
    [{ cron: "* * *" }, [/--cron is "\* \* \*"; it has 3 fields; it needs five/]],
    [{ every: "30" }, [/--every is "30"; give a duration .*30s\?/]],
    [{ every: "5ms" }, [/--every is "5ms"; every is 5 ms; .* once a second at most/]],
    [{ at: "tomorrow" }, [/--at is "tomorrow"; give a time such as/]],
    [{ cron: "0 3 * * *", every: "5s" }, [/--every is "5s"; but --cron says already/]],
    [{ cron: "0 3 * * *", tz: "Mars", end: "x" }, [/--tz is "Mars"; .*Europe\/Berlin/, /--end/]],
    [{ at: "2027-01-01", anchor: "2026-01-01" }, [/--anchor is .*; but only --every counts from/]],
    [{ cron: "0 3 * * *", anchor: "2026-01-01" }, [/--anchor is "2026-01-01"; but only --every/]],
    [{ every: "24h", tz: "Europe/Berlin" }, [/--tz is "Europe\/Berlin"; but a period .* --cron/]],
    [{ every: "5s", start: "2027-01-01", end: "2026-01-01" }, [/end_at is before start_at/]],
  ];
  for (const [flags, messages] of cases) {
    assert.throws(() => timingOf(flags), (failure: Error) => {
      for (const message of messages) assert.match(failure.message, message);
      return failure.name === "Misuse";
    });
  }
});

Deno.test("how many runs are made up for is asked where all are, and refused elsewhere", () => {
  const catchUpOf = (flags: Flags) => {
    const reader = new FlagReader(flags);
    const catchUp = catchUpFrom(reader);
    reader.done();
    return catchUp;
  };
  assert.deepEqual(catchUpOf({ catchUp: "last" }), { catchUp: "last" });
  assert.deepEqual(catchUpOf({ catchUp: "all" }), { catchUp: "all" });
  assert.deepEqual(catchUpOf({ catchUp: "all", catchUpMax: "3" }), {
    catchUp: "all",
    catchUpMax: 3,
  });
  assert.throws(() => catchUpOf({ catchUp: "last", catchUpMax: "3" }), {
    name: "Misuse",
    message: '--catch-up-max is "3"; but the last alone is made up for; give --catch-up all, or ' +
      "leave it out",
  });
  assert.throws(() => catchUpOf({ catchUp: "none", catchUpMax: "3" }), /but none is made up for/);
});
