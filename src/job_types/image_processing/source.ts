/**
 * Brings a job's image into memory, within its bound.
 *
 * @module
 */

import { InputTooLargeError, type JobContext, PermanentJobError } from "../contract.ts";
import { decodeDataUrl } from "../data_url.ts";
import { requireSuccess } from "../fetch_error.ts";
import { parseJobUrl } from "../job_url.ts";
import { openLocalFile } from "../local_file.ts";
import type { ImagePayload } from "./payload.ts";

/**
 * The bytes of the payload's `url` or `data`.
 *
 * @throws {InputTooLargeError} beyond `limits.inputBytesMax`.
 * @throws {PermanentJobError} when the source is refused or answers that it is not there.
 * @throws {FetchError} when the network or the server fails: another attempt may do.
 */
export async function readSource(
  payload: ImagePayload,
  context: JobContext,
): Promise<Uint8Array> {
  const { inputBytesMax } = context.limits;
  if (payload.data !== undefined) return bounded(decodeBase64(payload.data), inputBytesMax);
  const url = parseJobUrl(payload.url ?? "");
  if (url.protocol === "data:") return decodeDataUrl(url, inputBytesMax).bytes;
  if (url.protocol === "file:") {
    const file = await openLocalFile(url, context.files);
    return await readStream(file.stream, context);
  }
  const response = await context.fetch(url, {
    headers: { accept: "image/*" },
    bodyBytesMax: inputBytesMax,
    signal: context.signal,
  });
  await requireSuccess(response);
  return await response.bytes();
}

function decodeBase64(text: string): Uint8Array {
  try {
    return Uint8Array.fromBase64(text.replaceAll("-", "+").replaceAll("_", "/"));
  } catch (cause) {
    throw new PermanentJobError("The payload's data is not valid base64.", { cause });
  }
}

function bounded(bytes: Uint8Array, bytesMax: number): Uint8Array {
  if (bytes.length <= bytesMax) return bytes;
  throw new InputTooLargeError(
    `The image has ${bytes.length} bytes; this worker reads at most ${bytesMax}.`,
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
