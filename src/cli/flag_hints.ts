/**
 * What somebody may have meant by a flag that there is not.
 *
 * @module
 */

import type { Command } from "commander";
import { describeConfig } from "../config/mod.ts";

/** Words of the original's client, whose flags named what are commands and arguments here. */
const OF_THE_ORIGINAL: Readonly<Record<string, string>> = {
  action: "what it named is a command: conductor submit, status JOB, list, cancel JOB",
  job: "a job is named without a flag: conductor status JOB",
};

/** A hint for a complaint of commander's about an unknown flag of `command`. */
export function flagHint(complaint: string, command: Command): string | undefined {
  // The program itself has none but --help and --version.
  const isBeforeCommand = command.parent === null && /^unknown option '[^']*'$/.test(complaint);
  if (isBeforeCommand && flagsOfCommands(command).has(/'([^'=]*)/.exec(complaint)?.[1] ?? "")) {
    return "flags stand behind the command";
  }
  const [, dashes = "", name = ""] =
    /^unknown option '(--?)([a-z][a-z-]+)[^']*'$/.exec(complaint) ??
      [];
  if (name === "") return undefined;
  if (isBeforeCommand && flagsOfCommands(command).has(`-${dashes}${name}`)) {
    return `flags stand behind the command, with two dashes: conductor submit --${name}`;
  }
  const own = command.options.flatMap(({ long }) => long ?? []);
  // Programs in Go, as the original is, take their flags with one dash.
  if (dashes === "-") {
    return own.includes(`--${name}`) ? twoDashes(name) : OF_THE_ORIGINAL[name];
  }
  const parts = own.filter((each) => each.endsWith(`-${name}`) || each.startsWith(`--${name}-`));
  return hintOfKey(name) ?? (parts.length === 0 ? undefined : `there is ${parts.join(", ")}`);
}

function twoDashes(name: string): string {
  return `flags that are words have two dashes: --${name}`;
}

/**
 * The complaint about a flag of `command` that is written with one dash, where commander would find another
 * in it: `-type noop` is `-t ype` and an argument too many, `-wait` is `-w` and no flag `-ait`.
 */
export function oneDashFault(command: Command, args: readonly string[]): string | undefined {
  const taking = command.options.filter(({ required }) => required)
    .flatMap(({ long, short }) => [long, short]);
  for (const [at, word] of args.entries()) {
    if (word === "--") return undefined;
    const [, name = ""] = /^-([a-z][a-z-]+)(?:=.*)?$/s.exec(word) ?? [];
    const isFlag = command.options.some(({ long }) => long === `--${name}`);
    if (isFlag && !taking.includes(args[at - 1])) {
      return `unknown option '-${name}'; ${twoDashes(name)}`;
    }
  }
  return undefined;
}

function flagsOfCommands(program: Command): ReadonlySet<string> {
  const all = (command: Command): string[] => [
    ...command.options.flatMap(({ long, short }) => [long ?? "", short ?? ""]),
    ...command.commands.flatMap(all),
  ];
  return new Set(all(program));
}

/** The command that the words of a command line lead to. */
export function commandMeant(program: Command, args: readonly string[]): Command {
  let command = program;
  for (const word of args) {
    const next = command.commands.find((each) => each.name() === word);
    if (next === undefined) break;
    command = next;
  }
  return command;
}

/** Of a flag that is called as a key of the configuration: how that is set. */
function hintOfKey(name: string): string | undefined {
  const leaf = name.replaceAll("-", "_");
  const keys = describeConfig().filter(({ path }) => path.endsWith(`.${leaf}`));
  if (keys.length === 0) return undefined;
  const ways = keys.map(({ path, flags }) => {
    const flag = flags.master ?? flags.worker ?? flags.client;
    return flag === undefined ? `--set ${path}=VALUE` : `--${flag} (${path})`;
  });
  return `there is ${ways.join(", ")}`;
}
