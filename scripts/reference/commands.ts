/**
 * docs/reference/commands.md, from the command router.
 *
 * @module
 */

import type { Command, Option } from "commander";
import { examplesOf, wordsOf } from "../../src/cli/examples.ts";
import { buildProgram, optionDescription } from "../../src/cli/router.ts";
import { processTerminal } from "../../src/cli/terminal.ts";
import { exitCodes } from "./errors.ts";
import { block, code, opening, table } from "./markdown.ts";

const INTRODUCTION =
  `Every command and flag. \`conductor help COMMAND\` and \`conductor man COMMAND\` say the same where you work.

${exitCodes()}

Answers go to stdout, everything else to stderr. \`NO_COLOR\` turns colours off.`;

/** The page. */
export function commandsPage(): string {
  const program = buildProgram(processTerminal());
  const commands = program.commands.filter((each) => each.name() !== "help").flatMap(below);
  const shared = sharedOptions(commands);
  return [
    opening("Commands", INTRODUCTION),
    "## Flags of every command that calls the cluster",
    optionTable([...shared.values()]),
    ...commands.map((command) => section(command, shared)),
  ].join("\n\n") + "\n";
}

function below(command: Command): Command[] {
  return [command, ...command.commands.filter((each) => each.name() !== "help").flatMap(below)];
}

/** Options of how to reach the cluster, which most commands have alike. */
function sharedOptions(commands: readonly Command[]): ReadonlyMap<string, Option> {
  const status = commands.find((each) => each.name() === "status")?.options.filter((
    { helpGroupHeading },
  ) => helpGroupHeading !== undefined);
  return new Map(
    (status ?? []).map((option) => [`${option.flags} ${optionDescription(option)}`, option]),
  );
}

function section(command: Command, shared: ReadonlyMap<string, Option>): string {
  const words = wordsOf(command);
  const options = command.createHelp().visibleOptions(command);
  const isNode = command.name() === "master" || command.name() === "worker";
  const own = options.filter((option) =>
    option.long !== "--help" &&
    (isNode || !shared.has(`${option.flags} ${optionDescription(option)}`))
  );
  const callsCluster = own.length < options.length &&
    options.some((option) => option.long === "--addr");
  const description = command.description();
  const examples = examplesOf(command);
  return [
    `${"#".repeat(Math.min(words.length + 1, 4))} conductor ${words.join(" ")}`,
    `${description[0]?.toUpperCase()}${description.slice(1)}.`.replace(/\.\.$/, "."),
    block("", `conductor ${words.join(" ")} ${command.usage()}`),
    ...(command.registeredArguments.length === 0 ? [] : [
      table(
        ["argument", "is"],
        command.registeredArguments.map((each) => [code(each.name()), each.description]),
      ),
    ]),
    ...(own.length === 0 ? [] : [optionTable(own)]),
    ...(callsCluster ? ["It takes the flags of commands that call the cluster."] : []),
    ...(examples.length === 0 ? [] : [block("sh", examples.join("\n"))]),
  ].join("\n\n");
}

function optionTable(options: readonly Option[]): string {
  return table(
    ["flag", "means"],
    options.map((option) => [code(option.flags), optionDescription(option)]),
  );
}
