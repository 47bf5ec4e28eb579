/**
 * Decides what format a table is in, when the payload does not say.
 *
 * @module
 */

// @ts-types="@types/papaparse"
import Papa from "papaparse";
import type { SourceFormat } from "./payload.ts";

const BY_EXTENSION: Readonly<Record<string, SourceFormat>> = {
  csv: "csv",
  tsv: "tsv",
  tab: "tsv",
  json: "json",
  geojson: "json",
  ndjson: "ndjson",
  jsonl: "ndjson",
  jsonlines: "ndjson",
};

const BY_CONTENT_TYPE: Readonly<Record<string, SourceFormat>> = {
  "text/csv": "csv",
  "application/csv": "csv",
  "text/tab-separated-values": "tsv",
  "application/json": "json",
  "application/ndjson": "ndjson",
  "application/x-ndjson": "ndjson",
  "application/jsonl": "ndjson",
  "application/jsonlines": "ndjson",
  "application/x-jsonlines": "ndjson",
};

/** What can be known of a table's format. */
export interface FormatClues {
  readonly name: string;
  readonly contentType: string;
  /** The beginning of the text. */
  readonly head: string;
}

/** The format by extension (one before `.gz` or `.zst` counts), content type, and first characters. */
export function detectFormat({ name, contentType, head }: FormatClues): SourceFormat {
  const extension = /\.([a-z]+)(?:\.(?:gz|zst))?$/i.exec(name)?.[1]?.toLowerCase() ?? "";
  if (Object.hasOwn(BY_EXTENSION, extension)) return BY_EXTENSION[extension]!;
  if (Object.hasOwn(BY_CONTENT_TYPE, contentType)) return BY_CONTENT_TYPE[contentType]!;
  const text = head.trimStart();
  if (/^\[\s*(?:\{|\]|$)/.test(text)) return "json";
  if (!text.startsWith("{")) return "csv";
  return isJson(text.slice(0, text.indexOf("\n") + 1)) ? "ndjson" : "json";
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The delimiter that a first line `sep=;` names, as Excel writes and reads it; undefined without one. */
export function namedDelimiter(head: string): string | undefined {
  return /^sep=([^"\r\n])(?:[\r\n]|$)/i.exec(head)?.[1];
}

const DELIMITERS = [",", ";", "\t", "|"];

/** Lines that are looked at. */
const SNIFFED_LINES = 10;

/**
 * Whichever of `,` `;` tab `|` cuts the first lines into rows of most equal and then of most fields; a
 * comma if none does.
 */
export function detectDelimiter(head: string, quote: string | null): string {
  // A line that is cut off would seem to be a short row.
  const lines = head.replace(/(?:\r\n|\n|\r)[^\r\n]*$/, "");
  const { meta } = Papa.parse(lines, {
    delimitersToGuess: DELIMITERS,
    preview: SNIFFED_LINES,
    ...(quote === null ? { fastMode: true } : { quoteChar: quote }),
  });
  return meta.delimiter;
}
