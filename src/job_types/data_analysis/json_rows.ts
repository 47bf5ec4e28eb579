/**
 * Reads rows from JSON: one object a line (NDJSON), or a top-level array of objects of any length.
 *
 * The array is cut into the texts of its elements by counting brackets, and each is given to
 * `JSON.parse`: an element is held whole, the array never. Anything that is wrong within an element
 * is found by `JSON.parse`; what stands between elements is checked here.
 *
 * @module
 */

import { parseBigIntegers } from "../../json/mod.ts";
import { PermanentJobError } from "../contract.ts";

/** A JSON object. Integers that a number cannot hold are bigints, at any depth. */
export type JsonRow = Readonly<Record<string, unknown>>;

/** Bounds of reading. */
export interface JsonTerms {
  /** Longest text of one row, in UTF-16 units. */
  readonly recordLengthMax: number;
}

/**
 * The rows of a text with one object a line. Empty lines are skipped.
 *
 * @throws {PermanentJobError} from the iteration, with the line that is no JSON object.
 */
export async function* ndjsonRows(
  text: AsyncIterable<string>,
  { recordLengthMax }: JsonTerms,
): AsyncGenerator<JsonRow[]> {
  let unfinished: string[] = [];
  let unfinishedLength = 0;
  let line = 0;
  for await (const piece of text) {
    const lines = piece.split("\n");
    const last = lines.pop() ?? "";
    const rows: JsonRow[] = [];
    for (const [index, part] of lines.entries()) {
      line++;
      const whole = index === 0 ? unfinished.join("") + part : part;
      if (whole.trim() !== "") rows.push(parseRow(whole, line));
    }
    if (lines.length > 0) [unfinished, unfinishedLength] = [[], 0];
    unfinished.push(last);
    unfinishedLength += last.length;
    if (unfinishedLength > recordLengthMax) throw rowTooLong(line + 1, recordLengthMax);
    if (rows.length > 0) yield rows;
  }
  const whole = unfinished.join("");
  if (whole.trim() !== "") yield [parseRow(whole, line + 1)];
}

/**
 * The rows of a top-level array of objects, or of objects one after the other.
 *
 * @throws {PermanentJobError} from the iteration, with the line of what is wrong.
 */
export async function* jsonRows(
  text: AsyncIterable<string>,
  terms: JsonTerms,
): AsyncGenerator<JsonRow[]> {
  const cutter = new ArrayCutter(terms);
  for await (const piece of text) {
    const rows = cutter.push(piece);
    if (rows.length > 0) yield rows;
  }
  cutter.end();
}

/** What may come next: see {@linkcode ArrayCutter}. */
type Place = "start" | "element or end" | "element" | "comma or end" | "end" | "within";

const TAB = 0x09, LINE_FEED = 0x0a, CARRIAGE_RETURN = 0x0d, SPACE = 0x20;
const QUOTE = 0x22, BACKSLASH = 0x5c, COMMA = 0x2c;
const BRACKET = 0x5b, BRACKET_END = 0x5d, BRACE = 0x7b, BRACE_END = 0x7d;

class ArrayCutter {
  readonly #recordLengthMax: number;
  #place: Place = "start";
  #isArray = false;
  #line = 1;
  // Of the element being cut:
  #depth = 0;
  #isInString = false;
  #isEscaped = false;
  #parts: string[] = [];
  #partsLength = 0;
  #elementLine = 1;

  constructor({ recordLengthMax }: JsonTerms) {
    this.#recordLengthMax = recordLengthMax;
  }

  push(piece: string): JsonRow[] {
    const rows: JsonRow[] = [];
    let from = 0;
    for (let at = 0; at < piece.length; at++) {
      const code = piece.charCodeAt(at);
      if (code === LINE_FEED) this.#line++;
      if (this.#place !== "within") {
        if (code !== SPACE && code !== LINE_FEED && code !== CARRIAGE_RETURN && code !== TAB) {
          this.#between(code, piece, at);
          from = at;
        }
      } else if (this.#endsElement(code)) {
        rows.push(this.#finished(piece.slice(from, at + 1)));
      }
    }
    if (this.#place === "within") this.#keep(piece.slice(from));
    return rows;
  }

  end(): void {
    if (this.#place === "end") return;
    if (!this.#isArray && this.#place === "element or end") return;
    if (this.#place === "start") throw new PermanentJobError("The JSON is empty.");
    throw new PermanentJobError(
      this.#place === "within"
        ? `The JSON ends within the object that begins on line ${this.#elementLine}.`
        : `The JSON ends on line ${this.#line} before the ] of its array.`,
    );
  }

  /** A character between elements that is no space. */
  #between(code: number, piece: string, at: number): void {
    const place = this.#place;
    if (place === "start" && code === BRACKET) {
      this.#isArray = true;
      this.#place = "element or end";
    } else if (code === BRACE && place !== "comma or end" && place !== "end") {
      this.#place = "within";
      this.#depth = 1;
      this.#elementLine = this.#line;
    } else if (code === COMMA && place === "comma or end") {
      this.#place = "element";
    } else if (
      code === BRACKET_END && this.#isArray &&
      (place === "element or end" || place === "comma or end")
    ) {
      this.#place = "end";
    } else {
      throw new PermanentJobError(
        `Line ${this.#line} of the JSON: ${wanted(place)}, but there is ${
          JSON.stringify(piece.slice(at, at + 20))
        }.`,
      );
    }
  }

  /** Whether this character, one within an element, is the element's last. */
  #endsElement(code: number): boolean {
    if (this.#isInString) {
      if (this.#isEscaped) this.#isEscaped = false;
      else if (code === BACKSLASH) this.#isEscaped = true;
      else if (code === QUOTE) this.#isInString = false;
      return false;
    }
    if (code === QUOTE) this.#isInString = true;
    else if (code === BRACE || code === BRACKET) this.#depth++;
    else if (code === BRACE_END || code === BRACKET_END) return --this.#depth === 0;
    return false;
  }

  #finished(lastPart: string): JsonRow {
    const text = this.#parts.length === 0 ? lastPart : this.#parts.join("") + lastPart;
    [this.#parts, this.#partsLength] = [[], 0];
    this.#place = this.#isArray ? "comma or end" : "element or end";
    return parseRow(text, this.#elementLine);
  }

  #keep(part: string): void {
    this.#parts.push(part);
    this.#partsLength += part.length;
    if (this.#partsLength > this.#recordLengthMax) {
      throw rowTooLong(this.#elementLine, this.#recordLengthMax);
    }
  }
}

function wanted(place: Place): string {
  switch (place) {
    case "start":
      return "an array of objects is expected, or objects one after the other";
    case "comma or end":
      return "a comma or the ] of the array is expected";
    case "end":
      return "the array has ended";
    default:
      return "rows are objects, so a { is expected";
  }
}

function rowTooLong(line: number, lengthMax: number): PermanentJobError {
  return new PermanentJobError(
    `The object that begins on line ${line} of the JSON is longer than ${lengthMax} characters. ` +
      "Rows are the elements of a top-level array, or objects on lines of their own.",
  );
}

function parseRow(text: string, line: number): JsonRow {
  let value: unknown;
  try {
    value = parseBigIntegers(text);
  } catch (cause) {
    if (cause instanceof RangeError) {
      throw new PermanentJobError(`Line ${line} is nested too deeply to be read.`, { cause });
    }
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new PermanentJobError(`Line ${line} is not JSON: ${reason}.`, { cause });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonRow;
  throw new PermanentJobError(
    `Line ${line}: each row must be a JSON object, and this is ` +
      `${Array.isArray(value) ? "an array" : value === null ? "null" : `a ${typeof value}`}.`,
  );
}
