import assert from "node:assert/strict";
import { type Command, CommanderError } from "commander";
import { examplesOf, wordsOf } from "./examples.ts";
import { buildProgram } from "./router.ts";
import { recording } from "./terminal_test_support.ts";

function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
}

/** Words of a shell's line up to where another program begins. */
function wordsIn(line: string): string[] {
  const own = line.slice(line.search(/conductor /)).split(/ [|>] |\)"$/)[0]!;
  return (own.match(/(?:[^\s"']|"[^"]*"|'[^']*')+/g) ?? []).map((word) =>
    word.replace(/^(["'])(.*)\1$/s, "$2")
  );
}

Deno.test("every command has an example, and each example is one that commander takes", async () => {
  const terminal = recording();
  const program = buildProgram(terminal);
  let called = "";
  for (const leaf of leaves(program)) leaf.action(() => void (called = wordsOf(leaf).join(" ")));
  for (const leaf of leaves(program)) {
    const name = wordsOf(leaf).join(" ");
    assert.ok(examplesOf(leaf).length > 0, `\`conductor ${name}\` has no example`);
    for (const example of examplesOf(leaf)) {
      called = "";
      try {
        await program.parseAsync(wordsIn(example).slice(1), { from: "user" });
      } catch (failure) {
        if (!(failure instanceof CommanderError)) throw failure;
      }
      assert.equal(called, name, `${example}\n${terminal.written.err}`);
    }
  }
});

Deno.test("the help shows them", () => {
  const terminal = recording();
  const status = buildProgram(terminal).commands.find((each) => each.name() === "status")!;
  status.outputHelp();
  assert.match(terminal.written.out, /\n\nExamples:\n {2}conductor status\n/);
});
