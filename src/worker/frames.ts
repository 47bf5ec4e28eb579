/**
 * Messages between a worker and its executor processes: CBOR (RFC 8949), each behind its length in
 * bytes as a big-endian 32-bit number.
 *
 * @module
 */

import { decode, encode } from "cborg";

const HEADER_BYTES = 4;

/** One message, ready to write. */
export function encodeFrame(message: unknown): Uint8Array<ArrayBuffer> {
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
  const header = new Uint8Array(HEADER_BYTES);
  let part: Uint8Array = header;
  let filled = 0;
  for await (const chunk of stream) {
    // Each byte is copied once, however many chunks a frame comes in.
    for (let start = 0; start < chunk.byteLength || (filled === part.byteLength);) {
      const taken = chunk.subarray(start, start + part.byteLength - filled);
      part.set(taken, filled);
      filled += taken.byteLength;
      start += taken.byteLength;
      if (filled < part.byteLength) break;
      filled = 0;
      if (part === header) {
        const bodyBytes = new DataView(header.buffer).getUint32(0);
        if (bodyBytes > frameBytesMax) {
          throw new Error(`a frame of ${bodyBytes} bytes is over the limit of ${frameBytesMax}`);
        }
        part = new Uint8Array(bodyBytes);
      } else {
        const body = part;
        part = header;
        yield decode(body);
      }
    }
  }
}
