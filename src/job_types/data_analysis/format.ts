/**
 * Decides what format a table is in, when the payload does not say.
 *
 * @module
 */

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

/** The format by extension (one before `.gz` counts), content type, and first characters. */
export function detectFormat({ name, contentType, head }: FormatClues): SourceFormat {
  const extension = /\.([a-z]+)(?:\.gz)?$/i.exec(name)?.[1]?.toLowerCase() ?? "";
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

const DELIMITERS = [",", ";", "\t", "|"];

/** Whichever of `,` `;` tab `|` the first line holds most of, outside quotes; a comma if none. */
export function detectDelimiter(head: string, quote: string | null): string {
  const counts = new Map(DELIMITERS.map((delimiter) => [delimiter, 0]));
  let isQuoted = false;
  for (const character of head) {
    if (character === quote) isQuoted = !isQuoted;
    else if (!isQuoted && (character === "\n" || character === "\r")) {
      if ([...counts.values()].some((count) => count > 0)) break;
    } else if (!isQuoted && counts.has(character)) {
      counts.set(character, counts.get(character)! + 1);
    }
  }
  return DELIMITERS.reduce((best, next) => counts.get(next)! > counts.get(best)! ? next : best);
}
