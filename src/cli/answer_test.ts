import assert from "node:assert/strict";
import { parse } from "yaml";
import { parseExactly } from "../json/mod.ts";
import { type Answer, streamed, tell, tellMade } from "./answer.ts";
import { recording } from "./terminal_test_support.ts";

const ANSWER: Answer = {
  json: { jobs: [{ id: "a", error: undefined }, { id: "b", labels: { x: "1\n2" } }], total: 9 },
  list: "jobs",
  text: ({ columns }) => `for ${columns} columns\n`,
  note: "2 of 9 jobs",
};

function told(flags: Record<string, unknown>, options = {}, answer = ANSWER) {
  const terminal = recording(options);
  tell(flags, terminal, answer);
  return terminal.written;
}

Deno.test("people get a text that fits their terminal, and are told on stderr that there is more", () => {
  const { out, err } = told({ output: "table" }, { isTerminal: true, columns: 70 });
  assert.deepEqual([out, err], ["for 70 columns\n", "2 of 9 jobs\n"]);
});

Deno.test("a pipe has all the room, and --wide gives it to a terminal", () => {
  assert.equal(told({}).out, "for Infinity columns\n");
  assert.equal(told({ wide: true }, { isTerminal: true }).out, "for Infinity columns\n");
});

Deno.test("json and yaml say the same, whole and without what is undefined", () => {
  const expected = { jobs: [{ id: "a" }, { id: "b", labels: { x: "1\n2" } }], total: 9 };
  const json = told({ output: "json" });
  assert.deepEqual(JSON.parse(json.out), expected);
  assert.equal(json.err, "");
  assert.equal(
    told({ output: "yaml" }).out,
    "jobs:\n  - id: a\n  - id: b\n    labels:\n      x: |-\n        1\n        2\ntotal: 9\n",
  );
});

Deno.test("an id of 64 bits is the same id in every format", () => {
  const answer = { json: { id: parseExactly("12345678901234567890") }, text: () => "" };
  assert.equal(told({ output: "json" }, {}, answer).out, '{\n  "id": 12345678901234567890\n}\n');
  assert.equal(told({ output: "jsonl" }, {}, answer).out, '{"id":12345678901234567890}\n');
  assert.equal(told({ output: "yaml" }, {}, answer).out, "id: 12345678901234567890\n");
});

Deno.test("jsonl has a line for each element of a list, and one for anything else", () => {
  const { out, err } = told({ output: "jsonl" });
  assert.equal(out, '{"id":"a"}\n{"id":"b","labels":{"x":"1\\n2"}}\n');
  assert.equal(err, "2 of 9 jobs\n");
  const single = told({ output: "jsonl" }, {}, { json: { id: "a" }, text: () => "" });
  assert.equal(single.out, '{"id":"a"}\n');
});

Deno.test("values of a stream are a line each, or a document each in YAML", () => {
  assert.equal(streamed("a: b", "json"), '"a: b"\n');
  assert.equal(streamed({ a: 1 }, "yaml"), "---\na: 1\n");
});

Deno.test("what a terminal would obey, or YAML forbids, is escaped and reads back as it was", () => {
  const json = { error: "a\u009b31m\u007f\u202eb\n\u2028c", "k\u0085": ["\u001b[31m", "\ufffe"] };
  for (const output of ["json", "jsonl", "yaml"]) {
    const { out } = told({ output }, {}, { json, text: () => "" });
    assert.match(out, /^[\x20-\x7e\n]*$/);
    assert.deepEqual(output === "yaml" ? parse(out) : JSON.parse(out), json);
  }
});

Deno.test("a text that YAML 1.1 takes for a number, a date or a truth is quoted", () => {
  const json = { a: "no", b: "12:30:45", c: "2026-11-27T09:19:54.079Z", d: "1_000", e: "plain" };
  assert.equal(
    told({ output: "yaml" }, {}, { json, text: () => "" }).out,
    'a: "no"\nb: "12:30:45"\nc: "2026-11-27T09:19:54.079Z"\nd: "1_000"\ne: plain\n',
  );
});

Deno.test("an id that cannot be printed is told with why, so that nobody makes the same again", () => {
  const terminal = recording();
  const failing = (failure: Error) => ({
    ...terminal,
    out: {
      ...terminal.out,
      write() {
        throw failure;
      },
    },
  });
  const answer = { json: {}, text: () => "7\n" };
  const made = (failure: Error) => () =>
    tellMade({}, failing(failure), answer, "job 7 is submitted");
  assert.throws(made(new Error("cannot write to stdout: No space left on device")), {
    message: "cannot write to stdout: No space left on device; job 7 is submitted",
  });
  assert.throws(made(new Deno.errors.BrokenPipe("Broken pipe")), {
    message: "nobody reads stdout; job 7 is submitted",
  });
});
