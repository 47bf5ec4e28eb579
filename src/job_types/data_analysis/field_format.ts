/**
 * How the fields of a CSV write numbers and dates, where it is not as `1234.5` and `2024-12-31`.
 *
 * The fields are stored as they are; the view makes numbers and dates of those columns that hold
 * nothing else, so that a version `1.234` or a room `12.3` in a column of texts stays what it was.
 *
 * @module
 */

import type { CsvOptions } from "./payload.ts";
import { literal } from "./sql_text.ts";

/** See {@linkcode fieldFormatOf}. */
export interface FieldFormat {
  /**
   * The field as this program writes numbers and dates; undefined for one that would be read
   * as a number though it is none here, as `1.5` where the decimal sign is a comma.
   */
  standard(field: string): string | undefined;
  /** SQL for the plain digits of a field of a numeric column. */
  numberSql(field: string): string;
  /** SQL for the ISO 8601 text of a field of a date or timestamp column. */
  dateSql(field: string): string;
}

/** In which order a date names day, month and year. */
export type DateOrder = CsvOptions["dates"];

/** What the options say about numbers and dates; undefined when they say nothing unusual. */
export function fieldFormatOf(
  { decimal, thousands, dates }: Pick<CsvOptions, "decimal" | "thousands" | "dates">,
): FieldFormat | undefined {
  if (decimal === "." && thousands === "" && dates === "iso") return undefined;
  const separators = thousands === " " ? SPACES : [...thousands];
  const groups = separators.map((separator) => `\\u${codeOf(separator)}`).join("");
  const mark = `\\u${codeOf(decimal)}`;
  const whole = groups === "" ? "\\d+" : `(?:\\d{1,3}(?:[${groups}]\\d{3})+|\\d+)`;
  const number = new RegExp(
    `^[ \\t]*-?(?:${whole}(?:${mark}\\d*)?|${mark}\\d+)(?:[eE][+-]?\\d+)?[ \\t]*$`,
  );
  const separator = groups === "" ? undefined : new RegExp(`[${groups}]`, "g");
  return {
    standard(field) {
      if (number.test(field)) {
        const digits = field.trim();
        const joined = separator === undefined ? digits : digits.replaceAll(separator, "");
        return decimal === "." ? joined : joined.replace(decimal, ".");
      }
      if (dates !== "iso") {
        const iso = isoDate(field, dates);
        if (iso !== undefined) return iso;
      }
      return LOOKS_LIKE_A_NUMBER.test(field) ? undefined : field;
    },
    numberSql(field) {
      const joined = separators.reduce(
        (sql, separator) => `replace(${sql}, ${literal(separator)}, '')`,
        `trim(${field}, ${literal(" \t")})`,
      );
      return decimal === "." ? joined : `replace(${joined}, ${literal(decimal)}, '.')`;
    },
    dateSql: (field) => dates === "iso" ? field : `iso_date(${field}, ${literal(dates)})`,
  };
}

/** A space, and the two that do not break, as typesetters and locales write them. */
const SPACES = [" ", "\u00a0", "\u202f"];

/** Digits with points and an exponent, which is a number where nothing else is said. */
const LOOKS_LIKE_A_NUMBER = /^[ \t]*-?[\d.]+(?:[eE][+-]?\d+)?[ \t]*$/;

function codeOf(character: string): string {
  return character.charCodeAt(0).toString(16).padStart(4, "0");
}

/** `31.12.2024`, `31/12/2024`, `31-12-2024`, with a time or without. */
const ORDERED =
  /^(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?:[ T](\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?))?$/;

/**
 * A date that begins with its day (`dmy`) or its month (`mdy`) as ISO 8601; undefined for other text.
 * Whether there is such a day is for the reader of ISO dates to judge.
 */
export function isoDate(text: string, order: DateOrder): string | undefined {
  const parts = ORDERED.exec(text);
  if (parts === null) return undefined;
  const [, first = "", , second = "", year, time] = parts;
  const [day, month] = order === "dmy" ? [first, second] : [second, first];
  const date = `${year}-${month.padStart(2, "0")}-${day.padStart(2, "0")}`;
  return time === undefined
    ? date
    : `${date} ${time.padStart(time.length + (time.indexOf(":") === 1 ? 1 : 0), "0")}`;
}
