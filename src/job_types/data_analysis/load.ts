/**
 * From a job's source to a table in a temporary SQLite file, streaming all the way: memory holds a
 * piece of the input, a batch of rows, and SQLite's bounded cache.
 *
 * @module
 */

import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { type JobContext, PermanentJobError } from "../contract.ts";
import { Breathing } from "../breathing.ts";
import { textOf } from "./byte_text.ts";
import type { ColumnGatherer } from "./column_gatherer.ts";
import type { Column } from "./column_profile.ts";
import { csvRows, type RaggedRows } from "./csv_rows.ts";
import { fieldFormatOf } from "./field_format.ts";
import { detectDelimiter, detectFormat, namedDelimiter } from "./format.ts";
import { type JsonRow, jsonRows, ndjsonRows } from "./json_rows.ts";
import {
  type AnalysisPayload,
  type Operation,
  plannedOperations,
  type SourceFormat,
} from "./payload.ts";
import { openSource, type Source } from "./source.ts";
import { TableWriter } from "./table_writer.ts";

/** A table that has been read to its end. */
export interface LoadedTable {
  /** The SQLite file with the view `data`. */
  readonly path: string;
  readonly columns: readonly Column[];
  readonly rows: number;
  readonly format: SourceFormat;
  /** Read from the source, before decompression. */
  readonly bytes: number;
  /** What was found of the columns on the way, by their positions; see `column_gatherer.ts`. */
  readonly gathered: readonly (ColumnGatherer | undefined)[];
  /** Of CSV: rows that did not have as many fields as the first line. */
  readonly ragged: Readonly<RaggedRows>;
}

/** The share of the whole job's progress that reading makes. */
export const LOAD_SHARE = 0.7;

/** How often progress is told, in bytes of input. */
const PROGRESS_STEP_BYTES = 512 * 1024;

/** Enough text to tell a format and a delimiter from. */
const HEAD_LENGTH = 4 * 1024;

/**
 * Reads the payload's source into a table.
 *
 * @throws {PermanentJobError} for data that is malformed, refused or too large. A network that
 * fails throws an ordinary error.
 */
export async function loadTable(
  payload: AnalysisPayload,
  context: JobContext,
): Promise<LoadedTable> {
  const source = await openSource(payload, context);
  const path = join(context.tempDir, "table.sqlite");
  const database = new DatabaseSync(path);
  try {
    const writer = new TableWriter(database, {
      nullValues: payload.csv.null_values,
      format: fieldFormatOf(payload.csv),
      gathers: describedFirst(plannedOperations(payload)),
    });
    const meter = new Meter(source, context, () => writer.rows);
    const text = await withHead(textOf({ ...source, chunks: meter.chunks }, {
      encoding: payload.csv.encoding,
      bytesMax: context.limits.streamBytesMax,
    }));
    const format = payload.format === "auto"
      ? detectFormat({ ...source, head: text.head })
      : payload.format;
    const breathing = new Breathing(context.signal);
    const ragged: RaggedRows = { short: 0, long: 0, skipped: 0 };
    for await (const writeBatch of batches({ format, text, ragged }, payload, context)) {
      writeBatch(writer);
      await breathing.pause();
    }
    const columns = writer.finish();
    if (columns.length === 0 && (format === "csv" || format === "tsv")) {
      throw new PermanentJobError(`${source.what} is empty: it has not even a line of names.`);
    }
    return {
      path,
      columns,
      rows: writer.rows,
      format,
      bytes: meter.bytes,
      ragged,
      gathered: writer.gathered,
    };
  } finally {
    database.close();
  }
}

type WriteBatch = (writer: TableWriter) => void;

/** Which columns are described as a whole: only a filter that comes before makes it otherwise. */
function describedFirst(operations: readonly Operation[]): (name: string) => boolean {
  const filterAt = operations.findIndex(({ type }) => type === "filter");
  const wholes = operations.slice(0, filterAt < 0 ? undefined : filterAt)
    .flatMap((operation) => operation.type === "describe" ? [operation.columns] : []);
  if (wholes.includes(undefined)) return () => true;
  const names = new Set(wholes.flat());
  return (name) => names.has(name);
}

interface Reading {
  readonly format: SourceFormat;
  readonly text: HeadedText;
  readonly ragged: RaggedRows;
}

async function* batches(
  { format, text, ragged }: Reading,
  payload: AnalysisPayload,
  { limits }: JobContext,
): AsyncGenerator<WriteBatch> {
  if (format === "json" || format === "ndjson") {
    const read = format === "json" ? jsonRows : ndjsonRows;
    for await (const rows of read(text.pieces, { recordLengthMax: limits.inputBytesMax })) {
      yield (writer) => addObjects(writer, rows);
    }
    return;
  }
  const { quote, trim, short_rows, long_rows, header, delimiter } = payload.csv;
  let isFirst = true;
  const named = namedDelimiter(text.head);
  const records = csvRows(text.pieces, {
    quote,
    trim,
    short_rows,
    long_rows,
    delimiter: delimiter ?? named ??
      (format === "tsv" ? "\t" : detectDelimiter(text.head, quote)),
    hasSeparatorLine: named !== undefined,
    recordLengthMax: limits.inputBytesMax,
  }, ragged);
  for await (const batch of records) {
    const names = isFirst ? batch[0] : undefined;
    isFirst = false;
    yield (writer) => {
      if (names !== undefined) writer.declare(header ? names : names.map(() => ""));
      for (const record of names !== undefined && header ? batch.slice(1) : batch) {
        writer.addFields(record);
      }
    };
  }
}

function addObjects(writer: TableWriter, rows: readonly JsonRow[]): void {
  for (const row of rows) writer.addObject(row);
}

interface HeadedText {
  /** The beginning of the text, or all of it. */
  readonly head: string;
  /** All of the text. */
  readonly pieces: AsyncIterable<string>;
}

async function withHead(text: AsyncGenerator<string>): Promise<HeadedText> {
  let head = "";
  let isWhole = false;
  while (head.length < HEAD_LENGTH && !isWhole) {
    const next = await text.next();
    if (next.done) isWhole = true;
    else head += next.value;
  }
  return { head, pieces: resumed(head, text) };
}

async function* resumed(head: string, rest: AsyncGenerator<string>): AsyncGenerator<string> {
  try {
    yield head;
    yield* rest;
  } finally {
    await rest.return(undefined);
  }
}

/** Counts what comes in, and tells how far the job is. */
class Meter {
  readonly #source: Source;
  readonly #context: JobContext;
  readonly #rows: () => number;
  #bytes = 0;

  constructor(source: Source, context: JobContext, rows: () => number) {
    this.#source = source;
    this.#context = context;
    this.#rows = rows;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get chunks(): AsyncIterable<Uint8Array> {
    return this.#counted();
  }

  async *#counted(): AsyncGenerator<Uint8Array> {
    let toldAt = 0;
    for await (const chunk of this.#source.chunks) {
      this.#context.signal.throwIfAborted();
      this.#bytes += chunk.length;
      if (this.#bytes - toldAt >= PROGRESS_STEP_BYTES) {
        toldAt = this.#bytes;
        this.#tell();
      }
      yield chunk;
    }
  }

  #tell(): void {
    const { sizeBytes } = this.#source;
    const share = sizeBytes === undefined ? 0 : Math.min(1, this.#bytes / sizeBytes);
    this.#context.progress(LOAD_SHARE * share, `${this.#rows()} rows read`);
  }
}
