/**
 * What pages say there is: configuration keys, metrics, commands with their flags, tasks, variables. Each
 * finder yields what is named and is not there.
 *
 * @module
 */

import type { Command } from "commander";

/** What there is to be named. */
export interface Names {
  /** `section.key`, and those that were. */
  readonly keys: ReadonlySet<string>;
  readonly metrics: ReadonlySet<string>;
  readonly tasks: ReadonlySet<string>;
  /** Variables of the environment that the program's text has. */
  readonly variables: ReadonlySet<string>;
  readonly program: Command;
}

/** Everything in backticks, and every line of the blocks of code. */
export function codeOf(text: string): string[] {
  const blocks = [...text.matchAll(/^```[^\n]*\n([\s\S]*?)^```$/gm)].flatMap(([, body = ""]) =>
    body.replaceAll(/\\\n\s*/g, " ").split("\n")
  );
  const prose = text.replace(/^```[^\n]*\n[\s\S]*?^```$/gm, "");
  const spans = [...prose.matchAll(/`([^`\n]+)`/g)].map(([, span = ""]) => span);
  return [...spans, ...blocks];
}

/** What a page names that is not there, each with what it was taken for. */
export function unknownNames(text: string, names: Names): string[] {
  const unknown = new Set<string>();
  for (const code of codeOf(text)) {
    for (const key of keysIn(code, names)) unknown.add(`configuration key ${key}`);
    for (const metric of metricsIn(code, names)) unknown.add(`metric ${metric}`);
    for (const task of tasksIn(code, names)) unknown.add(`task ${task}`);
    for (const variable of variablesIn(code)) {
      if (!names.variables.has(variable)) unknown.add(`variable ${variable}`);
    }
    for (const fault of commandFaults(code, names.program)) unknown.add(fault);
  }
  return [...unknown];
}

function keysIn(code: string, { keys }: Names): string[] {
  const sections = new Set([...keys].map((key) => key.split(".")[0]));
  // A name alone: `raft.db` and `worker.w1.log` are files, and words of programs have parentheses.
  const [, key, end] = /^([a-z]+(?:\.[a-z][a-z0-9_]*)+)(\.\*)?$/.exec(code) ?? [];
  if (key === undefined || !sections.has(key.split(".")[0])) return [];
  const last = key.split(".").at(-1)!;
  if (FILE_ENDINGS.has(last)) return [];
  const isThere = end === undefined
    ? keys.has(key) || [...keys].some((each) => each.startsWith(`${key}.`))
    : [...keys].some((each) => each.startsWith(`${key}.`));
  return isThere ? [] : [key];
}

const FILE_ENDINGS = new Set([
  ...[
    "db",
    "log",
    "marker",
    "journal",
    "json",
    "yaml",
    "crt",
    "key",
    "token",
    "join",
    "py",
    "ts",
    "proto",
  ],
]);

function metricsIn(code: string, { metrics }: Names): string[] {
  return [...code.matchAll(/\bconductor_[a-z0-9_]+/g)].map(([name]) => name)
    .filter((name) => {
      const base = name.replace(/_(bucket|sum|count)$/, "");
      return !metrics.has(name) && !metrics.has(base);
    });
}

/** The program's own variables; those in a family's name (`CONDUCTOR_...`) are none. */
export function variablesIn(code: string): string[] {
  return [...code.matchAll(/\bCONDUCTOR_[A-Z][A-Z0-9_]*[A-Z0-9]\b/g)].map(([name]) => name);
}

function tasksIn(code: string, { tasks }: Names): string[] {
  return [...code.matchAll(/\b(?:deno|deno@\S+) task ([a-z][a-z:-]*)/g)].map(([, task = ""]) =>
    task
  )
    .filter((task) => !tasks.has(task));
}

/** Words and flags of every `conductor ...` in a line, whatever it is a part of there. */
function commandFaults(line: string, program: Command): string[] {
  const plain = line.replaceAll(/'[^']*'|"[^"$]*"/g, "TEXT").replace(/ #.*$/, "");
  return plain.split(/[|;&<>()]+/).flatMap((part) => faultsOfOne(part, program));
}

function faultsOfOne(part: string, program: Command): string[] {
  const [, said] = /(?:^|\s)conductor ([a-z].*)$/.exec(part) ?? [];
  const words = said?.trim().split(/\s+/) ?? [];
  const path: string[] = [];
  let command = program;
  for (const word of words) {
    const next = command.commands.find((each) => each.name() === word);
    if (next === undefined) break;
    command = next;
    path.push(word);
  }
  // "conductor" begins sentences, too.
  if (path.length === 0) return [];
  const next = words[path.length] ?? "";
  if (command.commands.length > 0 && /^[a-z]/.test(next)) {
    return [`command conductor ${[...path, next].join(" ")}`];
  }
  return words.map((word) => word.replace(/[.,]+$/, "").split("=")[0]!)
    .filter((flag) => /^--[a-z]/.test(flag) && !hasFlag(command, flag))
    .map((flag) => `flag conductor ${path.join(" ")} ${flag}`);
}

function hasFlag(command: Command, flag: string): boolean {
  return flag === "--help" ||
    [command, ...ancestors(command)].some((each) => each.options.some(({ long }) => long === flag));
}

function ancestors(command: Command): Command[] {
  return command.parent === null ? [] : [command.parent, ...ancestors(command.parent)];
}
