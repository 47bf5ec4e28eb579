/**
 * Whether a table is in the encoding that its server names, or in UTF-8. Many servers name one for all
 * their files; so what can be read as UTF-8 is UTF-8, and only what cannot is what the server says.
 *
 * @module
 */

import { joinBytes } from "../join_bytes.ts";
import { asciiLength } from "../named_charset.ts";

/** Most bytes of one character of UTF-8. */
const CHARACTER_BYTES_MAX = 4;

/** A piece of a text, and the encoding that it is to be read in. */
export interface LabelledChunk {
  readonly chunk: Uint8Array;
  readonly label: string;
}

/** Encodings in which bytes of ASCII may say something else. */
const NOT_ASCII = /^(?:utf-16|iso-2022)/;

/**
 * Chunks with the encoding that each is to be read in: as long as they are ASCII, UTF-8; from the first other
 * character on, which is in one chunk as a whole, one of the two.
 */
export async function* charsetsShown(
  chunks: AsyncIterable<Uint8Array>,
  served: string,
): AsyncGenerator<LabelledChunk> {
  let label = NOT_ASCII.test(served) ? served : undefined;
  let held: Uint8Array | undefined;
  for await (const next of chunks) {
    if (label !== undefined) {
      yield { chunk: next, label };
      continue;
    }
    const chunk = held === undefined ? next : joinBytes([held, next]);
    const end = asciiLength(chunk);
    yield { chunk: chunk.subarray(0, end), label: "utf-8" };
    const rest = chunk.subarray(end);
    held = rest.length > 0 && rest.length < CHARACTER_BYTES_MAX ? rest : undefined;
    if (held !== undefined || rest.length === 0) continue;
    label = isUtf8(rest, true) ? "utf-8" : served;
    yield { chunk: rest, label };
  }
  if (held !== undefined) yield { chunk: held, label: isUtf8(held, false) ? "utf-8" : served };
}

/** `isCut`: the end may be cut in the middle of a character. */
function isUtf8(bytes: Uint8Array, isCut: boolean): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: isCut });
    return true;
  } catch {
    return false;
  }
}
