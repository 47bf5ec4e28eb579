import assert from "node:assert/strict";
import { cronFault, matchesBefore, nextMatch, timeZoneFault } from "./cron.ts";

/** The times after a day's beginning in UTC, as UTC, without the zeros. */
function times(expression: string, timeZone: string, from: string, count: number): string[] {
  const found: string[] = [];
  let atMs = Date.parse(from);
  while (found.length < count) {
    const next = nextMatch(expression, timeZone, atMs);
    if (next === undefined) break;
    atMs = next;
    found.push(new Date(next).toISOString().replace(/(:00)?\.000Z$/, ""));
  }
  return found;
}

Deno.test("five fields are minutes and more, six begin with seconds", () => {
  assert.deepEqual(times("*/20 9 * * MON-FRI", "UTC", "2026-03-06T09:30:00Z", 2), [
    "2026-03-06T09:40",
    "2026-03-09T09:00",
  ]);
  assert.deepEqual(times("*/20 0 9 * * *", "UTC", "2026-03-06T09:00:30Z", 2), [
    "2026-03-06T09:00:40",
    "2026-03-07T09:00",
  ]);
  assert.deepEqual(times("@daily", "Europe/Berlin", "2026-07-01T00:00:00Z", 1), [
    "2026-07-01T22:00",
  ]);
});

Deno.test("a time is that of the zone's clocks, in summer and in winter", () => {
  assert.deepEqual(times("0 9 1 1,7 *", "Europe/Berlin", "2026-01-01T00:00:00Z", 2), [
    "2026-01-01T08:00",
    "2026-07-01T07:00",
  ]);
  assert.deepEqual(times("0 9 1 1,7 *", "America/New_York", "2026-01-01T00:00:00Z", 2), [
    "2026-01-01T14:00",
    "2026-07-01T13:00",
  ]);
});

Deno.test("a daily time that the clocks skip in spring comes once, right after the gap", () => {
  // In Berlin 02:00 is followed by 03:00 (01:00 UTC) on 29 March 2026, in New York on 8 March.
  assert.deepEqual(times("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3), [
    "2026-03-28T01:30",
    "2026-03-29T01:00",
    "2026-03-30T00:30",
  ]);
  assert.deepEqual(times("30 2 * * *", "America/New_York", "2026-03-07T00:00:00Z", 3), [
    "2026-03-07T07:30",
    "2026-03-08T07:00",
    "2026-03-09T06:30",
  ]);
  // Of a list, all that is skipped is made up for by one.
  assert.deepEqual(times("0,20,40 2 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", 2), [
    "2026-03-29T01:00",
    "2026-03-30T00:00",
  ]);
});

Deno.test("a daily time within the hour that comes twice in autumn comes once, its first time", () => {
  // In Berlin 03:00 summer time is 02:00 again on 25 October 2026, in New York on 1 November.
  assert.deepEqual(times("30 2 * * *", "Europe/Berlin", "2026-10-24T00:00:00Z", 3), [
    "2026-10-24T00:30",
    "2026-10-25T00:30",
    "2026-10-26T01:30",
  ]);
  assert.deepEqual(times("30 1 * * *", "America/New_York", "2026-10-31T00:00:00Z", 3), [
    "2026-10-31T05:30",
    "2026-11-01T05:30",
    "2026-11-02T06:30",
  ]);
  assert.deepEqual(times("0 2,14 * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", 3), [
    "2026-10-25T13:00",
    "2026-10-26T01:00",
    "2026-10-26T13:00",
  ]);
});

Deno.test("a period in hours or minutes goes on evenly through both changes of the clocks", () => {
  assert.deepEqual(times("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", 4), [
    "2026-03-29T00:30",
    "2026-03-29T01:00",
    "2026-03-29T01:30",
    "2026-03-29T02:00",
  ]);
  assert.deepEqual(times("0 * * * *", "America/New_York", "2026-11-01T03:30:00Z", 5), [
    "2026-11-01T04:00",
    "2026-11-01T05:00",
    "2026-11-01T06:00",
    "2026-11-01T07:00",
    "2026-11-01T08:00",
  ]);
  // A step in a range is a period too, and a range without one is a list of fixed times.
  const autumn = ["Europe/Berlin", "2026-10-24T23:30:00Z", 3] as const;
  assert.deepEqual(times("0 0-4/2 * * *", ...autumn), [
    "2026-10-25T00:00",
    "2026-10-25T01:00",
    "2026-10-25T03:00",
  ]);
  assert.deepEqual(times("0 0-4 * * *", ...autumn), [
    "2026-10-25T00:00",
    "2026-10-25T02:00",
    "2026-10-25T03:00",
  ]);
});

Deno.test("going back finds what going forward finds, around changes of the clocks too", () => {
  const expressions = ["*/15 * * * *", "30 2 * * *", "0 */2 * * *", "0,30 1-3 * * *"];
  const zones = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"];
  const changes = ["2026-03-08", "2026-03-29", "2026-10-25", "2026-11-01", "2026-04-04"];
  for (const expression of expressions) {
    for (const zone of zones) {
      for (const change of changes) {
        const untilMs = Date.parse(`${change}T20:00:00Z`);
        const forward: number[] = [];
        let at = nextMatch(expression, zone, untilMs - 2 * 86_400_000);
        for (; at !== undefined && at < untilMs; at = nextMatch(expression, zone, at)) {
          forward.push(at);
        }
        const count = Math.min(30, forward.length);
        const what = `${expression} in ${zone} before ${change}`;
        assert.deepEqual(
          matchesBefore(expression, zone, untilMs, count),
          forward.slice(-count),
          what,
        );
      }
    }
  }
});

Deno.test("an expression that cannot be is explained by the field that is wrong", () => {
  const cases: [string, RegExp][] = [
    ["61 * * * *", /the minute is "61"; it may be 0-59/],
    ["0 61 * * * *", /the minute is "61"/],
    ["75 0 * * * *", /the second is "75"/],
    ["0 24 * * *", /the hour is "24"; it may be 0-23/],
    ["0 0 32 * *", /the day of the month is "32"/],
    ["0 0 * FOO *", /the month is "FOO"; it may be 1-12 or JAN-DEC/],
    ["0 0 * * 8", /the day of the week is "8"/],
    ["*/0 * * * *", /the minute is "\*\/0"/],
    ["5/15 * * * *", /the minute is "5\/15"; .* or step, such as 5-59\/15$/],
    ["0 0 1/7 * *", /the day of the month is "1\/7"; .* or step, such as 1-31\/7$/],
    ["0 0 * * 5#6", /; it may be 0-7 .*5#2 for the second Friday, 5L for the last/],
    ["? * * * *", /the minute is "\?"/],
    ["99 25 * * *", /the minute is "99".*the hour is "25"/],
    ["* * * *", /has 4 fields; it needs five/],
    ["0 0 1 1 * * 2030", /has 7 fields/],
    ["", /has 0 fields/],
    ["@reboot", /there is no "@reboot"; there are @yearly/],
  ];
  for (const [expression, fault] of cases) assert.match(cronFault(expression) ?? "", fault);
  for (
    const right of ["*/5 * * * *", "0 0 L * *", "0 0 * * FRI#2", " 0  9 * JAN-MAR 1-5 ", "@daily"]
  ) {
    assert.equal(cronFault(right), undefined, right);
  }
});

Deno.test("a time zone that is none is named", () => {
  assert.equal(timeZoneFault("Europe/Berlin"), undefined);
  assert.match(timeZoneFault("Mars/Olympus") ?? "", /no time zone "Mars\/Olympus"/);
  assert.match(timeZoneFault("") ?? "", /no time zone ""/);
});
