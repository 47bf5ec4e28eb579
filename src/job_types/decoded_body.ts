/**
 * The body of an answer as a stream of decoded bytes that ends with an error when it grows beyond
 * its bound, however small the bytes on the wire were.
 *
 * @module
 */

import type { IncomingMessage } from "node:http";
import { createGunzip, createInflate, createInflateRaw } from "node:zlib";
import { unbrotlied } from "./brotli_stream.ts";
import { InputTooLargeError } from "./contract.ts";
import { through } from "./through.ts";
import { unzstandard } from "./zstd_stream.ts";

/** What is known of a body before it is read. */
export interface BodyTerms {
  /** For messages: what was fetched. */
  readonly what: string;
  readonly bytesMax: number;
  /** Called with the count of decoded bytes so far. */
  readonly onBytes: (count: number) => void;
  /** Turns what the stream failed of into what the reader of the body sees. */
  readonly explain: (error: unknown) => unknown;
  /** Called once, when the body has ended, failed or been cancelled. */
  readonly onEnd: () => void;
}

/** Codings one on top of the other; more is an attack or a mistake. */
const CODINGS_MAX = 2;

/** The codings that this file decodes, for `accept-encoding`. */
export const ACCEPTED_CODINGS = "gzip, deflate, br, zstd";

/** The server chose a content-coding that nobody asked for. */
class UnknownCodingError extends Error {
  override name = "UnknownCodingError";
}

/**
 * Streams the body of `message`, undoing its content-coding (gzip, deflate, brotli, zstd). Reading is
 * pulled: a slow reader slows the sender.
 *
 * @throws {UnknownCodingError} before any byte, for a coding that is not known here.
 */
export function decodedBody(
  message: IncomingMessage,
  terms: BodyTerms,
): ReadableStream<Uint8Array> {
  const decoders = decodersOf(message.headers["content-encoding"] ?? "");
  const length = Number(message.headers["content-length"]);
  const isTooLong = decoders.length === 0 && length > terms.bytesMax;
  const chunks = chunksOf(message, decoders);
  let count = 0;
  let ended = false;
  const end = () => {
    if (ended) return;
    ended = true;
    message.destroy();
    terms.onEnd();
  };
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        if (isTooLong) throw tooLarge(terms);
        const { done, value } = await chunks.next();
        if (done) {
          controller.close();
          return end();
        }
        count += value.length;
        if (count > terms.bytesMax) throw tooLarge(terms);
        terms.onBytes(count);
        controller.enqueue(value);
      } catch (error) {
        const explained = error instanceof InputTooLargeError ? error : terms.explain(error);
        end();
        throw explained;
      }
    },
    cancel: end,
  }, { highWaterMark: 0 });
}

function tooLarge({ what, bytesMax }: BodyTerms): InputTooLargeError {
  return new InputTooLargeError(
    `${what} sent more than the ${bytesMax} bytes that are accepted (counted after decompression).`,
  );
}

async function* chunksOf(
  message: IncomingMessage,
  decoders: readonly Decoder[],
): AsyncGenerator<Uint8Array, undefined> {
  const [first, rest] = await firstChunk(message);
  // An empty body is no gzip, but servers name a coding for it all the same.
  if (first === undefined) return undefined;
  yield* decoders.reduce<AsyncIterable<Uint8Array>>(
    (source, decoder) => decoder(source, first),
    withFirst(first, rest),
  );
  return undefined;
}

async function firstChunk(
  message: IncomingMessage,
): Promise<[Uint8Array | undefined, AsyncIterator<Uint8Array>]> {
  const chunks: AsyncIterator<Uint8Array> = message[Symbol.asyncIterator]();
  for (;;) {
    const { done, value } = await chunks.next();
    if (done) return [undefined, chunks];
    if (value.length > 0) return [value, chunks];
  }
}

async function* withFirst(
  first: Uint8Array,
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array, undefined> {
  yield first;
  for (;;) {
    const { done, value } = await rest.next();
    if (done) return undefined;
    yield value;
  }
}

/** Undoes a coding; the first byte tells the two kinds of deflate apart. */
type Decoder = (source: AsyncIterable<Uint8Array>, first: Uint8Array) => AsyncIterable<Uint8Array>;

const DECODERS: Readonly<Record<string, Decoder>> = {
  gzip: (source) => through(source, createGunzip()),
  "x-gzip": (source) => through(source, createGunzip()),
  br: (source) => unbrotlied(source),
  // RFC 9659: a window of 8 MiB at most, or a small body could ask for gigabytes of memory.
  zstd: (source) => unzstandard(source, 23),
  // RFC 9110 means zlib's format; some servers send the bare deflate stream.
  deflate: (source, first) =>
    through(source, ((first[0] ?? 0) & 0x0f) === 8 ? createInflate() : createInflateRaw()),
};

function decodersOf(contentEncoding: string): readonly Decoder[] {
  const codings = contentEncoding.toLowerCase().split(",").map((coding) => coding.trim())
    .filter((coding) => coding !== "" && coding !== "identity");
  if (codings.length > CODINGS_MAX) {
    throw new UnknownCodingError(
      `its body is encoded ${codings.length} times over (${codings.join(", ")})`,
    );
  }
  return codings.reverse().map((coding) => {
    const decoder = Object.hasOwn(DECODERS, coding) ? DECODERS[coding] : undefined;
    if (decoder !== undefined) return decoder;
    throw new UnknownCodingError(
      `its body is encoded as ${JSON.stringify(coding)}; ${ACCEPTED_CODINGS} were asked for`,
    );
  });
}
