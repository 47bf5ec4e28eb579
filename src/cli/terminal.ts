/**
 * Where a command reads and writes: stdout for answers, stderr for everything else.
 *
 * @module
 */

import colors from "picocolors";
import { reasonOf } from "./reason.ts";
import { hasLostReader } from "./reader.ts";

const STDOUT = 1;
/** How long a stream that takes nothing for the moment is left alone. */
const FULL_PAUSE_MS = 5;

/** Styles for people; identity functions where nothing can be drawn, or NO_COLOR is set. */
export interface Styles {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
}

/** What a text for people is laid out for. */
export interface Sheet {
  readonly style: Styles;
  /** Places in a line; infinite where lines may be as long as they are. */
  readonly columns: number;
  /** Nothing is said of columns that were left out. */
  readonly isCurt?: boolean;
}

/** One stream and how it may be written to. */
export interface Sink {
  readonly isTerminal: boolean;
  /** It is one that knows escape sequences: what stands there can be written over. */
  readonly canDraw: boolean;
  readonly style: Styles;
  /** Width of the terminal in characters. */
  columns(): number;
  /** Height of the terminal in lines. */
  rows(): number;
  write(text: string): void;
  /** Nobody reads any more, as far as can be known without writing; absent: it cannot. */
  readonly isAbandoned?: () => boolean;
}

export interface Terminal {
  readonly out: Sink;
  readonly err: Sink;
}

/** The process's own streams. */
export function processTerminal(): Terminal {
  const out = { ...sinkOver(Deno.stdout, "stdout"), isAbandoned: () => hasLostReader(STDOUT) };
  return { out, err: forgiving(sinkOver(Deno.stderr, "stderr")) };
}

/**
 * A full disk below stderr takes away what is told beside an answer. It must not take the answer too, with the id of
 * what was submitted, nor the exit code.
 */
export function forgiving(sink: Sink): Sink {
  return {
    ...sink,
    write(text) {
      try {
        sink.write(text);
      } catch (failure) {
        // Who has left wants no more of it. Of anything else there is nowhere to tell.
        if (failure instanceof Deno.errors.BrokenPipe) throw failure;
      }
    },
  };
}

/** Bytes as they are, on the process's stdout. */
export function writeBytes(bytes: Uint8Array): Promise<void> {
  return Promise.try(() => writeAll(Deno.stdout, "stdout", bytes));
}

/**
 * Writes all of it, however slowly it is read.
 *
 * @throws {Deno.errors.BrokenPipe} when nobody reads any more
 * @throws Error with a sentence for the operator
 */
export function writeAll(
  stream: Pick<typeof Deno.stdout, "writeSync">,
  name: string,
  bytes: Uint8Array,
): void {
  for (let written = 0; written < bytes.byteLength;) {
    try {
      written += stream.writeSync(bytes.subarray(written));
    } catch (cause) {
      if (cause instanceof Deno.errors.BrokenPipe) throw cause;
      if (!(cause instanceof Deno.errors.WouldBlock)) {
        throw new Error(`cannot write to ${name}: ${reasonOf(cause)}`, { cause });
      }
      // Another process that has the same pipe or terminal made it non-blocking.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PAUSE_MS);
    }
  }
}

/** For commands within a command: nothing that they say is shown. */
export function silentTerminal(): Terminal {
  const style = colors.createColors(false);
  const sink: Sink = {
    isTerminal: false,
    canDraw: false,
    style,
    columns: () => 80,
    rows: () => 24,
    write() {},
  };
  return { out: sink, err: sink };
}

/** Takes away what could move a terminal's cursor or forge a line: for text that others wrote. */
export function printable(text: string): string {
  return withoutTreachery(text.replace(
    /\p{Cc}/gu,
    (character) => character === "\t" ? " " : escaped(character),
  ));
}

/**
 * Escapes, as JSON and YAML's double-quoted texts have it, what these let through and a terminal or a
 * reader's eye would obey: DEL and the C1 controls, which YAML forbids, too (some terminals take U+009B
 * for ESC [), separators of lines, and marks that turn the direction of writing.
 */
export function withoutTreachery(text: string): string {
  return text.replace(TREACHEROUS, escaped);
}

/** Whether {@linkcode withoutTreachery} would change it. */
export function isTreacherous(text: string): boolean {
  return text.search(TREACHEROUS) !== -1;
}

const TREACHEROUS = /[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]/g;

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** {@linkcode printable} for a text of several lines, such as CSV with the line ends of RFC 4180. */
export function printableLines(text: string): string {
  return text.split(/\r?\n/).map(printable).join("\n");
}

function sinkOver(stream: typeof Deno.stdout | typeof Deno.stderr, name: string): Sink {
  const isTerminal = stream.isTerminal();
  const canDraw = isTerminal && Deno.env.get("TERM") !== "dumb";
  const noColor = (Deno.env.get("NO_COLOR") ?? "") !== "";
  const encoder = new TextEncoder();
  return {
    isTerminal,
    canDraw,
    style: colors.createColors(canDraw && !noColor),
    columns() {
      // A terminal that does not know its width says 0.
      return isTerminal ? Deno.consoleSize().columns || 80 : 80;
    },
    rows() {
      return isTerminal ? Deno.consoleSize().rows || 24 : 24;
    },
    write(text) {
      writeAll(stream, name, encoder.encode(text));
    },
  };
}
