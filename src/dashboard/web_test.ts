/** The parts of the page that compute; what is seen and pressed is tried in `tests/browser/`. */

import assert from "node:assert/strict";
import {
  bytesText,
  counted,
  durationText,
  momentText,
  partText,
  relativeText,
  shortId,
} from "./web/format.js";
import { layOut } from "./web/graph_layout.js";
import { linesOf, topOf } from "./web/parts/chart_scale.js";
import { connectionOf, silentOf, standingOf } from "./web/live.js";
import { asJobFilter, asQuery, filterOf } from "./web/parts/filters.js";
import { exactNumber, isDeeperThan, parseExactly } from "./web/parts/exact_json.js";
import { unsealed } from "./web/parts/sealed.js";
import { csvRows, textOf } from "./web/parts/value_table.js";
import { timingText } from "./web/timing.js";

Deno.test("lengths of time are told in two units at most", () => {
  const cases = [
    [0, "0 ms"],
    [0.25, "0.25 ms"],
    [850, "850 ms"],
    [12_400, "12.4 s"],
    [200_000, "3 min 20 s"],
    [3_600_000, "1 h"],
    [187_200_000, "2 d 4 h"],
  ] as const;
  for (const [ms, text] of cases) assert.equal(durationText(ms), text);
});

Deno.test("times are told from now, and with the day unless it is today", () => {
  const now = Date.parse("2026-11-26T12:00:00");
  assert.equal(relativeText(now - 12_500, now), "12 s ago");
  assert.equal(relativeText(now + 185_000, now), "in 3 min");
  assert.equal(relativeText(now, now), "now");
  assert.equal(momentText(now - 3_600_000, now), "11:00:00");
  assert.equal(momentText(now - 86_400_000, now), "25 Nov 12:00:00");
});

Deno.test("sizes, counts and ids are short", () => {
  assert.equal(bytesText(999), "999 B");
  assert.equal(bytesText(1_572_864), "1.5 MiB");
  assert.equal(counted(1, "job"), "1 job");
  assert.equal(counted(12_345, "job"), "12,345 jobs");
  assert.equal(shortId("01a21482-6c70-72fc-ad4d-d0d22408ab20"), "…d0d22408ab20");
  assert.equal(shortId("a"), "a");
  assert.deepEqual([partText(1_000, 1_234), partText(7, 7)], [
    "the first 1,000 of 1,234 by name",
    "",
  ]);
});

Deno.test("a schedule's timing is told in words", () => {
  assert.equal(timingText({ cron: "0 6 * * *", time_zone: "" }), "0 6 * * * (UTC)");
  assert.equal(timingText({ every_ms: 90_000, time_zone: "" }), "every 1 min 30 s");
  assert.equal(timingText({ at: "2026-11-26T12:00:00Z", time_zone: "" }), "once");
});

Deno.test("a chart's scale ends at a round number, at or above all values", () => {
  const top = (...values: (number | null)[]) => topOf([{ values }]);
  assert.deepEqual([top(), top(0, null), top(1), top(17), top(21), top(99), top(0.3)], [
    1,
    1,
    1,
    20,
    50,
    100,
    0.5,
  ]);
});

Deno.test("a chart's line has a gap where a value is missing", () => {
  const lines = linesOf([0, 10, null, 5, 5], 10);
  assert.deepEqual(lines.map(({ d }) => d), ["M0 140h.1L150 0", "M450 70h.1L600 70"]);
  assert.deepEqual(lines.map(({ from, to }) => [from, to]), [[0, 150], [450, 600]]);
});

Deno.test("a job stands right of all that it waits for", () => {
  const jobs = [
    { id: "d", parents: ["b", "c"] },
    { id: "a", parents: [] },
    { id: "b", parents: ["a"] },
    { id: "c", parents: ["a", "gone"] },
    { id: "e", parents: ["d", "a"] },
  ];
  const { places, columns, rows } = layOut(jobs);
  assert.deepEqual([columns, rows], [4, 2]);
  for (const { id, parents } of jobs) {
    for (const parent of parents.filter((each) => places.has(each))) {
      assert.ok(places.get(parent)!.column < places.get(id)!.column, `${parent} before ${id}`);
    }
  }
  const spots = [...places.values()].map(({ column, row }) => `${column}/${row}`);
  assert.equal(new Set(spots).size, jobs.length, "no two at one place");
});

Deno.test("a graph's columns are in an order without needless crossings", () => {
  const { places } = layOut([
    { id: "a", parents: [] },
    { id: "b", parents: [] },
    { id: "of b", parents: ["b"] },
    { id: "of a", parents: ["a"] },
  ]);
  assert.ok(
    (places.get("a")!.row < places.get("b")!.row) ===
      (places.get("of a")!.row < places.get("of b")!.row),
  );
});

Deno.test("CSV is read with quotes, empty fields and line ends of any kind", () => {
  assert.deepEqual(csvRows('a,b,c\r\n1,"x, ""y""\nz",\n,,3'), [
    ["a", "b", "c"],
    ["1", 'x, "y"\nz', ""],
    ["", "", "3"],
  ]);
  assert.deepEqual(csvRows(""), []);
  assert.equal(csvRows("1\n".repeat(1_000), 10).length, 10);
});

Deno.test("an address's filter becomes parameters of a list, and a filter of a call", () => {
  const filter = filterOf(new URLSearchParams("type=noop&labels=team%3Da%3Db&status=&other=1"));
  assert.deepEqual(filter, { type: "noop", labels: "team=a=b" });
  assert.deepEqual(asJobFilter(filter), { type: "noop", labels: { team: "a=b" } });
  assert.deepEqual(asJobFilter({ unfinished: "true" }), { unfinished: true });
  const from = new Date(2026, 10, 26, 12).toISOString();
  assert.deepEqual(asQuery({ created_from: "2026-11-26T12:00" }), { created_from: from });
});

Deno.test("a filter that cannot be read never lets more jobs through than it would if it could", () => {
  assert.throws(
    () => asJobFilter({ type: "noop", labels: "team" }),
    /"team"; it must be name=value/,
  );
  assert.throws(() => asJobFilter({ labels: "=maps" }), /it must be name=value/);
  assert.deepEqual(asJobFilter({ labels: "team=" }), { labels: { team: "" } });
  // The API says what it is not.
  assert.deepEqual(asQuery({ created_from: "nonsense" }), { created_from: "nonsense" });
  assert.deepEqual(filterOf(new URLSearchParams("unfinished=false&type=noop")), { type: "noop" });
});

Deno.test("encrypted parts of a text are named, not shown", () => {
  assert.equal(
    unsealed("failed: conductor-sealed:iUNEUEVOQwE_x-1 (twice)"),
    "failed: [encrypted] (twice)",
  );
});

Deno.test("what a master without a leader shows is not called live", () => {
  const told = (state: "open" | "lost", leader_id?: string) => {
    const cluster = leader_id === undefined ? undefined : { leader_id };
    return connectionOf({ state, cluster } as Parameters<typeof connectionOf>[0]).text;
  };
  assert.deepEqual(
    [told("open"), told("open", "m1"), told("open", ""), told("lost", "")],
    ["Live", "Live", "No leader", "Connection lost"],
  );
});

Deno.test("of members that nobody has told of, none is said to be silent", () => {
  const members = [
    { node_id: "m1", answers: true },
    { node_id: "m2", answers: false },
    { node_id: "m3" },
  ];
  assert.deepEqual(silentOf(members), ["m2"]);
});

Deno.test("numbers of JSON are shown with every digit, at any level", () => {
  const value = parseExactly('{"id":12345678901234567890,"in":[9007199254740993,0.1]}') as {
    id: unknown;
    in: unknown;
  };
  assert.equal(exactNumber(value.id), "12345678901234567890");
  assert.deepEqual([textOf(value.id), textOf(value.in), textOf(0.1 + 0.2)], [
    "12345678901234567890",
    "[9007199254740993,0.1]",
    "0.3",
  ]);
  assert.equal(exactNumber({ rawJSON: "1" }), undefined);
});

Deno.test("a cluster that nobody leads is called so, and one that lacks somebody degraded", () => {
  const members = (answers: boolean) => [{ node_id: "m1", answers }];
  const told = (leader_id: string, answers: boolean, active: number, seesAll = true) => {
    const cluster = { leader_id, members: members(answers), workers: { active } };
    const { word, troubles } = standingOf(cluster, seesAll);
    return [word, ...troubles];
  };
  assert.deepEqual(told("m1", true, 1), ["healthy"]);
  assert.deepEqual(told("", true, 1), ["leaderless", "nobody leads: no job can be taken"]);
  assert.deepEqual(told("m1", false, 1), ["degraded", "m1 does not answer"]);
  assert.deepEqual(told("m1", true, 0), ["degraded", "no worker is connected: nothing runs"]);
  assert.deepEqual(told("m1", true, 0, false), ["healthy"]);
});

Deno.test("JSON that is nested without end is known before it is parsed", () => {
  assert.equal(isDeeperThan(2, '[{"[[[\\"{{{": 1}, {}]'), false);
  assert.equal(isDeeperThan(2, '[{"a": []}]'), true);
  assert.equal(isDeeperThan(200, "[".repeat(1_000_000)), true);
  assert.equal(isDeeperThan(2, `["${"\\\\".repeat(500_000)}"]`), false);
});
