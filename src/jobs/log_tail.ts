/**
 * What is kept of the lines that an attempt logs: the last ones, within bounds. Lines are numbered from
 * 1, so that whoever is told some of them twice, or misses some, knows which.
 *
 * @module
 */

import { JOB_LIMITS } from "./job.ts";

/** How much of a log is kept. */
export interface LogBounds {
  readonly linesMax: number;
  /** All lines together. */
  readonly charactersMax: number;
}

/** What is kept unless somebody wants less. */
export const LOG_BOUNDS: LogBounds = {
  linesMax: JOB_LIMITS.logTailLinesMax,
  charactersMax: JOB_LIMITS.logTailCharactersMax,
};

/** The last lines of a log that goes on. */
export class LogTail {
  #lines: string[] = [];
  #characters = 0;
  #nextLine = 1;

  /** The number of the line that comes next. */
  get nextLine(): number {
    return this.#nextLine;
  }

  /** The number of the first of `lines`. */
  get firstLine(): number {
    return this.#nextLine - this.#lines.length;
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  add(line: string, { linesMax, charactersMax }: LogBounds = LOG_BOUNDS): void {
    this.#lines.push(line);
    this.#characters += line.length;
    this.#nextLine++;
    while (this.#lines.length > linesMax || this.#characters > charactersMax) {
      this.#characters -= this.#lines.shift()!.length;
    }
  }

  /** The lines before this one are not known, or not any more. */
  restartAt(line: number): void {
    this.#lines = [];
    this.#characters = 0;
    this.#nextLine = line;
  }
}

/** The last of these lines, within bounds. */
export function lastLines(
  lines: readonly string[],
  { linesMax, charactersMax }: LogBounds,
): readonly string[] {
  let characters = 0;
  let first = lines.length;
  while (first > 0 && lines.length - first < linesMax) {
    characters += lines[first - 1]!.length;
    if (characters > charactersMax) break;
    first--;
  }
  return first === 0 ? lines : lines.slice(first);
}

/** Lines as they are shown and stored: where earlier ones are missing, one line says so. */
export function withCutNotice(lines: readonly string[], linesCut: number): readonly string[] {
  return linesCut === 0 ? lines : [`[${linesCut} earlier lines were cut]`, ...lines];
}

/** The number of the first line of such lines; the notice has the number of the last that is missing. */
export function firstLineOf(lines: readonly string[]): number {
  const cut = /^\[(\d+) earlier lines were cut\]$/.exec(lines[0] ?? "");
  return cut === null ? 1 : Number(cut[1]);
}
