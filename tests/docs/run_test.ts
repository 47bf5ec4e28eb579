/** The runner of pages: what it reads, what it takes for the same, and one page through the real program. */

import assert from "node:assert/strict";
import { beginsAsShown, isAsShown } from "./compare.ts";
import { readPage } from "./page.ts";
import { textOf } from "./pages.ts";
import { canRunPages, runPage } from "./run.ts";
import { isSlice } from "../slice.ts";

const PAGE = [
  "<!-- file: a.json -->",
  "```json",
  '{"a":1}',
  "```",
  "<!-- terminal -->",
  "```console",
  "$ serve",
  "ready",
  "```",
  "```console",
  "$ one \\",
  "    --two",
  "$ cat <<E",
  "> E",
  "$ three",
  "3",
  "4",
  "```",
  "<!-- not run: it needs a moon -->",
  "```sh",
  "fly",
  "```",
].join("\n");

Deno.test("a page is files, terminals and commands with what they answer", () => {
  const { steps, notRun, faults } = readPage(PAGE);
  assert.deepEqual(steps, [
    { kind: "file", name: "a.json", text: '{"a":1}\n' },
    { kind: "terminal", session: { command: "serve", output: ["ready"], outputAt: 7 } },
    { kind: "command", session: { command: "one \\\n    --two", output: [], outputAt: 12 } },
    { kind: "command", session: { command: "cat <<E\nE", output: [], outputAt: 14 } },
    { kind: "command", session: { command: "three", output: ["3", "4"], outputAt: 15 } },
  ]);
  assert.deepEqual(notRun, ["it needs a moon"]);
  assert.deepEqual(faults, []);
});

Deno.test("what would be typed and is neither a session nor excused is a fault of the page", () => {
  assert.deepEqual(readPage("text\n```sh\nrm -rf /\n```\n").faults, [
    'line 2: begins with no "$ ", and says not why it is not run',
  ]);
  assert.deepEqual(readPage("<!-- not run:  -->\n```bash\nx\n```").faults.length, 1);
  assert.deepEqual(readPage("```js\nlet a;\n```").faults, []);
});

Deno.test("ids, times and widths may differ, all else may not", () => {
  const shown = [
    "JOB    STATUS  AT",
    "01a21482-6c70-72fc-ad4d-d0d22408ab20  done  2026-11-25T21:00:25Z",
  ];
  const came = [
    "JOB  STATUS  AT",
    "01a215cc-82f8-7182-9688-3736a7be295b  done  2027-01-01T00:00:00.5Z",
  ];
  assert.ok(isAsShown(shown, came));
  assert.ok(!isAsShown(shown, [came[0]!, came[1]!.replace("done", "failed")]));
  assert.ok(!isAsShown(shown, [...came, "more"]));
  assert.ok(!isAsShown(shown, came.slice(0, 1)));
  assert.ok(isAsShown(["took 5 ms (a+b)"], ["took 1203 ms (a+b)"]));
  assert.ok(!isAsShown(["5 jobs"], ["6 jobs"]));
});

Deno.test("three dots stand for the rest of a line, or for any lines", () => {
  assert.ok(isAsShown(["a", "...", "z ... end"], ["a", "b", "c", "z 12 end"]));
  assert.ok(isAsShown(["...", "z"], ["z"]));
  assert.ok(!isAsShown(["...", "z"], ["z", "y"]));
  assert.ok(beginsAsShown(["...", "ready"], ["a", "ready", "log"]));
  assert.ok(!beginsAsShown(["...", "ready"], ["a", "log"]));
});

Deno.test({
  name: "a page that is not true is found out, command by command",
  ignore: !await canRunPages(),
  async fn() {
    const page = readPage(
      "<!-- file: a b.txt -->\n```\nit's\n```\n```console\n$ cat 'a b.txt'\nit's\n$ echo $((1+1)); pwd\n3\n/home/me\n" +
        "$ x=7\n$ echo $x\n7\n```\n<!-- terminal -->\n```console\n$ echo up; exec sleep 100\nup\n```\n",
    );
    const differences = await runPage(page);
    assert.deepEqual(differences.map(({ answer }) => answer), [["2", "/home/me"]]);
  },
});

Deno.test({
  name: "getting started: every command of the page answers what the page shows",
  ignore: isSlice || !await canRunPages(),
  async fn() {
    const differences = await runPage(readPage(await textOf("docs/getting-started.md")));
    assert.deepEqual(
      differences.map(({ session, answer }) => ({
        $: session.command,
        shown: session.output,
        answer,
      })),
      [],
    );
  },
});
