/**
 * `conductor man`.
 *
 * @module
 */

import type { Command } from "commander";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { nearest } from "../config/mod.ts";
import { reasonOf } from "./reason.ts";
import { Misuse, NegativeAnswer } from "./failure.ts";
import { manPage, manPages, type ManParts } from "./man_page.ts";
import type { Flags } from "./router.ts";
import type { Terminal } from "./terminal.ts";

/** Prints the page of the command that `words` name, or writes all of them into a directory. */
export function printManual(
  words: readonly string[],
  flags: Flags,
  { program, parts }: { readonly program: Command; readonly parts: ManParts },
  { out, err }: Terminal,
): void {
  const { directory } = flags;
  if (typeof directory !== "string") {
    out.write(manPage(commandNamed(words, program), parts));
    return;
  }
  if (words.length > 0) {
    throw new Misuse(`--directory gets every page; leave ${words.join(" ")} out`);
  }
  const pages = manPages(program, parts);
  try {
    mkdirSync(directory, { recursive: true });
    for (const { name, text } of pages) Deno.writeTextFileSync(join(directory, name), text);
  } catch (cause) {
    throw new NegativeAnswer(`cannot write to ${directory}: ${reasonOf(cause)}`, { cause });
  }
  err.write(
    `${pages.length} pages are in ${directory}; \`man -M\` finds them if it is called man1\n`,
  );
}

function commandNamed(words: readonly string[], program: Command): Command {
  return words.reduce((command, word) => {
    const found = command.commands.find((each) => each.name() === word);
    if (found !== undefined) return found;
    const near = nearest(word, command.commands.map((each) => each.name()));
    throw new Misuse(
      `there is no command ${JSON.stringify(words.join(" "))}` +
        (near === undefined ? "" : ` (did you mean ${near}?)`),
    );
  }, program);
}
