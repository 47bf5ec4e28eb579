/**
 * `data:` URLs (RFC 2397, as the Fetch standard reads them), which need no network.
 *
 * @module
 */

import { InputTooLargeError } from "./contract.ts";
import { describeUrl, JobUrlError } from "./job_url.ts";

/** What a `data:` URL holds. */
export interface DataUrlContent {
  readonly bytes: Uint8Array;
  /** Media type with its parameters; `text/plain;charset=US-ASCII` when the URL names none. */
  readonly contentType: string;
}

/**
 * Decodes a `data:` URL, base64 or percent-encoded.
 *
 * @param bytesMax most bytes of content; unbounded by default.
 * @throws {JobUrlError} when it is no `data:` URL, has no comma, or its base64 is not valid.
 * @throws {InputTooLargeError} when the content is longer than `bytesMax`.
 */
export function decodeDataUrl(url: string | URL, bytesMax = Infinity): DataUrlContent {
  const text = (typeof url === "string" ? url : url.href).trim().replace(/#.*$/s, "");
  if (!/^data:/i.test(text)) throw new JobUrlError(`${describeUrl(text)} is not a data: URL.`);
  const comma = text.indexOf(",");
  if (comma < 0) {
    throw new JobUrlError("The data: URL has no comma; write it such as data:text/plain,hello.");
  }
  const meta = text.slice("data:".length, comma).trim();
  const base64 = /;\s*base64$/i.exec(meta);
  const mediaType = base64 === null ? meta : meta.slice(0, base64.index);
  const body = text.slice(comma + 1);
  // Percent-encoding shrinks to a third at most, base64 to three quarters: this bounds the work.
  refuseLonger(Math.floor(body.length / 4), bytesMax);
  const bytes = base64 === null ? percentDecoded(body) : base64Decoded(body);
  refuseLonger(bytes.length, bytesMax);
  return { bytes, contentType: completed(mediaType.trim()) };
}

function refuseLonger(length: number, bytesMax: number): void {
  if (length <= bytesMax) return;
  throw new InputTooLargeError(
    `The data: URL holds more than the ${bytesMax} bytes that are accepted.`,
  );
}

function completed(mediaType: string): string {
  if (mediaType === "") return "text/plain;charset=US-ASCII";
  return mediaType.startsWith(";") ? `text/plain${mediaType}` : mediaType;
}

function base64Decoded(body: string): Uint8Array {
  const text = new TextDecoder().decode(percentDecoded(body)).replaceAll(/[\t\n\f\r ]/g, "");
  try {
    return Uint8Array.fromBase64(text.replaceAll("-", "+").replaceAll("_", "/"));
  } catch (cause) {
    throw new JobUrlError("The content of the data: URL is not valid base64.", { cause });
  }
}

function percentDecoded(body: string): Uint8Array {
  const encoded = new TextEncoder().encode(body);
  if (!body.includes("%")) return encoded;
  const bytes = new Uint8Array(encoded.length);
  let length = 0;
  for (let at = 0; at < encoded.length; at++) {
    const high = encoded[at] === 0x25 ? hexDigit(encoded[at + 1]) : -1;
    const low = high < 0 ? -1 : hexDigit(encoded[at + 2]);
    if (low >= 0) at += 2;
    bytes[length++] = low < 0 ? encoded[at]! : high * 16 + low;
  }
  return bytes.slice(0, length);
}

function hexDigit(code: number | undefined): number {
  if (code === undefined) return -1;
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1;
}
