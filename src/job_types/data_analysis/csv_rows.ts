/**
 * Reads CSV (RFC 4180, as far as files keep to it) from a stream of text, in batches of rows.
 *
 * @module
 */

import { type Options, parse, type Parser } from "csv-parse";
import { PermanentJobError } from "../contract.ts";
import type { CsvOptions } from "./payload.ts";

/** How a CSV text is to be read. */
export interface CsvTerms extends Pick<CsvOptions, "quote" | "trim" | "short_rows"> {
  readonly delimiter: string;
  /** Longest record, in bytes: a quote that is never closed must not swallow the file. */
  readonly recordBytesMax: number;
}

/**
 * The records of a CSV text, the header line among them. Empty lines are skipped; line ends may be
 * LF, CRLF or CR, mixed too.
 *
 * @throws {PermanentJobError} from the iteration, for text that is no CSV, with its line.
 */
export async function* csvRows(
  text: AsyncIterable<string>,
  terms: CsvTerms,
): AsyncGenerator<string[][]> {
  const parser = parse(parserOptions(terms));
  // The error is looked for after each piece; without a listener it would end the process.
  parser.on("error", () => {});
  let lines = 1;
  for await (const piece of text) {
    refuseNul(piece, lines);
    // Parses at once, all of it; what was read is taken out before the next piece goes in, so the
    // parser never holds more than one piece's records.
    if (piece !== "") parser.write(piece);
    const records = drained(parser);
    requireHealthy(parser, terms);
    lines = parser.info.lines;
    if (records.length > 0) yield records;
  }
  parser.end();
  const rest: string[][] = [];
  try {
    for await (const record of parser) rest.push(record);
  } catch (error) {
    throw explained(error, terms);
  }
  if (rest.length > 0) yield rest;
}

function parserOptions({ delimiter, quote, trim, short_rows, recordBytesMax }: CsvTerms): Options {
  return {
    delimiter,
    quote: quote ?? false,
    escape: quote,
    trim,
    record_delimiter: ["\r\n", "\n", "\r"],
    skip_empty_lines: true,
    relax_column_count_less: short_rows === "fill",
    max_record_size: recordBytesMax,
  };
}

function drained(parser: Parser): string[][] {
  const records: string[][] = [];
  for (let record = parser.read(); record !== null; record = parser.read()) records.push(record);
  return records;
}

function requireHealthy(parser: Parser, terms: CsvTerms): void {
  if (parser.errored) throw explained(parser.errored, terms);
}

/** SQLite ends a text at its first NUL, so one in the data would lose what follows it. */
function refuseNul(piece: string, linesBefore: number): void {
  const at = piece.indexOf("\0");
  if (at < 0) return;
  const line = linesBefore + (piece.slice(0, at).match(/\n/g)?.length ?? 0);
  throw new PermanentJobError(
    `Line ${line} of the CSV holds a NUL character. If the file is UTF-16, say so in csv.encoding.`,
  );
}

function explained(error: unknown, terms: CsvTerms): unknown {
  if (!(error instanceof Error) || !("code" in error)) return error;
  const line = "lines" in error && typeof error.lines === "number" ? error.lines : 0;
  return new PermanentJobError(`Line ${line} of the CSV: ${faultOf(error, terms)}`, {
    cause: error,
  });
}

function faultOf(error: Error & { code: unknown }, { quote, recordBytesMax }: CsvTerms): string {
  const remedy = `A ${quote} within a quoted field is written twice; ` +
    "where quotes have no meaning, set csv.quote to null.";
  switch (error.code) {
    case "CSV_QUOTE_NOT_CLOSED":
      return `a quoted field begins and the file ends before it does. ${remedy}`;
    case "CSV_INVALID_CLOSING_QUOTE":
    case "CSV_NON_TRIMABLE_CHAR_AFTER_CLOSING_QUOTE":
      return `text follows the closing quote of a field. ${remedy}`;
    case "INVALID_OPENING_QUOTE":
    case "CSV_INVALID_OPENING_QUOTE":
      return `a quote stands in the middle of a field. ${remedy}`;
    case "CSV_RECORD_INCONSISTENT_FIELDS_LENGTH":
    case "CSV_RECORD_INCONSISTENT_COLUMNS": {
      const { expected, found } = fieldCounts(error);
      return `the row has ${found} fields, the first line ${expected}.`;
    }
    case "CSV_MAX_RECORD_SIZE":
      return `a row is longer than ${recordBytesMax} bytes; is a quote never closed? ${remedy}`;
    default:
      return error.message;
  }
}

function fieldCounts(error: Error): { expected: string; found: string } {
  const counts = /expect (\d+), got (\d+)/.exec(error.message);
  return { expected: counts?.[1] ?? "another number", found: counts?.[2] ?? "other" };
}
