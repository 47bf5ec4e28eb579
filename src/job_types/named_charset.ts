/**
 * The encoding that a text's first bytes or its server name.
 *
 * @module
 */

/** What a byte order mark says goes before what a server says (the Encoding standard, section 6). */
export function markedCharset([first, second, third]: Uint8Array): string | undefined {
  if (first === 0xff && second === 0xfe) return "utf-16le";
  if (first === 0xfe && second === 0xff) return "utf-16be";
  return first === 0xef && second === 0xbb && third === 0xbf ? "utf-8" : undefined;
}

/** The standard's name for what a `content-type` says, if it says one that is known. */
export function charsetNamedBy(contentType: string): string | undefined {
  return knownCharset(charsetParameter(contentType));
}

/** The charset parameter of a `content-type`, unquoted. */
export function charsetParameter(contentType: string): string | undefined {
  return /;\s*charset\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s;"']+))/i.exec(contentType)?.slice(1)
    .find((each) => each !== undefined);
}

/** The standard's name for a label, when it has one. */
export function knownCharset(label: string | undefined): string | undefined {
  if (label === undefined) return undefined;
  try {
    return new TextDecoder(label).encoding;
  } catch {
    return undefined;
  }
}

/** How many bytes of ASCII it begins with. A loop of its own: what calls a function for each takes ten times as long. */
export function asciiLength(bytes: Uint8Array): number {
  let length = 0;
  while (length < bytes.length && bytes[length]! < 0x80) length++;
  return length;
}
