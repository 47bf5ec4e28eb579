import assert from "node:assert/strict";
import { FlagReader } from "./arguments.ts";
import { reasonOf } from "./reason.ts";
import { Misuse } from "./failure.ts";

Deno.test("a whole number is taken as it is written, within its range and without ornaments", () => {
  const read = (text: string) => {
    const reader = new FlagReader({ limit: text });
    const value = reader.integer("limit", { min: -1, max: 10 });
    try {
      reader.done();
      return value;
    } catch (failure) {
      assert.ok(failure instanceof Misuse);
      return "refused";
    }
  };
  const table: [string, number | "refused"][] = [
    ["0", 0],
    ["10", 10],
    ["-1", -1],
    ["007", 7],
    ["11", "refused"],
    ["-2", "refused"],
    ["1.0", "refused"],
    ["1e1", "refused"],
    ["0x1", "refused"],
    [" 1", "refused"],
    ["", "refused"],
    ["99999999999999999999", "refused"],
  ];
  for (const [text, expected] of table) assert.equal(read(text), expected, JSON.stringify(text));
});

Deno.test("a time is one of the calendar, a date alone the midnight of this machine's clocks", () => {
  const read = (text: string) => new FlagReader({ runAt: text }).time("runAt");
  assert.equal(read("2026-12-24"), new Date(2026, 11, 24).getTime());
  assert.equal(read("2026-12-24T18:00"), new Date(2026, 11, 24, 18).getTime());
  assert.equal(read("2026-12-24T18:00:00.123456+01:00"), Date.UTC(2026, 11, 24, 17, 0, 0, 123));
  // Date.parse takes them for the 2nd of March and for a date with a comment.
  for (const text of ["2026-02-30T10:00", "2026-12-24 (x)"]) {
    const reader = new FlagReader({ runAt: text });
    assert.equal(reader.time("runAt"), undefined);
    assert.throws(() => reader.done(), /^Misuse: --run-at is .*; give a time such as 2026/);
  }
});

Deno.test("a flag that was not given is undefined, and no fault", () => {
  const reader = new FlagReader({});
  assert.equal(reader.integer("limit", { min: 1 }), undefined);
  assert.equal(reader.duration("timeout"), undefined);
  assert.equal(reader.pairs("label"), undefined);
  assert.equal(reader.text("cursor"), undefined);
  reader.done();
});

Deno.test("all faults of a command line are told in one error, by the names that were typed", () => {
  const reader = new FlagReader({
    maxRetries: "many",
    retryDelay: "5",
    label: ["=x", "a=1", "a=2"],
  });
  reader.required("type", "name one");
  reader.integer("maxRetries", { min: 0 });
  reader.duration("retryDelay");
  reader.pairs("label");
  assert.throws(() => reader.done(), {
    name: "Misuse",
    message: "--type is missing; name one; " +
      '--max-retries is "many"; give a whole number from 0; ' +
      '--retry-delay is "5"; give a duration such as 500ms, 30s or 1m30s (did you mean 5s?); ' +
      '--label is "=x"; give name=value; --label names "a" twice',
  });
});

Deno.test("a text that is empty, as of a variable that is not set, is a fault and not left out", () => {
  const reader = new FlagReader({ queue: "", permanentError: ["timeout", ""], payload: "" });
  assert.equal(reader.text("queue"), undefined);
  assert.equal(reader.text("queue"), undefined, "asked twice, told once");
  reader.texts("permanentError");
  assert.equal(reader.textOrEmpty("payload"), "");
  assert.throws(() => reader.done(), {
    name: "Misuse",
    message: "--queue is empty; give it a value, or leave it out; " +
      "--permanent-error is empty; give it a value, or leave it out",
  });
});

Deno.test("a pair is cut at its first =, and its name may be one that objects have", () => {
  const reader = new FlagReader({ label: ["a=b=c", "empty=", "constructor=x"] });
  assert.deepEqual({ ...reader.pairs("label") }, { a: "b=c", empty: "", constructor: "x" });
  reader.done();
});

Deno.test("what the system said is told without its number and our call", () => {
  const failure = new Error("Permission denied (os error 13): readfile '/x'");
  assert.equal(reasonOf(failure), "Permission denied");
  const ofNode = "ENOENT: no such file or directory, open '/x, y'";
  assert.equal(reasonOf(new Error(ofNode)), "No such file or directory");
  assert.equal(reasonOf(new Error("EISDIR: is a directory, read")), "Is a directory");
  assert.equal(reasonOf(new Error("something else")), "something else");
  assert.equal(reasonOf("a text"), "a text");
});
