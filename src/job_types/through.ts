/**
 * Node's transforms between async iterables.
 *
 * @module
 */

import type { Buffer } from "node:buffer";
import { pipeline, type Transform } from "node:stream";

/** What `transform` makes of the bytes of `source`. */
export async function* through(
  source: AsyncIterable<Uint8Array>,
  transform: Transform,
): AsyncGenerator<Uint8Array, undefined> {
  // An error of the source destroys the transform, whose reader then sees it.
  pipeline([source, transform] as unknown as Transform[], () => {});
  for await (const chunk of transform) {
    const buffer = chunk as Buffer;
    yield new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  }
  return undefined;
}
