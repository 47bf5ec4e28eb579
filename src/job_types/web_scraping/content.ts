/**
 * From the bytes of an answer to what can be asked: a tree of HTML or XML, a text, a JSON value. HTML
 * is parsed while it comes, so that neither its bytes nor its text are held beside the tree.
 *
 * @module
 */

import { isDeeperThan, parseExactly } from "../../json/mod.ts";
import { InputTooLargeError, PermanentJobError } from "../contract.ts";
import { describeUrl } from "../job_url.ts";
import { joinBytes } from "../join_bytes.ts";
import { TreeFullError } from "./bounded_tree.ts";
import { charsetOf, HEAD_BYTES } from "../charset.ts";
import { HtmlBuilder, type PageDocument, parseXml, plainTextDocument } from "./document.ts";

/** What came. */
export type Content =
  | { readonly kind: "html" | "xml" | "text"; readonly document: PageDocument }
  | { readonly kind: "json"; readonly value: unknown };

/** The content with what was learned on the way. */
export interface ReadContent {
  readonly content: Content;
  readonly charset: string;
  /** Decoded bytes that were read. */
  readonly bytes: number;
  /** The rest was left out. */
  readonly isTruncated: boolean;
}

/** What is known of a page before it is read. */
export interface ContentTerms {
  readonly url: string;
  /** As the server has it; empty: it says nothing. */
  readonly contentType: string;
  readonly bytesMax: number;
  /** Beyond a bound: leave the rest out, rather than fail. */
  readonly truncate: boolean;
  /** Of the tree. Default: `NODES_MAX`. */
  readonly nodesMax?: number;
}

/** What came is not something to scrape. Permanent. */
export class NotAPageError extends PermanentJobError {
  override name = "NotAPageError";
}

/** `text/html` of `Text/HTML; charset=utf-8`. */
export function mediaType(contentType: string): string {
  return contentType.split(";")[0]!.trim().toLowerCase();
}

/**
 * The kind of content that a type announces; `unknown` where the server says nothing useful, so that
 * the bytes decide; undefined for what cannot be scraped.
 */
export function announcedKind(contentType: string): Content["kind"] | "unknown" | undefined {
  const type = mediaType(contentType);
  if (type === "text/html" || type === "application/xhtml+xml") return "html";
  if (type === "application/json" || type === "text/json" || type.endsWith("+json")) return "json";
  if (type === "application/xml" || type === "text/xml" || type.endsWith("+xml")) return "xml";
  if (type.startsWith("text/")) return "text";
  return ["", "application/octet-stream", "unknown/unknown", "*/*"].includes(type)
    ? "unknown"
    : undefined;
}

/**
 * Reads the content from `chunks`, which are left where the bound is met.
 *
 * @throws {NotAPageError} for bytes that are none of it, whatever the server calls them.
 * @throws {InputTooLargeError} beyond a bound, unless the rest may be left out.
 * @throws {PermanentJobError} for JSON that is none, and markup that is nested without end.
 */
export async function readContent(
  chunks: AsyncIterable<Uint8Array>,
  terms: ContentTerms,
): Promise<ReadContent> {
  const source = new BoundedBytes(chunks, terms);
  const head = await source.head();
  const kind = kindOf(head, terms);
  const charset = charsetOf(head, terms.contentType);
  const decoder = new TextDecoder(charset);
  const { content, isTruncated } = await contentOf(kind, source, decoder, terms);
  return { content, charset, bytes: source.bytes, isTruncated };
}

async function contentOf(
  kind: Content["kind"],
  source: BoundedBytes,
  decoder: TextDecoder,
  terms: ContentTerms,
): Promise<Pick<ReadContent, "content" | "isTruncated">> {
  if (kind === "html") return await htmlOf(source, decoder, terms);
  let text = "";
  for await (const chunk of source.all()) text += decoder.decode(chunk, { stream: true });
  text += decoder.decode();
  const { isTruncated } = source;
  if (kind === "json") return { content: { kind, value: jsonOf(text, terms.url) }, isTruncated };
  const document = kind === "xml" ? parseXml(text, terms.url) : plainTextDocument(text, terms.url);
  return { content: { kind, document }, isTruncated };
}

async function htmlOf(
  source: BoundedBytes,
  decoder: TextDecoder,
  { url, truncate, nodesMax }: ContentTerms,
): Promise<Pick<ReadContent, "content" | "isTruncated">> {
  const builder = new HtmlBuilder(url, nodesMax);
  let isFull = false;
  try {
    for await (const chunk of source.all()) builder.write(decoder.decode(chunk, { stream: true }));
    builder.write(decoder.decode());
    builder.end();
  } catch (error) {
    if (!truncate || !(error instanceof TreeFullError)) throw error;
    isFull = true;
  }
  const document = builder.document();
  return { content: { kind: "html", document }, isTruncated: isFull || source.isTruncated };
}

/** Levels of lists and objects, as masters take them: what has more cannot be shown everywhere. */
export const JSON_LEVELS_MAX = 100;

function jsonOf(text: string, url: string): unknown {
  if (isDeeperThan(JSON_LEVELS_MAX, text)) {
    throw new PermanentJobError(
      `${describeUrl(url)} is JSON that is nested deeper than ${JSON_LEVELS_MAX} levels.`,
    );
  }
  try {
    return parseExactly(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new PermanentJobError(`${describeUrl(url)} is called JSON and is none: ${reason}.`, {
      cause,
    });
  }
}

/** The bytes of a page up to their bound, of which the first are looked at twice. */
class BoundedBytes {
  readonly #terms: ContentTerms;
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #first: Uint8Array[] = [];
  bytes = 0;
  isTruncated = false;

  constructor(chunks: AsyncIterable<Uint8Array>, terms: ContentTerms) {
    this.#chunks = chunks[Symbol.asyncIterator]();
    this.#terms = terms;
  }

  /** The beginning: {@linkcode HEAD_BYTES}, or less if there is no more. */
  async head(): Promise<Uint8Array> {
    let length = 0;
    while (length < HEAD_BYTES) {
      const chunk = await this.#next();
      if (chunk === undefined) break;
      this.#first.push(chunk);
      length += chunk.length;
    }
    return joinBytes(this.#first).subarray(0, HEAD_BYTES);
  }

  /** Everything, once. Leaving early cancels the rest. */
  async *all(): AsyncGenerator<Uint8Array, void> {
    try {
      yield* this.#first.splice(0);
      for (let chunk = await this.#next(); chunk !== undefined; chunk = await this.#next()) {
        yield chunk;
      }
    } finally {
      await this.#chunks.return?.();
    }
  }

  async #next(): Promise<Uint8Array | undefined> {
    if (this.isTruncated) return undefined;
    const { value, done } = await this.#chunks.next();
    if (done) return undefined;
    const { bytesMax, truncate, url } = this.#terms;
    const room = bytesMax - this.bytes;
    this.bytes += Math.min(room, value.length);
    if (value.length <= room) return value;
    if (!truncate) {
      throw new InputTooLargeError(
        `${
          describeUrl(url)
        } sent more than the ${bytesMax} bytes that are accepted (counted after ` +
          "decompression). With truncate, what comes first is read.",
      );
    }
    this.isTruncated = true;
    return value.subarray(0, room);
  }
}

// --- what the bytes are ------------------------------------------------------------------------

/** Beginnings of files that are no pages (of the WHATWG's list, and of documents). */
const SIGNATURES: readonly (readonly [name: string, beginning: string])[] = [
  ["a PDF document", "%PDF-"],
  ["a PNG image", "\x89PNG\r\n\x1a\n"],
  ["a JPEG image", "\xff\xd8\xff"],
  ["a GIF image", "GIF87a"],
  ["a GIF image", "GIF89a"],
  ["a ZIP archive or an office document", "PK\x03\x04"],
  ["a gzip file", "\x1f\x8b\x08"],
  ["an older office document", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"],
  ["an Ogg file", "OggS\x00"],
  ["a program", "\x7fELF"],
  ["a web font", "wOF2"],
];

function kindOf(head: Uint8Array, { url, contentType }: ContentTerms): Content["kind"] {
  const announced = announcedKind(contentType);
  const signature = signatureOf(head);
  if (announced === undefined || signature !== undefined) {
    throw notAPage(url, signature ?? mediaType(contentType));
  }
  if (announced !== "unknown") return announced;
  if (hasNoByteOrderMark(head) && head.subarray(0, 1_445).includes(0)) {
    throw notAPage(url, "a file of binary data");
  }
  const text = new TextDecoder().decode(head.subarray(0, 512)).trimStart();
  if (text.startsWith("<?xml") && !/<html|<!doctype html/i.test(text)) return "xml";
  return "html";
}

/** See {@linkcode NotAPageError}. */
export function notAPage(url: string, what: string): NotAPageError {
  return new NotAPageError(`${describeUrl(url)} is ${what}, which is not a page to scrape.`);
}

function signatureOf(head: Uint8Array): string | undefined {
  const beginning = String.fromCharCode(...head.subarray(0, 16));
  return SIGNATURES.find(([, signature]) => beginning.startsWith(signature))?.[0];
}

/** UTF-16 has zeros, and begins with its mark where nobody announced it. */
function hasNoByteOrderMark([a, b]: Uint8Array): boolean {
  return !((a === 0xfe && b === 0xff) || (a === 0xff && b === 0xfe));
}
