/**
 * What may stand where the cursor is: commands, flags and their values from the router itself, and
 * names of jobs and workers from the cluster, if it answers soon enough.
 *
 * @module
 */

import type { Argument, Command, Option } from "commander";
import type { Flags } from "./router.ts";

/** One thing to offer, with what it is. */
export interface Candidate {
  readonly value: string;
  readonly text?: string;
}

/** What only the cluster, or the disk, knows. */
export interface CompletionSources {
  /** Jobs that the command can do something with. */
  jobs(command: string, flags: Flags): Promise<readonly Candidate[]>;
  workers(flags: Flags): Promise<readonly Candidate[]>;
  batches(flags: Flags): Promise<readonly Candidate[]>;
  schedules(flags: Flags): Promise<readonly Candidate[]>;
  queues(flags: Flags): Promise<readonly Candidate[]>;
  jobTypes(flags: Flags): Promise<readonly Candidate[]>;
  /** Files and directories whose path begins so. */
  files(beginning: string): readonly Candidate[];
}

/** Stands for the files that the shell itself knows best how to offer. */
const FILES: Candidate = { value: ":files" };

/**
 * Everything that may take the place of the last of `words`, which are those after the program's name.
 * A candidate is a whole word: `--output=json` for `--output=j`.
 */
export async function complete(
  words: readonly string[],
  program: Command,
  sources: CompletionSources,
): Promise<readonly Candidate[]> {
  const current = words.at(-1) ?? "";
  const place = placeOf(words.slice(0, -1), program);
  if (place.isHelp) return matching(subcommands(place.command), current);
  if (place.awaiting !== undefined) {
    const values = await valuesOf(place.awaiting, current, place, sources);
    // What has no value of its own may be followed by anything.
    const isOwnWord = place.awaiting.optional && current.startsWith("-");
    if (!isOwnWord) return matching(values, current);
  }
  const equals = current.indexOf("=");
  if (current.startsWith("--") && equals > 0) {
    const option = optionNamed(place.command, current.slice(0, equals));
    if (option === undefined) return [];
    const beginning = current.slice(equals + 1);
    const values = await valuesOf(option, beginning, place, sources);
    return matching(values.map((each) => prefixed(current.slice(0, equals + 1), each)), current);
  }
  if (current.startsWith("-")) return matching(flagsOf(place), current);
  return matching([
    ...(place.arguments.length === 0 ? subcommands(place.command) : []),
    ...await argumentsOf(place, sources),
  ], current);
}

/** Where the words before the cursor lead. */
interface Place {
  readonly command: Command;
  /** `workers drain` */
  readonly path: string;
  /** Positional words that were given. */
  readonly arguments: readonly string[];
  /** Flags that were given, by the names that commander gives them. */
  readonly flags: Flags;
  readonly given: ReadonlySet<Option>;
  /** The flag whose value stands at the cursor. */
  readonly awaiting: Option | undefined;
  readonly isHelp: boolean;
}

function placeOf(words: readonly string[], program: Command): Place {
  let command = program;
  const path: string[] = [];
  const positional: string[] = [];
  const flags: Record<string, unknown> = {};
  const given = new Set<Option>();
  let awaiting: Option | undefined;
  let isHelp = false;
  const take = (option: Option, value: string) => {
    const name = option.attributeName();
    const before = flags[name];
    flags[name] = option.parseArg === undefined ? value : [...(before as string[] ?? []), value];
  };
  for (const word of words) {
    if (awaiting !== undefined && !(awaiting.optional && word.startsWith("-"))) {
      take(awaiting, word);
      awaiting = undefined;
      continue;
    }
    awaiting = undefined;
    if (word.startsWith("-")) {
      const equals = word.indexOf("=");
      const option = optionNamed(command, equals < 0 ? word : word.slice(0, equals));
      if (option === undefined) continue;
      given.add(option);
      if (equals > 0) take(option, word.slice(equals + 1));
      else if (option.required || option.optional) awaiting = option;
      continue;
    }
    const sub = positional.length > 0 ? undefined : named(command, word);
    if (sub !== undefined) {
      command = sub;
      path.push(word);
    } else if (word === "help" && command.commands.length > 0) isHelp = true;
    else positional.push(word);
  }
  return { command, path: path.join(" "), arguments: positional, flags, given, awaiting, isHelp };
}

/** The flags of a group are those of its default command. */
function optionsOf(command: Command): readonly Option[] {
  const byDefault = command.commands.length === 0
    ? undefined
    : command.commands.find((each) => each.name() === DEFAULTS.get(command.name()));
  return [...command.options, ...byDefault?.options ?? []].filter((each) => !each.hidden);
}

/** Commander keeps to itself which command of a group is its default. */
const DEFAULTS: ReadonlyMap<string, string> = new Map([
  ["dlq", "list"],
  ["batch", "list"],
  ["type", "list"],
  ["queue", "list"],
  ["job-types", "list"],
  ["workers", "list"],
  ["cluster", "status"],
  ["certs", "list"],
  ["config", "show"],
  ["audit", "verify"],
  ["payload-key", "show"],
  ["schedule", "list"],
  ["token", "inspect"],
  ["rbac", "show"],
  ["raft", "inspect"],
  ["debug", "bundle"],
  ["snapshot", "inspect"],
]);

function optionNamed(command: Command, name: string): Option | undefined {
  return optionsOf(command).find((each) => each.long === name || each.short === name);
}

function named(command: Command, name: string): Command | undefined {
  return command.commands.find((each) => each.name() === name);
}

function subcommands(command: Command): Candidate[] {
  return command.commands.map((each) => ({ value: each.name(), text: each.description() }));
}

function flagsOf({ command, given }: Place): Candidate[] {
  const offered = optionsOf(command).filter((each) =>
    !given.has(each) || each.parseArg !== undefined
  );
  return [
    ...offered.map((each) => ({ value: each.long ?? "", text: each.description })),
    { value: "--help", text: "print this help" },
  ];
}

async function valuesOf(
  option: Option,
  beginning: string,
  { path, flags }: Place,
  sources: CompletionSources,
): Promise<readonly Candidate[]> {
  if (option.argChoices !== undefined) return option.argChoices.map((value) => ({ value }));
  if (option.flags.includes("[boolean]")) return [{ value: "true" }, { value: "false" }];
  if (/<(path|file|directory)>/.test(option.flags) || option.long === "--handlers") return [FILES];
  switch (option.long) {
    case "--type":
    case "--job-types":
      return await sources.jobTypes(flags);
    case "--parent":
      return await sources.jobs(path, flags);
    case "--schedule":
      return await sources.schedules(flags);
    case "--batch":
      return await sources.batches(flags);
    case "--queue":
      return await sources.queues(flags);
    case "--worker":
      return await sources.workers(flags);
    case "--tz":
      return Intl.supportedValuesOf("timeZone").map((value) => ({ value }));
    case "--payload":
      if (!beginning.startsWith("@")) {
        return path === "submit" || path === "schedule add" ? [] : [FILES];
      }
      return sources.files(beginning.slice(1)).map((each) => prefixed("@", each));
  }
  return [];
}

async function argumentsOf(
  { command, path, arguments: given, flags }: Place,
  sources: CompletionSources,
): Promise<readonly Candidate[]> {
  const expected: Argument | undefined = command.registeredArguments[given.length] ??
    command.registeredArguments.findLast((each) => each.variadic);
  switch (expected?.name()) {
    case "job-id": {
      const jobs = await sources.jobs(path, flags);
      return jobs.filter((each) => !given.includes(each.value));
    }
    case "worker-id":
      return await sources.workers(flags);
    case "batch-id":
      return await sources.batches(flags);
    case "schedule":
      return await sources.schedules(flags);
    case "type-name":
      return await sources.jobTypes(flags);
    case "queue-name":
      return await sources.queues(flags);
    case "file":
      return [FILES];
  }
  return expected?.argChoices?.map((value) => ({ value })) ?? [];
}

function matching(candidates: readonly Candidate[], beginning: string): Candidate[] {
  return candidates.filter((each) => each === FILES || each.value.startsWith(beginning));
}

function prefixed(prefix: string, candidate: Candidate): Candidate {
  return candidate === FILES ? FILES : { ...candidate, value: `${prefix}${candidate.value}` };
}
