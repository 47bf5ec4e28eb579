/**
 * What an encrypted payload, result or text looks like from outside, for whoever has no key.
 *
 * An envelope is 8 bytes that no text begins with, the last of them the version; 8 bytes that name the
 * key; 24 bytes of nonce; then AES-256-GCM's ciphertext with its tag of 16 bytes. A text (an error, a
 * log line) carries the same as base64url behind a word.
 *
 * @module
 */

/** `0x89` begins no UTF-8, and so no JSON. The last byte is the version. */
const MAGIC = new Uint8Array([0x89, 0x43, 0x44, 0x50, 0x45, 0x4e, 0x43, 0x01]);
const KEY_ID_BYTES = 8;
/** Of the nonce: the first half picks the message's own key, the second is its IV. */
export const NONCE_BYTES = 24;
const TAG_BYTES = 16;
const HEADER_BYTES = MAGIC.length + KEY_ID_BYTES;

/** Bytes by which an envelope is longer than what is in it. */
export const ENVELOPE_BYTES = HEADER_BYTES + NONCE_BYTES + TAG_BYTES;

const TEXT_MARK = "conductor-sealed:";
const SEALED_TEXT = /conductor-sealed:([A-Za-z0-9_-]*)/g;

/** An envelope's outside. */
export interface Envelope {
  /** Magic, version and key: what is authenticated along with the content. */
  readonly header: Uint8Array<ArrayBuffer>;
  /** Of the key that opens it, in hexadecimal. */
  readonly keyId: string;
  readonly nonce: Uint8Array<ArrayBuffer>;
  readonly ciphertext: Uint8Array<ArrayBuffer>;
}

/** The envelope that these bytes are; undefined: they are none. */
export function envelopeOf(bytes: Uint8Array): Envelope | undefined {
  if (bytes.length < ENVELOPE_BYTES || MAGIC.some((each, at) => bytes[at] !== each)) {
    return undefined;
  }
  const own = new Uint8Array(bytes);
  return {
    header: own.subarray(0, HEADER_BYTES),
    keyId: hexOf(own.subarray(MAGIC.length, HEADER_BYTES)),
    nonce: own.subarray(HEADER_BYTES, HEADER_BYTES + NONCE_BYTES),
    ciphertext: own.subarray(HEADER_BYTES + NONCE_BYTES),
  };
}

/** Whether bytes are an envelope, at the cost of looking at their beginning. */
export function isSealed(bytes: Uint8Array): boolean {
  return bytes.length >= ENVELOPE_BYTES && MAGIC.every((each, at) => bytes[at] === each);
}

/** The header of an envelope of that key. */
export function headerOf(keyId: string): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(HEADER_BYTES);
  header.set(MAGIC);
  for (let at = 0; at < KEY_ID_BYTES; at++) {
    header[MAGIC.length + at] = Number.parseInt(keyId.slice(2 * at, 2 * at + 2), 16);
  }
  return header;
}

/** Envelopes as texts. */
export function textOfEnvelope(envelope: Uint8Array): string {
  return TEXT_MARK + base64Of(envelope).replaceAll("+", "-").replaceAll("/", "_")
    .replaceAll("=", "");
}

/** Longest clear text, in bytes of UTF-8, whose envelope is a text of so many characters. */
export function clearBytesIn(characters: number): number {
  return Math.floor((characters - TEXT_MARK.length) * 3 / 4) - ENVELOPE_BYTES;
}

/** Whether an envelope stands somewhere in a text. */
export function holdsSealedText(text: string): boolean {
  return text.includes(TEXT_MARK);
}

/**
 * A text with each envelope in it replaced; those that were cut off in the middle are given as
 * undefined.
 */
export async function replaceSealedTexts(
  text: string,
  replacement: (envelope: Uint8Array | undefined) => Promise<string>,
): Promise<string> {
  const parts: string[] = [];
  let end = 0;
  for (const match of text.matchAll(SEALED_TEXT)) {
    const bytes = bytesOfBase64(match[1]!.replaceAll("-", "+").replaceAll("_", "/"));
    const isWhole = bytes !== undefined && isSealed(bytes);
    parts.push(text.slice(end, match.index), await replacement(isWhole ? bytes : undefined));
    end = match.index + match[0].length;
  }
  parts.push(text.slice(end));
  return parts.join("");
}

/** In hexadecimal. */
export function hexOf(bytes: Uint8Array): string {
  return [...bytes].map((each) => each.toString(16).padStart(2, "0")).join("");
}

/** Undefined for what is no base64. For Node too, which has no `Uint8Array.fromBase64` yet. */
export function bytesOfBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  let binary: string;
  try {
    binary = atob(text);
  } catch {
    return undefined; // whoever calls says what it should have been
  }
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
  return bytes;
}

/** See {@linkcode bytesOfBase64}. */
export function base64Of(bytes: Uint8Array): string {
  let binary = "";
  for (const each of bytes) binary += String.fromCharCode(each);
  return btoa(binary);
}
