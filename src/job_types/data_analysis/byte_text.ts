/**
 * From a stream of bytes to a stream of text: decompressed, decoded, bounded, never held whole.
 *
 * @module
 */

import { PermanentJobError } from "../contract.ts";
import { markedCharset } from "../named_charset.ts";
import { decompressed } from "./decompressed.ts";
import { charsetsShown, type LabelledChunk } from "./served_charset.ts";
import type { Source } from "./source.ts";

/** How a stream of bytes becomes text. */
export interface TextTerms {
  /** A WHATWG label; undefined: as the byte order mark says, or UTF-8, or as the source's server says. */
  readonly encoding: string | undefined;
  /** Most bytes after decompression. */
  readonly bytesMax: number;
}

/** First bytes of formats that are no text, so that the answer is not "line 1 is malformed". */
const FOREIGN_FORMATS: readonly (readonly [readonly number[], string])[] = [
  [[0x50, 0x4b, 0x03, 0x04], "a zip archive or a spreadsheet (.xlsx, .ods)"],
  [[0x50, 0x41, 0x52, 0x31], "Parquet"],
  [[0x42, 0x5a, 0x68], "compressed with bzip2"],
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a], "compressed with xz"],
  [[0xd0, 0xcf, 0x11, 0xe0], "an old Office document (.xls)"],
  [[0x25, 0x50, 0x44, 0x46], "a PDF"],
  [[0x53, 0x51, 0x4c, 0x69, 0x74, 0x65, 0x20], "an SQLite database"],
];

/**
 * The text of a source: gzip and zstd are undone, a byte order mark is obeyed and dropped.
 *
 * @throws {PermanentJobError} from the iteration, for bytes that are not text in the encoding, and
 * for damaged compression. What the source itself throws passes through as it is.
 */
export async function* textOf(source: Source, terms: TextTerms): AsyncGenerator<string> {
  const plain = await decompressed(source, terms.bytesMax);
  refuseForeign(plain.head, source.what);
  const { head, chunks } = plain;
  const { charset, what } = source;
  const label = terms.encoding ?? unmarkedUtf16(head);
  const marked = markedCharset(head);
  const isOpen = marked === undefined && label === undefined && charset !== undefined;
  const pieces = isOpen && charset !== "utf-8"
    ? charsetsShown(chunks, charset)
    : labelled(chunks, marked ?? label ?? "utf-8");
  yield* decoded(pieces, what);
}

function refuseForeign(head: Uint8Array, what: string): void {
  for (const [magic, format] of FOREIGN_FORMATS) {
    if (!magic.every((byte, at) => head[at] === byte)) continue;
    throw new PermanentJobError(
      `Cannot analyse ${what}: it is ${format}. Convert it to CSV, TSV, JSON or NDJSON ` +
        "(plain, gzip or zstd) first.",
    );
  }
}

/** Two characters of ASCII in UTF-16: every other byte is 0, which no other text has. */
function unmarkedUtf16([a, b, c, d]: Uint8Array): string | undefined {
  if (a !== 0 && b === 0 && c !== 0 && d === 0) return "utf-16le";
  return a === 0 && b !== 0 && c === 0 && d !== 0 ? "utf-16be" : undefined;
}

async function* labelled(
  chunks: AsyncIterable<Uint8Array>,
  label: string,
): AsyncGenerator<LabelledChunk> {
  for await (const chunk of chunks) yield { chunk, label };
}

async function* decoded(
  chunks: AsyncIterable<LabelledChunk>,
  what: string,
): AsyncGenerator<string> {
  let label = "utf-8";
  let decoder = new TextDecoder(label, { fatal: true });
  let lines = 1;
  const decode = (chunk?: Uint8Array) => {
    try {
      return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true });
    } catch (cause) {
      const line = lines + (chunk === undefined ? 0 : linesBeforeFault(chunk, label));
      throw new PermanentJobError(
        `Cannot read ${what}: line ${line} is not ${label}. ` +
          "If it is in another encoding, name it in csv.encoding, such as windows-1252.",
        { cause },
      );
    }
  };
  for await (const { chunk, label: named } of chunks) {
    if (named !== label) {
      label = named;
      decoder = new TextDecoder(label, { fatal: true });
    }
    yield decode(chunk);
    lines += lineBreaks(chunk);
  }
  yield decode();
}

function lineBreaks(chunk: Uint8Array): number {
  let count = 0;
  for (let at = chunk.indexOf(0x0a); at >= 0; at = chunk.indexOf(0x0a, at + 1)) count++;
  return count;
}

/** Whole lines of `chunk` before the one that cannot be decoded. */
function linesBeforeFault(chunk: Uint8Array, label: string): number {
  // The rest of a character that began in the chunk before.
  let from = 0;
  while (from < 3 && chunk[from] !== undefined && (chunk[from]! & 0xc0) === 0x80) from++;
  for (let count = 0;; count++) {
    const end = chunk.indexOf(0x0a, from);
    if (end < 0) return count;
    try {
      new TextDecoder(label, { fatal: true }).decode(chunk.subarray(from, end));
    } catch {
      return count;
    }
    from = end + 1;
  }
}
