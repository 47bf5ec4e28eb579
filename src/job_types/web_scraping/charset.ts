/**
 * From a page's bytes to its text, as the HTML standard finds the encoding: byte order mark, then
 * the server's word, then the page's own, then what the bytes look like.
 *
 * @module
 */

/** A page's text and the encoding it was in, by the Encoding standard's name. */
export interface DecodedText {
  readonly text: string;
  readonly charset: string;
}

/** Bytes that are searched for the page's own word; the standard asks for 1024, pages for more. */
const PRESCAN_BYTES = 4_096;

/** Decodes `bytes`; what is malformed becomes U+FFFD, as in browsers. */
export function decodeText(bytes: Uint8Array, contentType: string): DecodedText {
  const charset = byteOrderMark(bytes) ?? knownCharset(charsetOfContentType(contentType)) ??
    pageCharset(bytes) ?? guessed(bytes);
  return { text: new TextDecoder(charset).decode(bytes), charset };
}

function byteOrderMark(bytes: Uint8Array): string | undefined {
  const [a, b, c] = bytes;
  if (a === 0xef && b === 0xbb && c === 0xbf) return "utf-8";
  if (a === 0xfe && b === 0xff) return "utf-16be";
  if (a === 0xff && b === 0xfe) return "utf-16le";
  return undefined;
}

/** The charset parameter of a `content-type`, unquoted. */
export function charsetOfContentType(contentType: string): string | undefined {
  return /;\s*charset\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s;"']+))/i.exec(contentType)?.slice(1)
    .find((each) => each !== undefined);
}

/** The standard's name for a label, when it has one. */
function knownCharset(label: string | undefined): string | undefined {
  if (label === undefined) return undefined;
  try {
    return new TextDecoder(label).encoding;
  } catch {
    return undefined;
  }
}

function pageCharset(bytes: Uint8Array): string | undefined {
  const head = new TextDecoder("latin1").decode(bytes.subarray(0, PRESCAN_BYTES))
    .replaceAll(/<!--.*?-->/gs, "");
  const xml = /^\s*<\?xml[^>]*\sencoding\s*=\s*["']([^"']+)["']/i.exec(head)?.[1];
  if (xml !== undefined) return asRead(knownCharset(xml));
  for (const [tag] of head.matchAll(/<meta\s[^>]*>/gi)) {
    const label = /\scharset\s*=\s*["']?\s*([^\s"'/>;]+)/i.exec(tag)?.[1] ??
      /\scontent\s*=\s*["'][^"']*charset\s*=\s*([^\s"';]+)/i.exec(tag)?.[1];
    const charset = knownCharset(label);
    if (charset !== undefined) return asRead(charset);
  }
  return undefined;
}

/** A page whose tags could be read as bytes is not in UTF-16, whatever it says. */
function asRead(charset: string | undefined): string | undefined {
  if (charset === "x-user-defined") return "windows-1252";
  return charset?.startsWith("utf-16") ? "utf-8" : charset;
}

function guessed(bytes: Uint8Array): string {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return "utf-8";
  } catch {
    return "windows-1252";
  }
}
