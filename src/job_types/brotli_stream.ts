/**
 * Brotli undone as it comes. Deno's own decoder (2.9.6) ends without an error where the data is cut short,
 * so it is offered a byte more than there is: only one that has not seen the end takes it.
 *
 * @module
 */

import { createBrotliDecompress } from "node:zlib";
import { through } from "./through.ts";

/** The data ends before what was compressed does. */
class BrotliCutError extends Error {
  override name = "BrotliCutError";
  /** By which messages about failed fetches know it. */
  readonly code = "BROTLI_CUT";
}

/**
 * What was compressed.
 *
 * @throws {BrotliCutError} from the iteration; what the decoder and the source throw passes through.
 */
export async function* unbrotlied(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, undefined> {
  const decoder = createBrotliDecompress();
  let offered = 0;
  async function* andOneMore() {
    for await (const chunk of source) {
      offered += chunk.length;
      yield chunk;
    }
    offered += 1;
    yield Uint8Array.of(0);
  }
  yield* through(andOneMore(), decoder);
  if (decoder.bytesWritten < offered) return undefined;
  throw new BrotliCutError("the brotli data is cut short");
}
