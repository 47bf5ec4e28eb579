/**
 * Brings a job's image into memory, within its bound.
 *
 * @module
 */

import { InputTooLargeError, type JobContext, PermanentJobError } from "../contract.ts";
import type { ImagePayload } from "./payload.ts";

/** The roads to a source that are not the network; given so that tests can stand in their place. */
export interface SourceDoors {
  /** Completes a bare `host/path` to https; refuses other schemes than http, https, file, data. */
  parseJobUrl(text: string): URL;
  decodeDataUrl(url: string): { readonly bytes: Uint8Array };
  /** Within the directories that jobs may read. */
  openLocalFile(path: string, context: JobContext): Promise<ReadableStream<Uint8Array>>;
}

/**
 * The bytes of the payload's `url` or `data`.
 *
 * @throws {InputTooLargeError} beyond `limits.inputBytesMax`.
 * @throws {PermanentJobError} when the source is refused or answers that it is not there. A network
 * that fails, or a server that says "later", throws an ordinary error: another attempt may do.
 */
export async function readSource(
  payload: ImagePayload,
  context: JobContext,
  doors: SourceDoors,
): Promise<Uint8Array> {
  if (payload.data !== undefined) {
    return bounded(decodeBase64(payload.data), context);
  }
  const text = payload.url ?? "";
  const url = doors.parseJobUrl(text);
  if (url.protocol === "data:") return bounded(doors.decodeDataUrl(text).bytes, context);
  if (url.protocol === "file:") {
    return await readStream(await doors.openLocalFile(text, context), context);
  }
  const response = await context.fetch(url, {
    headers: { accept: "image/*" },
    bodyBytesMax: context.limits.inputBytesMax,
    signal: context.signal,
  });
  if (response.status !== 200) await response.body.cancel();
  requireOk(response.status, `GET ${url.origin}${url.pathname}`);
  return await response.bytes();
}

/**
 * Tells failures that will repeat from those that may pass.
 *
 * @throws {PermanentJobError} for a status of 3xx or 4xx, but for the three that mean "later".
 * @throws {Error} for those and for 5xx.
 */
export function requireOk(status: number, action: string): void {
  if (status >= 200 && status < 300) return;
  const message = `${action} was answered with status ${status}.`;
  if (status >= 500 || status === 408 || status === 425 || status === 429) {
    throw new Error(message);
  }
  throw new PermanentJobError(message);
}

function decodeBase64(text: string): Uint8Array {
  try {
    return Uint8Array.fromBase64(text.replaceAll("-", "+").replaceAll("_", "/"));
  } catch (cause) {
    throw new PermanentJobError("The payload's data is not valid base64.", { cause });
  }
}

function bounded(bytes: Uint8Array, { limits }: JobContext): Uint8Array {
  if (bytes.length <= limits.inputBytesMax) return bytes;
  throw new InputTooLargeError(
    `The image has ${bytes.length} bytes; this worker reads at most ${limits.inputBytesMax}.`,
  );
}

async function readStream(
  stream: ReadableStream<Uint8Array>,
  { limits, signal }: JobContext,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    signal.throwIfAborted();
    length += chunk.length;
    if (length > limits.inputBytesMax) {
      throw new InputTooLargeError(
        `The image has more than the ${limits.inputBytesMax} bytes that this worker reads.`,
      );
    }
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
