/**
 * Values and their bytes: what a job is given, and what it leaves.
 *
 * @module
 */

import { KEEPS_DIGITS, lostKindOf, parseBigIntegers, stringifyExactly } from "../json/mod.ts";
import { envelopeOf } from "../security/light.ts";
import { ConductorError } from "./errors.ts";

const utf8 = new TextEncoder();

/**
 * Bytes stay as they are; anything else becomes JSON.
 *
 * @throws TypeError for what JSON cannot hold, such as a function or a Map
 */
export function payloadBytes(payload: unknown): Uint8Array {
  if (payload instanceof Uint8Array) return payload;
  if (payload instanceof ArrayBuffer) return new Uint8Array(payload);
  const text = stringifyExactly(payload);
  if (text === undefined) {
    throw new TypeError(`a payload may not be a ${typeof payload}: JSON cannot hold it`);
  }
  const lost = lostKindOf(payload, text);
  if (lost !== undefined) {
    throw new TypeError(`a payload may not be a ${lost}: JSON cannot hold it`);
  }
  return utf8.encode(text);
}

/** How JSON is read. */
export interface Reading {
  /**
   * Integers that a number cannot hold, such as ids of 64 bits, are bigints. By default they are the nearest
   * number, as `JSON.parse` has it. Node 20 cannot do it.
   */
  readonly bigints?: boolean | undefined;
}

/** @throws TypeError when `reading` asks for what this runtime cannot do */
export function requireReading({ bigints = false }: Reading): void {
  if (!bigints || KEEPS_DIGITS) return;
  throw new TypeError(
    "bigints needs Deno, or Node 21 or later: this runtime does not tell the digits of a number. " +
      "Take the bytes, and read them with a parser that keeps them",
  );
}

/**
 * What bytes of that media type are: JSON read, text decoded, nothing undefined, the rest as it is.
 *
 * @throws SyntaxError when they say that they are JSON, and are not
 * @throws ConductorError `failed_precondition` when they are encrypted, and no key here opened them
 */
export function valueOf(
  bytes: Uint8Array,
  contentType: string,
  { bigints = false }: Reading = {},
): unknown {
  if (bytes.byteLength === 0 && contentType === "") return undefined;
  const envelope = envelopeOf(bytes);
  if (envelope !== undefined) {
    throw new ConductorError(
      "failed_precondition",
      `it is encrypted with payload key ${envelope.keyId}, which was not given, or does not open it: ` +
        "set payloadKey or payloadKeyFile",
    );
  }
  const [mediaType = ""] = contentType.split(";");
  if (mediaType === "application/json" || mediaType.endsWith("+json")) {
    const text = new TextDecoder().decode(bytes);
    return bigints ? parseBigIntegers(text) : JSON.parse(text);
  }
  return mediaType.startsWith("text/") ? new TextDecoder().decode(bytes) : bytes;
}
