/**
 * zstd undone as it comes. Deno's own decoder (2.9.6) ends without an error with the first of several
 * frames, and where a frame is cut short, so it is given one whole frame after the other.
 *
 * @module
 */

import { constants, createZstdDecompress } from "node:zlib";
import { through } from "./through.ts";
import { zstdFrames } from "./zstd_frames.ts";

/** Bytes that are decoded at once. */
const CHUNK_BYTES = 64 * 1024;

/**
 * What was compressed, of all frames.
 *
 * @param windowLogMax of the bytes that a frame may ask to be remembered, the binary logarithm; a frame
 * that asks for more is refused before memory is taken for it.
 * @throws {ZstdFramesError} from the iteration; what the decoder and the source throw passes through.
 */
export async function* unzstandard(
  source: AsyncIterable<Uint8Array>,
  windowLogMax: number,
): AsyncGenerator<Uint8Array, undefined> {
  const params = { [constants.ZSTD_d_windowLogMax]: windowLogMax };
  for await (const frame of zstdFrames(source)) {
    yield* through(frame, createZstdDecompress({ params, chunkSize: CHUNK_BYTES }));
  }
  return undefined;
}
