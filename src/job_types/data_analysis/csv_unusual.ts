/**
 * Reads CSV that the fast reader does not know: spaces around fields, before an opening quote too
 * (`csv.trim`), a CR alone as the end of a line, and empty fields in quotes that are all of a line.
 *
 * @module
 */

import { type Options, parse, type Parser } from "csv-parse";
import { PermanentJobError } from "../contract.ts";
import { type CsvRecords, type CsvTerms, quoteRemedy, refuseNul, tooLong } from "./csv_rows.ts";

/**
 * The records of a text whose first line is number `lines`. Line ends may be LF, CRLF or CR, mixed.
 *
 * @throws {PermanentJobError} from the iteration, for text that is no CSV, with its line.
 */
export async function* unusualCsvRecords(
  text: AsyncIterable<string>,
  terms: CsvTerms,
  firstLine = 1,
): AsyncGenerator<CsvRecords> {
  const parser = parse(parserOptions(terms));
  // The error is looked for after each piece; without a listener it would end the process.
  parser.on("error", () => {});
  let lines = firstLine;
  for await (const piece of text) {
    refuseNul(piece, lines);
    // Parses at once, all of it; what was read is taken out before the next piece goes in, so the
    // parser never holds more than one piece's records.
    if (piece !== "") parser.write(piece);
    const records = drained(parser);
    if (parser.errored) throw explained(parser.errored, terms, firstLine);
    yield { records, hasBlankLines: false, lineOf: lineCounter(lines) };
    lines = firstLine - 1 + parser.info.lines;
  }
  parser.end();
  const rest: string[][] = [];
  try {
    for await (const record of parser) rest.push(record);
  } catch (error) {
    throw explained(error, terms, firstLine);
  }
  yield { records: rest, hasBlankLines: false, lineOf: lineCounter(lines) };
}

/** Near enough: a record that began in the piece before counts for one line here. */
function lineCounter(from: number): (index: number) => number {
  return (index) => from + index;
}

function parserOptions({ delimiter, quote, trim, recordLengthMax }: CsvTerms): Options {
  return {
    delimiter,
    quote: quote ?? false,
    escape: quote,
    trim,
    // A quote within an unquoted field is text, as it is to the fast reader.
    relax_quotes: true,
    record_delimiter: ["\r\n", "\n", "\r"],
    skip_empty_lines: true,
    // Widths are judged where all records pass.
    relax_column_count: true,
    max_record_size: recordLengthMax,
  };
}

function drained(parser: Parser): string[][] {
  const records: string[][] = [];
  for (let record = parser.read(); record !== null; record = parser.read()) records.push(record);
  return records;
}

function explained(error: unknown, terms: CsvTerms, firstLine: number): unknown {
  if (!(error instanceof Error) || !("code" in error)) return error;
  const within = "lines" in error && typeof error.lines === "number" ? error.lines : 1;
  const line = firstLine - 1 + within;
  if (error.code === "CSV_MAX_RECORD_SIZE") return tooLong(line, terms);
  return new PermanentJobError(
    `Line ${line} of the CSV: ${faultOf(error.code, error.message)} ${quoteRemedy(terms)}`,
    { cause: error },
  );
}

function faultOf(code: unknown, message: string): string {
  switch (code) {
    case "CSV_QUOTE_NOT_CLOSED":
      return "a quoted field begins and the file ends before it does.";
    case "CSV_INVALID_CLOSING_QUOTE":
    case "CSV_NON_TRIMABLE_CHAR_AFTER_CLOSING_QUOTE":
      return "text follows the closing quote of a field.";
    default:
      return `${message}.`;
  }
}
