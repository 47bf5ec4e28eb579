import assert from "node:assert/strict";
import { LogReader } from "./log_reader.ts";
import type { JobEventView } from "./master_api.ts";

function log(firstLine: number, ...lines: string[]): JobEventView {
  return { kind: "log", atMs: 0, lines, firstLine, attempt: 1 };
}

function ofAttempt(attempt: number, firstLine: number, ...lines: string[]): JobEventView {
  return { kind: "log", atMs: 0, lines, firstLine, attempt };
}

/** The lines that come through. */
function linesRead(reader: LogReader, ...events: JobEventView[]): string[] {
  return events.map((event) => reader.read(event))
    .flatMap((event) => event?.kind === "log" ? event.lines : []);
}

Deno.test("lines that the next master tells again are read once", () => {
  const reader = new LogReader(1);
  const lines = linesRead(
    reader,
    log(1, "a", "b"),
    log(1, "a", "b", "c"),
    log(4, "d"),
    log(4, "d"),
  );
  assert.deepEqual(lines, ["a", "b", "c", "d"]);
});

Deno.test("another attempt's lines have numbers of their own", () => {
  const reader = new LogReader(1);
  const lines = linesRead(reader, log(1, "a", "b"), ofAttempt(2, 1, "x"), ofAttempt(2, 2, "y"));
  assert.deepEqual(lines, ["a", "b", "x", "y"]);
});

Deno.test("who wants only what comes is told the kept lines no sooner than a line was read", () => {
  const reader = new LogReader(0);
  assert.equal(reader.wantsKept, false);
  assert.deepEqual(linesRead(reader, log(500, "new")), ["new"]);
  assert.equal(reader.wantsKept, true, "so that a lost master costs no line");
  assert.deepEqual(linesRead(reader, log(498, "498", "499", "new", "501")), ["501"]);
});

Deno.test("lines without numbers are passed on as they come", () => {
  const reader = new LogReader(1);
  assert.deepEqual(linesRead(reader, log(0, "a"), log(0, "a")), ["a", "a"]);
});
