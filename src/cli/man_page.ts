/**
 * Manual pages, made from the commands themselves.
 *
 * @module
 */

import type { Argument, Command, Option } from "commander";
import { examplesOf, wordsOf } from "./examples.ts";
import { VERSION } from "./version.ts";

/** A page: `conductor-cluster-add.1` and its text in roff's man macros. */
export interface ManPage {
  readonly name: string;
  readonly text: string;
}

/** What a page cannot take from its command. */
export interface ManParts {
  /** Explains an option as the help does, with its values and its default. */
  readonly optionText: (option: Option) => string;
}

/** When the manual's own texts were last gone through. */
const MANUAL_DATE = "2026-11-26";

/** Bytes in a line of roff, as its users like it; what is filled is broken there. */
const LINE_BYTES = 78;

const EXIT_STATUS: readonly (readonly [string, string])[] = [
  ["0", "Done."],
  ["1", "Failed, or the answer is no: a job that failed, a check that found something."],
  ["2", "Misused: an unknown flag, a value that is out of range, a configuration that is wrong."],
  ["124", "What was waited for was not there within the time that a flag allowed."],
  ["130", "Interrupted by Ctrl-C (a node: twice). A job that was waited for goes on."],
  ["143", "The same by SIGTERM."],
];

const ENVIRONMENT: readonly (readonly [string, string])[] = [
  ["CONDUCTOR_PROFILE", "Which defaults hold: development, staging or production."],
  ["CONDUCTOR_CONFIG", "A YAML file in place of the profile's own, as --config names one."],
  [
    "CONDUCTOR_SECTION_KEY",
    "Any key of the configuration, such as CONDUCTOR_WORKER_MASTER_ADDR; see conductor config show.",
  ],
  ["CONDUCTOR_TOKEN", "The bearer token to present."],
  ["NO_COLOR", "Set to anything, it turns colours off."],
  ["TERM", "dumb: nothing is drawn, neither colours nor progress nor what changes by itself."],
];

/** The page of each command below `command`, and its own. */
export function manPages(command: Command, parts: ManParts): ManPage[] {
  return [
    { name: `${pageName(command)}.1`, text: manPage(command, parts) },
    ...visible(command).flatMap((each) => manPages(each, parts)),
  ];
}

/** The page of one command. */
export function manPage(command: Command, parts: ManParts): string {
  const name = pageName(command);
  const isProgram = command.parent === null;
  return [
    `.TH ${quoted(name.toUpperCase())} 1 ${MANUAL_DATE} ${
      quoted(`conductor ${VERSION}`)
    } "Conductor Manual"`,
    ".SH NAME",
    `${escaped(name)} \\-`,
    filled(command.description().replace(/\.$/, "")),
    ".SH SYNOPSIS",
    ...synopsis(command),
    ".SH DESCRIPTION",
    filled(sentence(command.description())),
    ...notes(command),
    ...argumentLines(command),
    ...optionLines(command, parts),
    ...commandLines(command),
    ...exampleLines(command),
    ...(isProgram
      ? [...listed("EXIT STATUS", EXIT_STATUS), ...listed("ENVIRONMENT", ENVIRONMENT)]
      : []),
    ...seeAlso(command),
    "",
  ].join("\n");
}

/** `conductor-cluster-add` */
function pageName(command: Command): string {
  return ["conductor", ...wordsOf(command)].join("-");
}

function synopsis(command: Command): string[] {
  const words = ["conductor", ...wordsOf(command)].join(" ");
  return [`.B ${escaped(words)}`, filled(command.usage())];
}

/** What the help says below its lists, as it stands there: it is laid out by hand. */
function notes(command: Command): string[] {
  const own = helpBehind(command).split(/^Examples:$/m)[0]!.trim();
  return own === "" ? [] : [".PP", ...literal(own.split("\n"))];
}

/** What was added to the help; commander tells it only together with the rest. */
function helpBehind(command: Command): string {
  const { writeOut } = command.configureOutput();
  let text = "";
  command.configureOutput({ writeOut: (part) => text += part });
  try {
    command.outputHelp();
  } finally {
    command.configureOutput(writeOut === undefined ? {} : { writeOut });
  }
  return text.slice(command.helpInformation().length);
}

function argumentLines(command: Command): string[] {
  const { registeredArguments } = command;
  if (registeredArguments.length === 0) return [];
  return listed(
    "ARGUMENTS",
    registeredArguments.map((each: Argument) => [each.name(), sentence(each.description)] as const),
  );
}

function optionLines(command: Command, { optionText }: ManParts): string[] {
  const groups = new Map<string, Option[]>();
  for (const option of command.createHelp().visibleOptions(command)) {
    const title = (option.helpGroupHeading ?? "Options:").replace(/:$/, "").toUpperCase();
    const heading = title === "OPTIONS" ? title : `${title} OPTIONS`;
    groups.set(heading, [...groups.get(heading) ?? [], option]);
  }
  return [...groups].flatMap(([heading, options]) =>
    listed(heading, options.map((each) => [each.flags, sentence(optionText(each))] as const))
  );
}

function commandLines(command: Command): string[] {
  const commands = visible(command);
  if (commands.length === 0) return [];
  return listed(
    "COMMANDS",
    commands.map((each) => [`${pageName(each)}(1)`, sentence(each.description())] as const),
  );
}

function exampleLines(command: Command): string[] {
  const examples = examplesOf(command);
  return examples.length === 0 ? [] : [".SH EXAMPLES", ...literal(examples)];
}

function seeAlso(command: Command): string[] {
  const near = command.parent === null
    ? visible(command)
    : [command.parent, ...visible(command.parent).filter((each) => each !== command)];
  const names = near.map(pageName).sort();
  return [
    ".SH SEE ALSO",
    ...names.map((name, at) => `.BR ${escaped(name)} (1)${at < names.length - 1 ? "," : ""}`),
  ];
}

function visible(command: Command): Command[] {
  return command.createHelp().visibleCommands(command).filter((each) => each.name() !== "help");
}

function listed(title: string, items: readonly (readonly [string, string])[]): string[] {
  return [
    `.SH ${quoted(title)}`,
    ...items.flatMap(([name, text]) => [".TP", `.B ${escaped(name)}`, filled(text)]),
  ];
}

/** Broken into lines, which the formatter fills again. */
function filled(text: string): string {
  const lines: string[] = [""];
  for (const word of escaped(text).split(/ +/)) {
    const line = lines.at(-1)!;
    if (line === "") lines[lines.length - 1] = word;
    else if (line.length + 1 + word.length <= LINE_BYTES) lines[lines.length - 1] += ` ${word}`;
    else lines.push(word);
  }
  return lines.map(guarded).join("\n");
}

function literal(lines: readonly string[]): string[] {
  return [".nf", ...lines.map((line) => line === "" ? ".sp" : escapedLine(line)), ".fi"];
}

/** A text of our own help, as a sentence of a manual. */
function sentence(text: string): string {
  const [first = "", ...rest] = text;
  return `${first.toUpperCase()}${rest.join("")}${/[.!?:]$/.test(text) ? "" : "."}`;
}

/** A hyphen stays the one that is typed, a backslash itself. */
function escaped(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll("\n", " ");
}

function escapedLine(text: string): string {
  return guarded(escaped(text));
}

/** A line that begins with a dot or an apostrophe would be taken for a request. */
function guarded(line: string): string {
  return /^[.']/.test(line) ? `\\&${line}` : line;
}

function quoted(text: string): string {
  return `"${escaped(text).replaceAll('"', "\\(dq")}"`;
}
