/**
 * Values and their bytes: what a job is given, and what it leaves.
 *
 * @module
 */

import { lostKindOf } from "../json/mod.ts";
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
  const text = JSON.stringify(payload);
  if (text === undefined) {
    throw new TypeError(`a payload may not be a ${typeof payload}: JSON cannot hold it`);
  }
  const lost = lostKindOf(payload, text);
  if (lost !== undefined) {
    throw new TypeError(`a payload may not be a ${lost}: JSON cannot hold it`);
  }
  return utf8.encode(text);
}

/**
 * What bytes of that media type are: JSON read, text decoded, nothing undefined, the rest as it is.
 *
 * @throws SyntaxError when they say that they are JSON, and are not
 * @throws ConductorError `failed_precondition` when they are encrypted, and no key here opened them
 */
export function valueOf(bytes: Uint8Array, contentType: string): unknown {
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
    return JSON.parse(new TextDecoder().decode(bytes));
  }
  return mediaType.startsWith("text/") ? new TextDecoder().decode(bytes) : bytes;
}
