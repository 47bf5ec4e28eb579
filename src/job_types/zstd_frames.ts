/**
 * The frames of zstd (RFC 8878), told apart without being decoded: one stream may be several, and only
 * who counts their blocks knows that the last one is whole.
 *
 * @module
 */

/** The bytes are no frames of zstd, or end in the middle of one. */
class ZstdFramesError extends Error {
  override name = "ZstdFramesError";
  /** By which messages about failed fetches know it. */
  readonly code: "ZSTD_CUT" | "ZSTD_DAMAGED";

  constructor(code: "ZSTD_CUT" | "ZSTD_DAMAGED", message: string) {
    super(message);
    this.code = code;
  }
}

/** Of a frame, in its first four bytes. */
const FRAME_MAGIC = 0xfd2fb528;
/** Of what is not for the decoder; the last four bits are the writer's choice. */
const SKIPPABLE_MAGIC = 0x184d2a50;
/** Bytes of a dictionary's id, by the last two bits of the descriptor. */
const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const;

/**
 * The frames of a stream, one after the other; each must be read to its end before the next. What is
 * skippable is skipped.
 *
 * @throws {ZstdFramesError} from the iteration of either.
 */
export async function* zstdFrames(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<AsyncGenerator<Uint8Array>> {
  const bytes = new ByteReader(chunks[Symbol.asyncIterator]());
  while (!await bytes.isAtEnd()) {
    const magic = await bytes.take(4);
    const number = littleEndian(magic);
    if (number === FRAME_MAGIC) yield frameOf(magic, bytes);
    else if ((number & ~0xf) >>> 0 === SKIPPABLE_MAGIC) {
      const size = littleEndian(await bytes.take(4));
      for await (const _ of bytes.pass(size)) { /* not for the decoder */ }
    } else throw new ZstdFramesError("ZSTD_DAMAGED", "what follows is no frame of zstd");
  }
}

async function* frameOf(magic: Uint8Array, bytes: ByteReader): AsyncGenerator<Uint8Array> {
  yield magic;
  const descriptor = await bytes.take(1);
  yield descriptor;
  const [flags = 0] = descriptor;
  yield* bytes.pass(headerBytesAfter(flags));
  for (let isLast = false; !isLast;) {
    const header = await bytes.take(3);
    yield header;
    const number = littleEndian(header);
    isLast = (number & 1) === 1;
    // A block of type 1 repeats one byte; what type 3 would be nobody has said.
    const type = (number >> 1) & 3;
    if (type === 3) {
      throw new ZstdFramesError("ZSTD_DAMAGED", "a block has a type that is reserved");
    }
    yield* bytes.pass(type === 1 ? 1 : number >> 3);
  }
  const checksumBytes = (flags & 4) === 0 ? 0 : 4;
  yield* bytes.pass(checksumBytes);
}

/** Bytes of a frame's header after its descriptor (RFC 8878 §3.1.1.1). */
function headerBytesAfter(flags: number): number {
  const isSingleSegment = (flags & 0x20) !== 0;
  const sizeKind = flags >> 6;
  const contentSize = sizeKind === 0 ? Number(isSingleSegment) : 1 << sizeKind;
  return Number(!isSingleSegment) + DICTIONARY_ID_BYTES[flags & 3 as 0 | 1 | 2 | 3]! + contentSize;
}

function littleEndian(bytes: Uint8Array): number {
  return bytes.reduceRight((sum, byte) => sum * 256 + byte, 0);
}

/** Gives out bytes by their count, however they come. */
class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #rest = new Uint8Array(0);

  constructor(source: AsyncIterator<Uint8Array>) {
    this.#source = source;
  }

  async isAtEnd(): Promise<boolean> {
    while (this.#rest.length === 0) {
      const next = await this.#source.next();
      if (next.done) return true;
      this.#rest = new Uint8Array(next.value);
    }
    return false;
  }

  /** Exactly so many, in one piece. */
  async take(count: number): Promise<Uint8Array> {
    const taken = new Uint8Array(count);
    let filled = 0;
    for await (const part of this.pass(count)) {
      taken.set(part, filled);
      filled += part.length;
    }
    return taken;
  }

  /** So many, in pieces as they come. */
  async *pass(count: number): AsyncGenerator<Uint8Array> {
    for (let missing = count; missing > 0;) {
      if (await this.isAtEnd()) {
        throw new ZstdFramesError("ZSTD_CUT", "it ends in the middle of a frame");
      }
      const part = this.#rest.subarray(0, missing);
      this.#rest = this.#rest.subarray(part.length);
      missing -= part.length;
      yield part;
    }
  }
}
