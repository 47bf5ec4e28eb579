/**
 * One way to print what a command has to say: for people as text that fits their terminal, for
 * programs as JSON, YAML, or JSON Lines.
 *
 * @module
 */

import { Document, visit } from "yaml";
import { parseBigIntegers } from "../json/mod.ts";
import type { OutputFormat } from "./options.ts";
import type { Flags } from "./router.ts";
import {
  isTreacherous,
  type Sheet,
  type Sink,
  type Terminal,
  withoutTreachery,
} from "./terminal.ts";

/** What a command has to say. */
export interface Answer {
  /** For programs; members that are undefined are left out. */
  readonly json: unknown;
  /** The member of `json` whose elements are a line each in JSON Lines; left out: all is one line. */
  readonly list?: string;
  /** For people; each line ends with a line feed. */
  readonly text: (sheet: Sheet) => string;
  /** For stderr, where the whole `json` is not printed: that there is more, and how to get it. */
  readonly note?: string;
}

/** Prints an answer as `--output` and `--wide` ask for. */
export function tell(flags: Flags, { out, err }: Terminal, answer: Answer): void {
  const format = formatOf(flags);
  out.write(rendered(answer, format, sheetOf(flags, out)));
  const isCut = format === "table" || format === "jsonl";
  if (isCut && answer.note !== undefined) err.write(`${answer.note}\n`);
}

/**
 * {@linkcode tell} of what was made just now and whose id nobody has yet: where it cannot be written, the
 * failure says it, or the same would be made once more.
 *
 * @param made "job 7 is submitted"
 * @throws Error with that
 */
export function tellMade(flags: Flags, terminal: Terminal, answer: Answer, made: string): void {
  try {
    tell(flags, terminal, answer);
  } catch (cause) {
    const isUnread = cause instanceof Deno.errors.BrokenPipe;
    const why = isUnread ? "nobody reads stdout" : (cause as Error).message;
    throw new Error(`${why}; ${made}`, { cause });
  }
}

/** The answer in one format. */
export function rendered(answer: Answer, format: OutputFormat, sheet: Sheet): string {
  switch (format) {
    case "table":
      return answer.text(sheet);
    case "json":
      return `${withoutTreachery(JSON.stringify(answer.json, null, 2))}\n`;
    case "yaml":
      return yamlText(answer.json);
    case "jsonl":
      return linesOf(answer).map(jsonLine).join("");
  }
}

/** One value of a stream of values, such as an event: a document in YAML, a line elsewhere. */
export function streamed(value: unknown, format: Exclude<OutputFormat, "table">): string {
  return format === "yaml" ? `---\n${yamlText(value)}` : jsonLine(value);
}

/** The elements that are a line each in JSON Lines. */
export function linesOf({ json, list }: Answer): readonly unknown[] {
  return list === undefined ? [json] : (json as Record<string, readonly unknown[]>)[list]!;
}

export function jsonLine(value: unknown): string {
  return `${withoutTreachery(JSON.stringify(value))}\n`;
}

/** How `--output` asks to print; commands without the flag print for people. */
export function formatOf(flags: Flags): OutputFormat {
  return (flags.output as OutputFormat | undefined) ?? "table";
}

/** What `out` has room for: a pipe, and `--wide`, for all there is. */
export function sheetOf(flags: Flags, { isTerminal, style, columns }: Sink): Sheet {
  const isBounded = isTerminal && flags.wide !== true;
  return { style, columns: isBounded ? columns() : Number.POSITIVE_INFINITY };
}

/** Texts are quoted where a reader of YAML 1.1, as PyYAML is one, would take them for something else. */
function yamlText(value: unknown): string {
  // Through JSON, so that both formats leave out and convert the same; long texts stay on one line. A
  // payload's ids of 64 bits keep their digits.
  const plain = parseBigIntegers(JSON.stringify(value ?? null));
  const document = new Document(plain, { compat: "yaml-1.1", aliasDuplicateObjects: false });
  visit(document, {
    Scalar(_, node) {
      // Only there can it be escaped.
      if (typeof node.value === "string" && isTreacherous(node.value)) node.type = "QUOTE_DOUBLE";
    },
  });
  return withoutTreachery(document.toString({ lineWidth: 0 }));
}
