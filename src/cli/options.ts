import { type Command, Option } from "commander";

/** How answers are printed: for people, or for programs. */
const OUTPUT_FORMATS = ["table", "json", "yaml", "jsonl"] as const;
export type OutputFormat = typeof OUTPUT_FORMATS[number];

/** Adds the flags that say how a command prints what it found. */
export function withOutput(command: Command): Command {
  return command.addOption(
    new Option("-o, --output <format>", "how to print answers").choices([...OUTPUT_FORMATS])
      .default("table"),
  ).option("--wide", "print tables as wide as they are, even if the terminal is narrower");
}

/** Adds `--watch` to a command that tells how something stands. */
export function withWatch(command: Command): Command {
  return command.option(
    "--watch [interval]",
    "print it again and again until Ctrl-C, every two seconds or as often as said here",
  );
}

/** What flags say of themselves that bound a wait; see `within`. */
export const TIMEOUT_HELP = "wait no longer than this; exit code 124 if it is not at its end then";
export const WAIT_TIMEOUT_HELP = "as --wait, but no longer than this; exit code 124 then";

/** An option whose values are shown and completed; the master refuses others. */
export function withValues(flags: string, description: string, values: readonly string[]): Option {
  const option = new Option(flags, description);
  option.argChoices = [...values];
  return option;
}
