import assert from "node:assert/strict";
import { LiveLine } from "./live_line.ts";
import { recording } from "./terminal_test_support.ts";

const CLEAR = "\r\u001b[2K";

Deno.test("on a terminal the last line is drawn over, cut to its width and freed of control codes", () => {
  const terminal = recording({ isTerminal: true, columns: 10 });
  const line = new LiveLine(terminal.err);
  line.show("0123456789abc");
  line.show("a\u001b[2Jb");
  line.say("stays");
  line.clear();
  assert.equal(terminal.written.err, `012345678${CLEAR}a\\u001b[2${CLEAR}stays\n`);
});

Deno.test("in a pipe only what stays is written", () => {
  const terminal = recording();
  const line = new LiveLine(terminal.err);
  line.show("42%");
  line.say("completed");
  line.clear();
  assert.equal(terminal.written.err, "completed\n");
});
