import assert from "node:assert/strict";
import type { Entry, LogReader } from "../raft/mod.ts";
import { ENTRY_FORMATS } from "../storage/mod.ts";
import { agreedFormat, SettledFormat } from "./entry_format.ts";

Deno.test("a leader writes what the least of its members reads, and it itself", () => {
  const own = { oldest: 2, newest: 5 };
  const table: [readonly (number | undefined)[], number][] = [
    [[], 5],
    [[5, 5], 5],
    [[7, 6], 5],
    [[5, 3], 3],
    [[5, undefined], 2],
    [[5, 0], 2],
  ];
  for (const [announced, format] of table) {
    assert.equal(agreedFormat(announced, own), format, JSON.stringify(announced));
  }
});

Deno.test("a member that reads only what this program no longer writes gets the oldest it can", () => {
  assert.equal(agreedFormat([1], { oldest: 2, newest: 3 }), 2);
});

/** A log that begins behind index 5; a number is a command of that format. */
function log(...entries: readonly (number | "noop")[]): LogReader {
  const all = entries.map((each, position): Entry => ({
    index: 6 + position,
    term: 1,
    kind: each === "noop" ? "noop" : "command",
    data: each === "noop" ? new Uint8Array() : Uint8Array.of(each, 0),
  }));
  return {
    boundary: { index: 5, term: 1, membership: { voters: [], learners: [] } },
    lastIndex: 5 + all.length,
    term: () => 1,
    // As few as may be: the caller has to ask for the rest.
    entries: (from, through) => all.slice(from - 6, Math.min(through - 5, from - 6 + 3)),
  };
}

Deno.test("a format that was written once is not left because a member is silent", () => {
  const { oldest, newest } = ENTRY_FORMATS;
  const quiet = Array.from({ length: 40 }, () => "noop" as const);
  const table: [LogReader, number][] = [
    [log(), oldest],
    [log(...quiet), oldest],
    [log(oldest, ...quiet), oldest],
    [log(newest, ...quiet), newest],
    [log(oldest, oldest, newest), newest],
  ];
  for (const [held, format] of table) {
    assert.equal(new SettledFormat(held).settle(1, oldest), format, JSON.stringify(held));
  }
});

Deno.test("a format that all members agreed on holds until somebody else leads", () => {
  const { oldest, newest } = ENTRY_FORMATS;
  const settled = new SettledFormat(log(oldest));
  assert.equal(settled.settle(1, oldest), oldest);
  assert.equal(settled.settle(1, newest), newest);
  assert.equal(settled.settle(1, oldest), newest, "somebody came who has not said yet");
  assert.equal(settled.settle(2, oldest), oldest, "nothing was written in it");
});
