/**
 * Completion scripts for shells, made from the router, so that they never miss a command.
 *
 * @module
 */

import type { Command, Option } from "commander";
import { Misuse } from "./failure.ts";

/** One command with its full name (`workers drain`), its subcommands and its flags. */
interface Entry {
  readonly path: readonly string[];
  readonly subcommands: readonly { readonly name: string; readonly text: string }[];
  readonly options: readonly Option[];
}

/**
 * The script for one shell.
 *
 * @throws Misuse for a shell that we have none for.
 */
export function completion(shell: string, program: Command): string {
  const entries = entriesOf(program, []);
  switch (shell) {
    case "bash":
      return bash(entries);
    case "zsh":
      return zsh(entries);
    case "fish":
      return fish(entries);
    default:
      throw new Misuse(`there is no completion for ${JSON.stringify(shell)}; for bash, zsh, fish`);
  }
}

function entriesOf(command: Command, path: readonly string[]): Entry[] {
  const entry = {
    path,
    subcommands: command.commands.map((each) => ({ name: each.name(), text: each.description() })),
    options: command.options.filter((option) => !option.hidden),
  };
  return [
    entry,
    ...command.commands.flatMap((each) => entriesOf(each, [...path, each.name()])),
  ];
}

/** The words that may follow, for the command that was typed so far. */
function bash(entries: readonly Entry[]): string {
  const cases = entries.map((entry) => {
    const words = [
      ...entry.subcommands.map((each) => each.name),
      ...entry.options.map((option) => option.long ?? ""),
      "--help",
    ].join(" ");
    return `    "${entry.path.join(" ")}") words="${words}" ;;`;
  }).join("\n");
  const values = valueCases(entries).map(([flag, choices]) =>
    `    ${flag}) COMPREPLY=($(compgen -W "${choices.join(" ")}" -- "$current")); return ;;`
  ).join("\n");
  return `# bash completion for conductor
_conductor() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" path="" words="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) continue ;; esac
    case " ${
    pathsOf(entries).join(" | ")
  } " in *" \${path:+$path }$word "*) path="\${path:+$path }$word" ;; esac
  done
  case "$previous" in
${values}
    --config|--payload|-p|--token-file|--cert|--key|--ca-cert) COMPREPLY=($(compgen -f -- "$current")); return ;;
  esac
  case "$path" in
${cases}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _conductor conductor
`;
}

function zsh(entries: readonly Entry[]): string {
  const functions = entries.map((entry) => {
    const options = entry.options.map((option) =>
      `      ${quoted(`${option.long}[${zshText(option.description)}]${zshValue(option)}`)}`
    );
    const lines = [...options, `      '--help[print this help]'`].join(" \\\n");
    if (entry.subcommands.length === 0) {
      return `${
        zshName(entry.path)
      }() {\n    _arguments \\\n${lines} \\\n      '*:argument:_files'\n}`;
    }
    const described = entry.subcommands.map((each) =>
      `      ${quoted(`${each.name}:${zshText(each.text)}`)}`
    ).join("\n");
    const dispatch = entry.subcommands.map((each) =>
      `      ${each.name}) ${zshName([...entry.path, each.name])} ;;`
    ).join("\n");
    return `${zshName(entry.path)}() {
  local line state
  _arguments -C \\
${lines} \\
      '1:command:->command' '*::argument:->argument'
  case $state in
    command)
      local -a commands=(
${described}
      )
      _describe command commands ;;
    argument) case $line[1] in
${dispatch}
    esac ;;
  esac
}`;
  }).join("\n");
  return `#compdef conductor\n${functions}\ncompdef _conductor conductor\n`;
}

function fish(entries: readonly Entry[]): string {
  const lines = entries.flatMap((entry) => {
    const condition = fishCondition(entry);
    return [
      ...entry.subcommands.map((each) =>
        `complete -c conductor -f -n ${condition} -a ${each.name} -d ${quoted(each.text)}`
      ),
      ...entry.options.map((option) => {
        const choices = option.argChoices === undefined
          ? ""
          : ` -f -a ${quoted(option.argChoices.join(" "))}`;
        const value = option.required ? " -r" : "";
        const long = (option.long ?? "").replace(/^--/, "");
        return `complete -c conductor -n ${condition} -l ${long}${value}${choices} -d ${
          quoted(option.description)
        }`;
      }),
    ];
  });
  return `# fish completion for conductor\n${lines.join("\n")}\n`;
}

function fishCondition({ path, subcommands }: Entry): string {
  if (path.length === 0) return "__fish_use_subcommand";
  const seen = path.map((word) => `__fish_seen_subcommand_from ${word}`).join("; and ");
  const names = subcommands.map((each) => each.name).join(" ");
  const unseen = names === "" ? "" : `; and not __fish_seen_subcommand_from ${names}`;
  return quoted(`${seen}${unseen}`);
}

/** Flags whose values can be counted, with them. */
function valueCases(entries: readonly Entry[]): [string, readonly string[]][] {
  const found = new Map<string, readonly string[]>();
  for (const { options } of entries) {
    for (const option of options) {
      if (option.argChoices === undefined || option.long === undefined) continue;
      const names = option.short === undefined ? option.long : `${option.long}|${option.short}`;
      found.set(names, option.argChoices);
    }
  }
  return [...found];
}

function pathsOf(entries: readonly Entry[]): string[] {
  return entries.filter((each) => each.path.length > 0).map((each) => each.path.join(" "));
}

function zshName(path: readonly string[]): string {
  return ["_conductor", ...path].join("_").replaceAll("-", "_");
}

function zshText(text: string): string {
  return text.replace(/[[\]:]/g, (character) => `\\${character}`);
}

function zshValue(option: Option): string {
  if (!option.required && !option.optional) return "";
  const optional = option.optional ? ":" : "";
  const choices = option.argChoices === undefined ? "_files" : `(${option.argChoices.join(" ")})`;
  return `${optional}:value:${choices}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
