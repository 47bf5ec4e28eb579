/**
 * Reads CSV (RFC 4180, as far as files keep to it) from a stream of text, in batches of rows.
 *
 * @module
 */

// @ts-types="@types/papaparse"
import Papa from "papaparse";
import { PermanentJobError } from "../contract.ts";
import type { CsvOptions } from "./payload.ts";
import { unusualCsvRecords } from "./csv_unusual.ts";

/** How a CSV text is to be read. */
export interface CsvTerms extends Pick<CsvOptions, "quote" | "trim" | "short_rows" | "long_rows"> {
  readonly delimiter: string;
  /** The first line names the delimiter, and is no row. */
  readonly hasSeparatorLine?: boolean;
  /** Longest record, in UTF-16 units: a quote that is never closed must not swallow the file. */
  readonly recordLengthMax: number;
}

/** How many rows did not have as many fields as the first line, and how many were left out for it. */
export interface RaggedRows {
  short: number;
  long: number;
  skipped: number;
}

/** Records that came from one piece of text. */
export interface CsvRecords {
  readonly records: string[][];
  /** Lines with nothing on them are among them, and cannot be told from an empty field in quotes. */
  readonly hasBlankLines: boolean;
  /** The line on which a record begins; asked for only when something is wrong with it. */
  lineOf(index: number): number;
}

/**
 * The records of a CSV text, the header line among them. Empty lines are skipped; line ends may be
 * LF, CRLF or CR, mixed too. Rows of another width than the first are treated as the terms say, and
 * counted in `ragged`.
 *
 * @throws {PermanentJobError} from the iteration, for text that is no CSV, with its line.
 */
export async function* csvRows(
  text: AsyncIterable<string>,
  terms: CsvTerms,
  ragged: RaggedRows = { short: 0, long: 0, skipped: 0 },
): AsyncGenerator<string[][]> {
  const batches = terms.trim ? unusualCsvRecords(text, terms) : csvRecords(text, terms);
  let width: number | undefined;
  let isToSkip = terms.hasSeparatorLine === true;
  for await (const { records, hasBlankLines, lineOf } of batches) {
    const rows: string[][] = [];
    for (let index = 0; index < records.length; index++) {
      const record = records[index]!;
      const isEmpty = record.length === 1 && record[0] === "";
      if (isEmpty && (hasBlankLines || width !== 1)) continue;
      if (isToSkip) {
        isToSkip = false;
        continue;
      }
      width ??= record.length;
      const row = record.length === width
        ? record
        : raggedRow(record, width, { terms, ragged, line: () => lineOf(index) });
      if (row !== undefined) rows.push(row);
    }
    if (rows.length > 0) yield rows;
  }
}

function raggedRow(
  record: string[],
  width: number,
  { terms, ragged, line }: { terms: CsvTerms; ragged: RaggedRows; line: () => number },
): string[] | undefined {
  const isShort = record.length < width;
  ragged[isShort ? "short" : "long"]++;
  switch (isShort ? terms.short_rows : terms.long_rows) {
    case "fill":
      return record;
    case "cut":
      return record.slice(0, width);
    case "skip":
      ragged.skipped++;
      return undefined;
    default:
      throw new PermanentJobError(
        `Line ${line()} of the CSV: the row has ${record.length} fields, the first line ${width}. ` +
          (isShort
            ? 'csv.short_rows may be "fill" or "skip".'
            : 'csv.long_rows may be "cut" or "skip".'),
      );
  }
}

/**
 * Papa Parse cuts one kind of line end only, but four times as fast as csv-parse does them all: it
 * reads what has LF and CRLF, and from the first CR alone the other one goes on, as it does where a
 * single column has empty fields in quotes.
 */
async function* csvRecords(
  text: AsyncIterable<string>,
  terms: CsvTerms,
): AsyncGenerator<CsvRecords> {
  const parser = newParser(terms);
  const pieces = text[Symbol.asyncIterator]();
  let unfinished = "";
  let lines = 1;
  let isNarrow: boolean | undefined;
  try {
    for (let isLast = false; !isLast;) {
      const next = await pieces.next();
      isLast = next.done === true;
      const piece = next.done === true ? "" : next.value;
      refuseNul(piece, lines + countOf("\n", unfinished, unfinished.length));
      const known = unfinished + piece;
      if (LONE_RETURN.test(known) || (isLast && known.endsWith("\r"))) {
        return yield* unusualCsvRecords(resumed(known, pieces), terms, lines);
      }
      if (known === "") continue;
      const { data, errors, meta } = parser.parse(known, 0, !isLast) as Papa.ParseResult<string[]>;
      const from = lines;
      const lineOf = (index: number) => from + lineBreaks(data.slice(0, index));
      // An error in the row that is not finished yet may be of the cut alone, and comes again.
      const error = errors.find(({ row }) => isLast || (row ?? 0) < data.length);
      if (error !== undefined) throw explained(error, lineOf(error.row ?? 0), terms);
      if (known.includes("\r")) dropReturns(data);
      isNarrow ??= isOneColumn(data);
      // In one column an empty field in quotes is a value that is missing, and no empty line.
      if (isNarrow && terms.quote !== null && known.includes(terms.quote.repeat(2))) {
        return yield* unusualCsvRecords(resumed(known, pieces), terms, lines);
      }
      const read = isLast ? known.length : meta.cursor;
      lines += countOf("\n", known, read);
      unfinished = known.slice(read);
      if (unfinished.length > terms.recordLengthMax) throw tooLong(lines, terms);
      yield { records: data, hasBlankLines: true, lineOf };
    }
  } finally {
    await pieces.return?.();
  }
}

/** Undefined as long as there are only empty lines. */
function isOneColumn(records: readonly string[][]): boolean | undefined {
  const first = records.find((record) => record.length > 1 || record[0] !== "");
  return first === undefined ? undefined : first.length === 1;
}

/** One at the very end may be half of a CRLF. */
const LONE_RETURN = /\r(?!\n|$)/;

function newParser({ delimiter, quote }: CsvTerms): Papa.Parser {
  return new Papa.Parser({
    delimiter,
    newline: "\n",
    // Of itself it looks at quotes only where a piece has one; true: never.
    ...(quote === null ? { fastMode: true } : { quoteChar: quote }),
  });
}

async function* resumed(first: string, rest: AsyncIterator<string>): AsyncGenerator<string> {
  yield first;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) {
    yield next.value;
  }
}

/** Of CRLF, the CR is still at the end of the last field. */
function dropReturns(records: readonly string[][]): void {
  for (const record of records) {
    const last = record.length - 1;
    const field = record[last]!;
    if (field.charCodeAt(field.length - 1) === 0x0d) record[last] = field.slice(0, -1);
  }
}

function countOf(newline: string, text: string, length: number): number {
  let count = 0;
  for (let at = text.indexOf(newline); at >= 0 && at < length; at = text.indexOf(newline, at + 1)) {
    count++;
  }
  return count;
}

/** Lines that the records take up, those within their fields included. */
function lineBreaks(records: readonly string[][]): number {
  let count = records.length;
  for (const record of records) {
    for (const field of record) count += countOf("\n", field, field.length);
  }
  return count;
}

/** SQLite ends a text at its first NUL, so one in the data would lose what follows it. */
export function refuseNul(piece: string, linesBefore: number): void {
  const at = piece.indexOf("\0");
  if (at < 0) return;
  const line = linesBefore + countOf("\n", piece, at);
  throw new PermanentJobError(
    `Line ${line} of the CSV holds a NUL character. If the file is UTF-16, say so in csv.encoding.`,
  );
}

function explained(error: Papa.ParseError, line: number, terms: CsvTerms): PermanentJobError {
  const fault = error.code === "MissingQuotes"
    ? "a quoted field begins and the file ends before it does."
    : error.code === "InvalidQuotes"
    ? "text follows the closing quote of a field."
    : error.message;
  return new PermanentJobError(`Line ${line} of the CSV: ${fault} ${quoteRemedy(terms)}`, {
    cause: error,
  });
}

/** What to do about quotes that are not as they should be. */
export function quoteRemedy({ quote }: Pick<CsvTerms, "quote">): string {
  return `A ${quote} within a quoted field is written twice; ` +
    "where quotes have no meaning, set csv.quote to null.";
}

/** A record that has no end in sight. */
export function tooLong(line: number, terms: CsvTerms): PermanentJobError {
  return new PermanentJobError(
    `Line ${line} of the CSV: a row is longer than ${terms.recordLengthMax} characters; ` +
      `is a quote never closed? ${quoteRemedy(terms)}`,
  );
}
