/**
 * Messages between a worker and its executor processes: CBOR (RFC 8949), each behind its length in
 * bytes as a big-endian 32-bit number.
 *
 * @module
 */

import { decode, encode } from "cborg";

const HEADER_BYTES = 4;

/** One message, ready to write. */
export function encodeFrame(message: unknown): Uint8Array {
  const body = encode(message);
  const frame = new Uint8Array(HEADER_BYTES + body.byteLength);
  new DataView(frame.buffer).setUint32(0, body.byteLength);
  frame.set(body, HEADER_BYTES);
  return frame;
}

/**
 * The messages of a stream, until it ends.
 *
 * @throws Error when a frame says that it is longer than `frameBytesMax`: what follows is not ours.
 */
export async function* readFrames(
  stream: ReadableStream<Uint8Array>,
  frameBytesMax: number,
): AsyncGenerator<unknown> {
  let buffered = new Uint8Array(0);
  for await (const chunk of stream) {
    buffered = concatenated(buffered, chunk);
    let start = 0;
    while (buffered.byteLength - start >= HEADER_BYTES) {
      const bodyBytes = new DataView(buffered.buffer, buffered.byteOffset + start).getUint32(0);
      if (bodyBytes > frameBytesMax) {
        throw new Error(`a frame of ${bodyBytes} bytes is over the limit of ${frameBytesMax}`);
      }
      const end = start + HEADER_BYTES + bodyBytes;
      if (end > buffered.byteLength) break;
      yield decode(buffered.slice(start + HEADER_BYTES, end));
      start = end;
    }
    buffered = buffered.subarray(start);
  }
}

function concatenated(left: Uint8Array, right: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(left.byteLength + right.byteLength);
  whole.set(left);
  whole.set(right, left.byteLength);
  return whole;
}
