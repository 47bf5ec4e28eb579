/**
 * Undoes the compression of a source, which is known by its first bytes: gzip, or zstd.
 *
 * @module
 */

import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { PermanentJobError } from "../contract.ts";
import { unzstandard } from "../zstd_stream.ts";
import { requireSize, type Source } from "./source.ts";

/** Bytes handed on at once. */
const CHUNK_BYTES = 64 * 1024;

interface Compression {
  readonly name: string;
  readonly magic: readonly number[];
  readonly undo: (chunks: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;
}

const COMPRESSIONS: readonly Compression[] = [
  { name: "gzip", magic: [0x1f, 0x8b], undo: gunzipped },
  { name: "zstd", magic: [0x28, 0xb5, 0x2f, 0xfd], undo: zstdUndone },
];

/**
 * The bytes of a source as they were before they were compressed, once.
 *
 * @param bytesMax most bytes after decompression.
 * @throws {PermanentJobError} from the iteration, for damaged data and for too much of it. What the
 * source itself throws passes through as it is.
 */
export async function decompressed(source: Source, bytesMax: number): Promise<Headed> {
  const given = await withHead(source.chunks);
  const compression = COMPRESSIONS.find(({ magic }) =>
    magic.every((byte, at) => given.head[at] === byte)
  );
  if (compression === undefined) return given;
  return await withHead(undone(compression, given.chunks, { what: source.what, bytesMax }));
}

/** Bytes, of which the first are known. */
export interface Headed {
  /** The first bytes, at least 8 if there are as many. */
  readonly head: Uint8Array;
  /** All bytes, those of the head included. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

async function withHead(chunks: AsyncIterable<Uint8Array>): Promise<Headed> {
  const iterator = chunks[Symbol.asyncIterator]();
  let head = new Uint8Array(0);
  while (head.length < 8) {
    const next = await iterator.next();
    if (next.done) break;
    const joined = new Uint8Array(head.length + next.value.length);
    joined.set(head);
    joined.set(next.value, head.length);
    head = joined;
  }
  return { head, chunks: resumed(head, iterator) };
}

async function* resumed(
  head: Uint8Array,
  iterator: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    yield head;
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
      yield next.value;
    }
  } finally {
    await iterator.return?.();
  }
}

async function* undone(
  { name, undo }: Compression,
  chunks: AsyncIterable<Uint8Array>,
  { what, bytesMax }: { readonly what: string; readonly bytesMax: number },
): AsyncGenerator<Uint8Array> {
  let count = 0;
  try {
    for await (const chunk of undo(chunks)) {
      count += chunk.length;
      requireSize(count, bytesMax, `${what} (after decompression)`);
      yield chunk;
    }
  } catch (error) {
    if (!(error instanceof DamagedError)) throw error;
    throw new PermanentJobError(
      `Cannot decompress ${what}: its ${name} data is damaged or cut short ` +
        `after ${count} bytes of text (${error.message}).`,
      { cause: error.cause },
    );
  }
}

/** What is compressed cannot be undone; why is in the message. */
class DamagedError extends Error {}

/** Several members one after the other, as pigz and bgzip write them, are one text. */
async function* gunzipped(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const input = Readable.from(chunks, { objectMode: false });
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
  let sourceError: unknown;
  input.once("error", (error) => {
    sourceError = error;
    gunzip.destroy(error);
  });
  try {
    for await (const chunk of input.pipe(gunzip)) yield chunk;
  } catch (error) {
    if (sourceError !== undefined) throw sourceError;
    if (!(error instanceof Error && "code" in error && String(error.code).startsWith("Z_"))) {
      throw error;
    }
    throw new DamagedError(error.message, { cause: error });
  } finally {
    input.destroy();
  }
}

/** Of 128 MiB: what the zstd command reads without being told to. */
const ZSTD_WINDOW_LOG_MAX = 27;

/** Several frames one after the other, as pzstd writes them, are one text. */
async function* zstdUndone(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let sourceError: unknown;
  async function* watched() {
    try {
      yield* chunks;
    } catch (error) {
      sourceError = error;
      throw error;
    }
  }
  try {
    yield* unzstandard(watched(), ZSTD_WINDOW_LOG_MAX);
  } catch (error) {
    if (sourceError !== undefined) throw sourceError;
    throw new DamagedError(error instanceof Error ? error.message : String(error), {
      cause: error,
    });
  }
}
