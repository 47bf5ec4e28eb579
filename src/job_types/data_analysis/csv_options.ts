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
  delimiter: z.string().min(1).max(8).regex(/^[^\r\n"]*$/, "must hold no quote or line break")
    .optional().describe(
      "Left out: as a first line such as sep=; says (it is no row in any case); else tab for tsv, and " +
        "whichever of , ; tab | cuts the first lines into equal rows of most fields.",
    ),
  header: z.boolean().default(true).describe(
    "False: the first line is data already, and the columns are column_1, column_2 and so on. Names " +
      "that come twice get _2, _3.",
  ),
  quote: singleCharacter.nullable().default('"').describe(
    "Around fields with delimiters or line breaks; written twice within. Null: quotes mean nothing.",
  ),
  null_values: z.array(z.string()).max(100).default([])
    .describe('Fields that mean "no value", such as NA. An empty field always does.'),
  encoding: z.string().refine(isEncoding, "is not an encoding known here").optional().describe(
    "A WHATWG label such as windows-1252, latin1, utf-16le, shift_jis. Left out: as a byte order " +
      "mark says, else utf-8, or where it is not that, as its server says.",
  ),
  trim: z.boolean().default(false)
    .describe(
      "Remove spaces and tabs around unquoted fields and quotes; reads at a third of the pace.",
    ),
  short_rows: z.enum(["fill", "skip", "error"]).default("fill").describe(
    "Rows with fewer fields than the first line: filled with nulls, left out, or an error. The " +
      "result counts them.",
  ),
  long_rows: z.enum(["error", "skip", "cut"]).default("error").describe(
    "Rows with more fields than the first line: an error, left out, or cut to its width.",
  ),
  decimal: z.enum([".", ","]).default(".").describe("The decimal sign of numbers."),
  thousands: z.enum(["", ",", ".", " ", "'", "_"]).default("").describe(
    "What may stand between groups of three digits; a space means those that do not break, too.",
  ),
  dates: z.enum(["iso", "dmy", "mdy"]).default("iso").describe(
    "How dates are written besides 2024-12-31: 31.12.2024 (dmy) or 12/31/2024 (mdy), with . / or - " +
      "and maybe a time. They come back as ISO 8601.",
  ),
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
