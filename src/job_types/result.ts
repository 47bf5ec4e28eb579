/**
 * How what a job returns becomes the bytes of its result.
 *
 * @module
 */

import { lostKindOf, lostWithin, stringifyExactly } from "../json/mod.ts";
import { PermanentJobError, ResultTooLargeError } from "./contract.ts";

/** A result as it is kept and handed out. */
export interface EncodedResult {
  readonly bytes: Uint8Array;
  /** `application/json`, `application/octet-stream`, or empty for no result at all. */
  readonly contentType: string;
  /** What of the value is not in it, if something is: a promise that nobody awaited, most likely. */
  readonly lost?: string;
}

/**
 * Bytes stay as they are, nothing becomes nothing, anything else JSON, whose integers bigints may be.
 *
 * @param resultBytesMax most bytes of the encoded form.
 * @throws {ResultTooLargeError} when it has more.
 * @throws {PermanentJobError} when the value has no form in JSON.
 */
export function encodeResult(value: unknown, resultBytesMax = Infinity): EncodedResult {
  const result = encoded(value);
  if (result.bytes.length <= resultBytesMax) return result;
  throw new ResultTooLargeError(
    `The result has ${result.bytes.length} bytes; a result holds at most ${resultBytesMax}. ` +
      "Ask for less, or for a destination where the type offers one.",
  );
}

const noResult: EncodedResult = { bytes: new Uint8Array(0), contentType: "" };

function encoded(value: unknown): EncodedResult {
  if (value === undefined) return noResult;
  if (value instanceof Uint8Array || value instanceof ArrayBuffer) {
    return { bytes: copyOf(value), contentType: "application/octet-stream" };
  }
  const text = jsonOf(value);
  const lost = lostWithin(value, text);
  const bytes = new TextEncoder().encode(text);
  return { bytes, contentType: "application/json", ...(lost === undefined ? {} : { lost }) };
}

/**
 * What is kept until a master has it must not change meanwhile: whose memory it is may write into it again, or
 * have given it away already, which nobody could send.
 */
function copyOf(value: Uint8Array | ArrayBuffer): Uint8Array {
  try {
    return new Uint8Array(value instanceof ArrayBuffer ? value.slice(0) : value);
  } catch (cause) {
    throw new PermanentJobError("The job's result has no bytes any more.", { cause });
  }
}

function jsonOf(value: unknown): string {
  let text: string | undefined;
  try {
    text = stringifyExactly(value);
  } catch (cause) {
    throw new PermanentJobError("The job's result cannot be written as JSON.", { cause });
  }
  const lost = lostKindOf(value, text);
  if (lost !== undefined) {
    throw new PermanentJobError(
      `The job's result is a ${lost}, which JSON cannot hold; return an object, a list, a text or a Uint8Array.`,
    );
  }
  if (text !== undefined) return text;
  throw new PermanentJobError(
    `The job's result is a ${typeof value}, which cannot be written as JSON.`,
  );
}
