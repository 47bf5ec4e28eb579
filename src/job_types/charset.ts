/**
 * The encoding of a text's bytes: of a page as the HTML standard finds it, by its byte order mark, then the
 * server's word, then the page's own, then what the bytes look like; of another without the page's own.
 *
 * @module
 */

import { analyse } from "chardet";
import sniffHTMLEncoding from "html-encoding-sniffer";
import { asciiLength, charsetParameter, knownCharset } from "./named_charset.ts";

/** Bytes of a page's beginning that its encoding is judged by. */
export const HEAD_BYTES = 64 * 1024;

/**
 * The encoding of a page, by its first {@linkcode HEAD_BYTES}. A label that nobody knows is passed
 * over.
 */
export function charsetOf(head: Uint8Array, contentType: string): string {
  const label = charsetParameter(contentType);
  const sniffed = sniff(head, {
    ...(label === undefined ? {} : { transportLayerEncodingLabel: label }),
  });
  return decodable(sniffed ?? lateWord(head) ?? likeliest(head, { isCut: true }));
}

/** The encoding of a text that nobody names one of and that has no place for it, by all its bytes. */
export function charsetOfPlain(bytes: Uint8Array): string {
  return likeliest(bytes, { isCut: false });
}

/** What the sniffer answers where nothing is said: no page can be declared to be in it. */
const SAYS_NOTHING = "replacement";

function sniff(
  bytes: Uint8Array,
  options: { readonly transportLayerEncodingLabel?: string },
): string | undefined {
  const isXml = /^\s*<\?xml/.test(latin1(bytes.subarray(0, 100)));
  const declared = isXml ? xmlDeclared(bytes) : undefined;
  const found = sniffHTMLEncoding(bytes, { ...options, defaultEncoding: SAYS_NOTHING });
  return found === SAYS_NOTHING ? declared : found;
}

/** The encoding of an XML declaration; one that can be read as bytes is not UTF-16. */
function xmlDeclared(bytes: Uint8Array): string | undefined {
  const head = latin1(bytes.subarray(0, 1_024));
  const label = /^\s*<\?xml[^>]*\sencoding\s*=\s*["']([^"']+)["']/.exec(head)?.[1];
  const known = knownCharset(label);
  return known?.startsWith("utf-16") ? "utf-8" : known;
}

/** The standard looks through 1,024 bytes; browsers find a page's word further behind, too. */
function lateWord(head: Uint8Array): string | undefined {
  const text = withoutComments(latin1(head));
  for (const { index } of text.matchAll(/<meta[\s/]/gi)) {
    const found = sniff(head.subarray(index, index + 1_024), {});
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Blanks in their place, so that what follows stays where it is. An open one goes to the end. */
function withoutComments(text: string): string {
  let kept = "";
  for (let at = 0; at < text.length;) {
    const begin = text.indexOf("<!--", at);
    if (begin < 0) return kept + text.slice(at);
    const end = text.indexOf("-->", begin + 4);
    if (end < 0) return kept + text.slice(at, begin);
    kept += text.slice(at, begin) + " ".repeat(end + 3 - begin);
    at = end + 3;
  }
  return kept;
}

/** Bytes whose letters are counted: more change nothing. */
const LETTERS_BYTES = 16 * 1024;

/** Below it a guess is as good as the Western default. */
const CONFIDENCE_MIN = 40;

/** What bytes without any word look like: UTF-8 if they can be, or nearly, else by the letters' frequency. */
function likeliest(bytes: Uint8Array, { isCut }: { readonly isCut: boolean }): string {
  try {
    // What is cut may end in the middle of a character.
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: isCut });
    return "utf-8";
  } catch {
    const first = asciiLength(bytes);
    if (isMostlyUtf8(bytes.subarray(first, first + HEAD_BYTES))) return "utf-8";
    const [best] = analyse(lettersOf(bytes.subarray(Math.max(0, first - LETTERS_BYTES / 2))));
    const known = best !== undefined && best.confidence >= CONFIDENCE_MIN
      ? knownCharset(best.name)
      : undefined;
    return known === undefined || known.startsWith("utf-") ? "windows-1252" : known;
  }
}

/** In text of another encoding hardly a character can be read as UTF-8; in damaged UTF-8 hardly one cannot. */
function isMostlyUtf8(bytes: Uint8Array): boolean {
  let unreadable = 0;
  let readable = 0;
  for (const character of new TextDecoder().decode(bytes, { stream: true })) {
    if (character === "\ufffd") unreadable++;
    else if (character > "\x7f") readable++;
  }
  return readable > 0 && readable >= unreadable * 2;
}

/** Without the tags, whose letters are ASCII in every language. */
function lettersOf(head: Uint8Array): Uint8Array {
  const text = latin1(head.subarray(0, LETTERS_BYTES))
    .replaceAll(/<(script|style)\b.*?<\/\1/gis, "").replaceAll(/<[^>]*>/g, "");
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Each byte as the character of its number, unlike the label `latin1`, which is windows-1252. */
function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8_192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8_192));
  }
  return text;
}

/** `replacement` stands for encodings that are a danger to decode; their ASCII is read. */
function decodable(charset: string): string {
  return knownCharset(charset) ?? "utf-8";
}
