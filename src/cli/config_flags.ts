/**
 * The configuration's flags on the command line: every key that has one for the role, and `--set`
 * for all others.
 *
 * @module
 */

import { type Command, Option } from "commander";
import {
  describeConfig,
  type FlagValue,
  type KeyDescription,
  loadConfig,
  type LoadedConfig,
  type Role,
} from "../config/mod.ts";
import { Misuse } from "./failure.ts";
import { singleEquals } from "./pairs.ts";

/**
 * Adds `--config`, `--set` and every flag that the schema gives to `role`, or those of the keys `only`:
 * a command that looks at files has no use for ports.
 */
export function addConfigFlags(command: Command, role: Role, only?: readonly string[]): Command {
  for (const key of describeConfig()) {
    const flag = key.flags[role];
    if (flag === undefined || only?.includes(key.path) === false) continue;
    command.addOption(optionFor(key, flag, role));
  }
  const others = [
    new Option("--config <file>", "YAML file to use in place of the profile's own"),
    new Option(
      "--set <path=value>",
      "any other configuration key (repeatable); `conductor config show` lists them",
    ).argParser(collect),
  ];
  for (const option of others) {
    command.addOption(role === "client" ? option.helpGroup("Connection:") : option);
  }
  return command;
}

/**
 * Takes the flags of nodes too, beside those that `command` has, and leaves them out of its help: for
 * commands that are given what a node would be given.
 */
export function addNodeFlags(command: Command, roles: readonly Role[]): Command {
  for (const role of roles) {
    for (const key of describeConfig()) {
      const flag = key.flags[role];
      const isThere = command.options.some((each) => each.long === `--${flag}`);
      if (flag !== undefined && !isThere) command.addOption(optionFor(key, flag, role).hideHelp());
    }
  }
  return command;
}

/**
 * The configuration that a command's flags, the environment and the file make.
 *
 * @throws ConfigError with every fault.
 */
export function configFrom(
  options: Readonly<Record<string, unknown>>,
  role: Role,
): LoadedConfig {
  return loadConfig({
    flags: flagsFrom(options, role),
    env: Deno.env.toObject(),
    readTextFile: (path) => Deno.readTextFileSync(path),
    role,
  });
}

/** What {@linkcode configFrom} hands to the configuration, by key. */
export function flagsFrom(
  options: Readonly<Record<string, unknown>>,
  role: Role,
): Record<string, FlagValue> {
  const flags: Record<string, FlagValue> = {};
  for (const key of describeConfig()) {
    const flag = key.flags[role];
    const value = flag === undefined ? undefined : options[attributeName(flag)];
    if (value !== undefined) flags[key.path] = flagValue(key, value, `--${flag}`);
  }
  if (typeof options.config === "string") flags.config = options.config;
  const set: Record<string, string> = {};
  for (const pair of (options.set as string[] | undefined) ?? []) {
    const equals = pair.indexOf("=");
    if (equals <= 0) {
      throw new Misuse(
        `--set is ${JSON.stringify(pair)}; give a key and a value, as --set raft.apply_timeout=2s`,
      );
    }
    set[pair.slice(0, equals)] = pair.slice(equals + 1);
  }
  if (Object.keys(set).length > 0) flags.set = set;
  return flags;
}

function optionFor(key: KeyDescription, flag: string, role: Role): Option {
  const isBoolean = key.kind === "boolean";
  const placeholder = key.kind === "map" ? "name=value" : key.kind;
  const option = new Option(
    isBoolean ? `--${flag} [boolean]` : `--${flag} <${placeholder}>`,
    `${firstSentence(key.doc)}${defaultText(key)}`,
  );
  const group = role === "client" ? "Connection:" : GROUPS[key.path.split(".")[0] ?? ""];
  if (group !== undefined) option.helpGroup(group);
  // Not `choices()`, which would refuse a value before the configuration can tell of all faults.
  if (key.values !== undefined) option.argChoices = [...key.values];
  if (key.kind === "list" || key.kind === "map") option.argParser(collect);
  return option;
}

/** Where a node's flags stand in its help, by the section of the configuration. */
const GROUPS: Readonly<Record<string, string>> = { security: "Security:" };

/** What holds in the profile that holds where none is named. */
function defaultText({ kind, defaults: { development } }: KeyDescription): string {
  const text = Array.isArray(development) ? development.join(",") : String(development ?? "");
  const isTold = kind !== "boolean" && kind !== "map" && text !== "";
  return isTold ? ` (default: ${text})` : "";
}

function flagValue(key: KeyDescription, value: unknown, written: string): FlagValue {
  if (key.kind === "map") {
    return Object.fromEntries(
      (value as string[]).map((pair) => {
        const equals = pair.indexOf("=");
        if (equals > 0 && pair[equals + 1] === "=") {
          throw new Misuse(`${written} is ${JSON.stringify(pair)}; ${singleEquals(pair)}`);
        }
        return equals < 0 ? [pair, ""] : [pair.slice(0, equals), pair.slice(equals + 1)];
      }),
    );
  }
  if (key.kind === "list") return (value as string[]).flatMap((each) => each.split(","));
  // A flag without its value: `--bootstrap` alone.
  return value === true ? "true" : value as FlagValue;
}

/** Gathers the values of a flag that may be given more than once. */
export function collect(value: string, before: string[] | undefined): string[] {
  return [...before ?? [], value];
}

function attributeName(flag: string): string {
  return flag.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

function firstSentence(doc: string): string {
  const end = doc.indexOf(". ");
  return end < 0 ? doc.replace(/\.$/, "") : doc.slice(0, end);
}
