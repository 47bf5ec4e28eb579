/**
 * What a payload may say about how its CSV is written.
 *
 * @module
 */

import { z } from "zod";
import { ruleAbout } from "../rule_about.ts";

const singleCharacter = z.string().refine(
  (text) => text.length === 1 && text !== "\n" && text !== "\r",
  "must be one character, and no line break",
);

const csvFields = z.strictObject({
  /** Default: tab for tsv; otherwise whichever of `,` `;` tab `|` the first line holds most of. */
  delimiter: z.string().min(1).max(8).regex(/^[^\r\n"]*$/, "must hold no quote or line break")
    .optional(),
  /** False: the first line is data already, and the columns are column_1, column_2 ... */
  header: z.boolean().default(true),
  /** Null: quotes mean nothing. */
  quote: singleCharacter.nullable().default('"'),
  /** Fields that mean "no value". An empty field always does. */
  null_values: z.array(z.string()).max(100).default([]),
  /** A WHATWG label such as utf-8, utf-16le, windows-1252, shift_jis. Default utf-8, or the BOM's. */
  encoding: z.string().refine(isEncoding, "is not an encoding known here").optional(),
  /** Removes spaces and tabs around unquoted fields. */
  trim: z.boolean().default(false),
  /** Rows with fewer fields than the first line: filled with nulls, left out, or an error. */
  short_rows: z.enum(["fill", "skip", "error"]).default("fill"),
  /** Rows with more fields than the first line: an error, left out, or cut to its width. */
  long_rows: z.enum(["error", "skip", "cut"]).default("error"),
  /** The decimal sign of numbers. */
  decimal: z.enum([".", ","]).default("."),
  /** What stands between groups of three digits; a space means those that do not break, too. */
  thousands: z.enum(["", ",", ".", " ", "'", "_"]).default(""),
  /** How dates are written: 2024-12-31, or 31.12.2024 (dmy), or 12/31/2024 (mdy); `.`, `/` or `-`. */
  dates: z.enum(["iso", "dmy", "mdy"]).default("iso"),
});
/** How CSV is to be read, checked. */
export const csvOptions = csvFields.refine(({ decimal, thousands }) => decimal !== thousands, {
  error: "is the decimal sign too; name another for one of them",
  path: ["thousands"],
  ...ruleAbout("decimal", "thousands"),
});

function isEncoding(label: string): boolean {
  try {
    new TextDecoder(label);
    return true;
  } catch {
    return false;
  }
}

/** How CSV is to be read. */
export type CsvOptions = z.infer<typeof csvOptions>;
