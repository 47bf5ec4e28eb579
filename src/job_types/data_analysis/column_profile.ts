/**
 * Infers a column's type from all of its values, one pass, a few flags of memory. Nothing is
 * decided from a sample: a column is numeric only if its last value is, too.
 *
 * @module
 */

import { isDate, type TimestampShape, timestampShape } from "./timestamp.ts";

/** What a column holds. Dates and timestamps are ISO 8601 text, `json` is nested values as text. */
export type ColumnType = "integer" | "real" | "boolean" | "date" | "timestamp" | "text" | "json";

/** A column whose values have all been seen. */
export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  /** Where it is stored: the column `c<index>` of the raw table. */
  readonly index: number;
  /** An integer column with values beyond ±(2^53 - 1), which a JavaScript number cannot hold. */
  readonly isWide: boolean;
  /** A numeric column that writes NaN or an infinity somewhere. */
  readonly hasSpecials: boolean;
  /** A timestamp column in several shapes: digits of a second's fraction to bring them all to. */
  readonly uniformDigits: number | undefined;
}

/** Types that the value seen so far leave open, as bits. */
const INTEGER = 1, REAL = 2, BOOLEAN = 4, DATE = 8, TIMESTAMP = 16, JSON_TEXT = 32;
const ALL = INTEGER | REAL | BOOLEAN | DATE | TIMESTAMP | JSON_TEXT;

/** Gathers what the values of one column have in common. */
export class ColumnProfile {
  /** Bits of the types that fit every value so far; 0 is text for good. */
  #fitting = ALL;
  #sawValue = false;
  #sawNumber = false;
  #sawWide = false;
  #sawSpecial = false;
  #shape: TimestampShape | undefined;
  #hasMixedShapes = false;
  #hasMixedZones = false;
  #fractionDigits = 0;

  /** Whether every value so far is a finite number that loses nothing as a double. */
  get isPlainNumeric(): boolean {
    return (this.#fitting & REAL) !== 0 && this.#sawNumber && !this.#sawWide && !this.#sawSpecial;
  }

  /** A value of a format without types: it is what it looks like. */
  observe(text: string): void {
    this.#sawValue = true;
    if (this.#fitting !== 0) this.#fitting &= this.#kindsOf(text);
  }

  /** A JSON string: a date or text, but no number, whatever it looks like. */
  observeString(text: string): void {
    this.#sawValue = true;
    if (this.#fitting & (DATE | TIMESTAMP)) this.#fitting &= this.#timeKindsOf(text);
    else this.#fitting = 0;
  }

  /** A JSON number; a bigint is an integer literal beyond what a number holds. */
  observeNumber(value: number | bigint): void {
    this.#sawValue = true;
    this.#sawNumber = true;
    if (typeof value === "bigint") {
      this.#sawWide = true;
      this.#fitting &= BigInt.asIntN(64, value) === value ? INTEGER | REAL : 0;
    } else {
      // JSON has no infinity, but numbers that are too great for a double.
      if (!Number.isFinite(value)) this.#sawSpecial = true;
      this.#fitting &= Number.isSafeInteger(value) ? INTEGER | REAL : REAL;
    }
  }

  observeBoolean(): void {
    this.#sawValue = true;
    this.#fitting &= BOOLEAN;
  }

  /** A nested JSON value, kept as its text. */
  observeNested(): void {
    this.#sawValue = true;
    this.#fitting &= JSON_TEXT;
  }

  /** The column, once every value has been observed. */
  resolve(name: string, index: number): Column {
    const type = this.#type();
    const isNumeric = type === "integer" || type === "real";
    return {
      name,
      type,
      index,
      isWide: type === "integer" && this.#sawWide,
      hasSpecials: isNumeric && this.#sawSpecial,
      uniformDigits: type === "timestamp" && this.#hasMixedShapes
        ? this.#fractionDigits
        : undefined,
    };
  }

  #type(): ColumnType {
    if (!this.#sawValue) return "text";
    const fitting = this.#fitting;
    // A column of nothing but NaN says nothing about numbers.
    if (fitting & INTEGER) return this.#sawNumber ? "integer" : "text";
    // A fraction beside an integer that a double would round: keep every digit.
    if (fitting & REAL) return this.#sawNumber && !this.#sawWide ? "real" : "text";
    if (fitting & BOOLEAN) return "boolean";
    if (fitting & DATE) return "date";
    // Local times and instants cannot be ordered among each other.
    if (fitting & TIMESTAMP) return this.#hasMixedZones ? "text" : "timestamp";
    return fitting & JSON_TEXT ? "json" : "text";
  }

  #kindsOf(text: string): number {
    const first = text.charCodeAt(0);
    if (this.#fitting & REAL) {
      // Digits, minus, point, space, tab, or the first letters of NaN and Infinity.
      const kinds = first <= 0x39 ? this.#numberKindsOf(text) : this.#specialKindsOf(text);
      if (kinds !== 0) return kinds;
    }
    if (first >= 0x30 && first <= 0x39) return this.#timeKindsOf(text);
    return this.#fitting & BOOLEAN && isBoolean(text) ? BOOLEAN : 0;
  }

  #numberKindsOf(text: string): number {
    const form = numberForm(text);
    if (form === "none") return text.includes("-") ? this.#specialKindsOf(text) : 0;
    this.#sawNumber = true;
    if (form === "real") return REAL;
    if (form === "wide") {
      this.#sawWide = true;
      return BigInt.asIntN(64, BigInt(text.trim())) === BigInt(text.trim()) ? INTEGER | REAL : 0;
    }
    return INTEGER | REAL;
  }

  #specialKindsOf(text: string): number {
    const special = specialNumber(text);
    if (special === undefined) return 0;
    this.#sawSpecial = true;
    return special === "nan" ? INTEGER | REAL : REAL;
  }

  #timeKindsOf(text: string): number {
    if (this.#fitting & DATE && isDate(text)) return DATE;
    if (!(this.#fitting & TIMESTAMP)) return 0;
    const shape = timestampShape(text);
    if (shape === undefined) return 0;
    const known = this.#shape ??= shape;
    this.#fractionDigits = Math.max(this.#fractionDigits, shape.fractionDigits);
    if (
      known.separator !== shape.separator || known.zone !== shape.zone ||
      known.fractionDigits !== shape.fractionDigits
    ) {
      this.#hasMixedShapes = true;
      if ((known.zone === "") !== (shape.zone === "")) this.#hasMixedZones = true;
    }
    return TIMESTAMP;
  }
}

/** A safe integer, one of more digits than a double holds, another number, or none at all. */
type NumberForm = "integer" | "wide" | "real" | "none";

/**
 * JSON's grammar of numbers, with `.5` and `5.` allowed too, and spaces or tabs around. Not a
 * number: what would lose something as one, that is leading zeros (`00123`, a postcode) and a
 * leading plus (a telephone number). Written out because it sees every field of a file.
 */
export function numberForm(text: string): NumberForm {
  let at = 0;
  let end = text.length;
  while (at < end && isSpace(text.charCodeAt(at))) at++;
  while (end > at && isSpace(text.charCodeAt(end - 1))) end--;
  if (text.charCodeAt(at) === 0x2d && at < end) at++;
  const digitsFrom = at;
  while (at < end && isDigit(text.charCodeAt(at))) at++;
  const digits = at - digitsFrom;
  if (digits > 1 && text.charCodeAt(digitsFrom) === 0x30) return "none";
  if (at === end) {
    if (digits < 16) return digits === 0 ? "none" : "integer";
    return Number.isSafeInteger(Number(text)) ? "integer" : "wide";
  }
  let fractionDigits = 0;
  if (text.charCodeAt(at) === 0x2e) {
    at++;
    const fractionFrom = at;
    while (at < end && isDigit(text.charCodeAt(at))) at++;
    fractionDigits = at - fractionFrom;
  }
  if (digits + fractionDigits === 0) return "none";
  if (at < end) {
    if ((text.charCodeAt(at) | 0x20) !== 0x65) return "none";
    at++;
    const sign = text.charCodeAt(at);
    if (sign === 0x2b || sign === 0x2d) at++;
    if (at === end) return "none";
    while (at < end && isDigit(text.charCodeAt(at))) at++;
    if (at < end || !Number.isFinite(Number(text))) return "none";
  }
  return digits < 300 || Number.isFinite(Number(text)) ? "real" : "none";
}

/** NaN, and the two infinities, as Python, C, JavaScript and R write them. */
function specialNumber(text: string): "nan" | "infinity" | "-infinity" | undefined {
  if (text.length > 9) return undefined;
  switch (text.toLowerCase()) {
    case "nan":
      return "nan";
    case "inf":
    case "infinity":
      return "infinity";
    case "-inf":
    case "-infinity":
      return "-infinity";
    default:
      return undefined;
  }
}

function isBoolean(text: string): boolean {
  if (text.length !== 4 && text.length !== 5) return false;
  const lower = text.toLowerCase();
  return lower === "true" || lower === "false";
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
