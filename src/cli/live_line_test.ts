import assert from "node:assert/strict";
import { LiveLine, progressBar } from "./live_line.ts";
import { recording } from "./terminal_test_support.ts";

const CLEAR = "\r\u001b[2K";

Deno.test("on a terminal the last line is drawn over, cut to its width and freed of control codes", () => {
  const terminal = recording({ isTerminal: true, columns: 10 });
  const line = new LiveLine(terminal.err);
  line.show("0123456789abc");
  line.show("a\u001b[2Jb");
  line.say("stays");
  line.clear();
  assert.equal(terminal.written.err, `01234567…${CLEAR}a\\u001b[…${CLEAR}stays\n`);
});

Deno.test("in a pipe only what stays is written", () => {
  const terminal = recording();
  const line = new LiveLine(terminal.err);
  line.show("42%");
  line.say("completed");
  line.clear();
  assert.equal(terminal.written.err, "completed\n");
});

Deno.test("progress is a bar where there is room for one, and nothing in a pipe", () => {
  const wide = recording({ isTerminal: true, columns: 80 });
  new LiveLine(wide.err).progress("j-1", 0.42, "42% fetched");
  assert.equal(wide.written.err, "j-1  ████████░░░░░░░░░░░░ 42% fetched");
  const narrow = recording({ isTerminal: true, columns: 30 });
  new LiveLine(narrow.err).progress("j-1", 0.42, "42% fetched");
  assert.equal(narrow.written.err, "j-1  42% fetched");
  const job = "01a21e0e-330f-731a-83c1-21c4b1d3084b";
  const short = recording({ isTerminal: true, columns: 60 });
  new LiveLine(short.err).progress(job, 0.42, "42% fetched");
  assert.equal(short.written.err, `${job}  42% fetched`);
  const shortest = recording({ isTerminal: true, columns: 20 });
  new LiveLine(shortest.err).progress(job, 0.42, "42% fetched");
  assert.equal(shortest.written.err, "42% fetched");
  const pipe = recording();
  new LiveLine(pipe.err).progress("j-1", 0.42, "42% fetched");
  assert.equal(pipe.written.err, "");
});

Deno.test("a bar is full at the end and never longer", () => {
  assert.deepEqual([-1, 0, 0.99, 1, 7].map((each) => progressBar(each, 4)), [
    "░░░░",
    "░░░░",
    "███░",
    "████",
    "████",
  ]);
});
