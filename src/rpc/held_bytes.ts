/**
 * What a server's streams make it keep before anybody is known, and after they were answered: requests that
 * do not end, and answers that nobody reads. A message is bounded (`grpc.max_msg_size`), and so are a
 * connection's streams and an address's connections; but their product is not a bound, and who calls is asked
 * only when a request is there in full.
 *
 * When all of them keep more than a server is to keep, those are ended, of the addresses that have most, that have kept
 * most for longest: a call that gets on is soon over, whatever its length.
 *
 * @module
 */

import type { Buffer } from "node:buffer";
import { constants, type ServerHttp2Stream } from "node:http2";
// Node's, since this room is a part of the SDK as well.
import { clearInterval, setInterval } from "node:timers";
import { unfairShares } from "../security/mod.ts";

/** Bytes that a server keeps for streams that do not get on ... */
const HELD_BYTES_MAX = 256 * 1024 * 1024;
/** ... or so many messages of the longest kind, where that is more. */
const HELD_MESSAGES_MAX = 4;
/** What a stream costs by itself, and a piece of a message, however short it is: measured, and rounded up. */
const STREAM_BYTES = 16 * 1024;
const PIECE_BYTES = 512;
/** How often streams are looked at, in ms; and whenever so much of what may be kept has come. */
const LOOK_INTERVAL_MS = 1_000;
const LOOK_FRACTION = 8;
/** What is ended at a time leaves this much of what may be kept. */
const LEFT_FRACTION = 0.75;
/** Flag, and length: what gRPC has before each message. */
const PREFIX_BYTES = 5;

/** The most that the streams of a server may make it keep. */
export function heldBytesMax(messageBytesMax: number): number {
  return Math.max(HELD_BYTES_MAX, HELD_MESSAGES_MAX * messageBytesMax);
}

/** The streams of one server. */
export class HeldBytes {
  readonly #max: number;
  readonly #onEnded: (bytes: number, address: string) => void;
  readonly #streams = new Set<WatchedStream>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #cameSinceLook = 0;

  /** @param onEnded told of each stream that was ended: what it kept, and from where it was */
  constructor(max: number, onEnded: (bytes: number, address: string) => void = () => {}) {
    this.#max = max;
    this.#onEnded = onEnded;
  }

  /**
   * Watches a stream to its end. Call it when the stream's own listeners are there: another one would let it flow.
   *
   * @param isOneRequest whether the call is answered when its request has ended, rather than message by message
   */
  watch(stream: ServerHttp2Stream, isOneRequest: boolean): void {
    const watched = new WatchedStream(stream, isOneRequest);
    this.#streams.add(watched);
    this.#timer ??= this.#startLooking();
    stream.on("data", (chunk: Buffer) => {
      watched.came(chunk);
      this.#came(chunk.byteLength + PIECE_BYTES);
    });
    stream.once("close", () => {
      this.#streams.delete(watched);
      if (this.#streams.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    });
    this.#came(STREAM_BYTES);
  }

  /** Ends what is kept of those who have most, if too much is. Called by itself; public for tests. */
  look(nowMs = performance.now()): void {
    this.#cameSinceLook = 0;
    let held = 0;
    for (const stream of this.#streams) held += stream.look(nowMs);
    if (held <= this.#max) return;
    const holdings = [...this.#streams].filter(({ held }) => held > 0).map((stream) => ({
      stream,
      address: stream.address,
      bytes: stream.held,
      weight: stream.weight(nowMs),
    }));
    for (const { stream, bytes, address } of unfairShares(holdings, this.#max * LEFT_FRACTION)) {
      this.#onEnded(bytes, address);
      stream.end();
    }
  }

  #came(bytes: number): void {
    this.#cameSinceLook += bytes;
    if (this.#cameSinceLook >= this.#max / LOOK_FRACTION) this.look();
  }

  #startLooking(): ReturnType<typeof setInterval> {
    return setInterval(() => this.look(), LOOK_INTERVAL_MS).unref();
  }
}

class WatchedStream {
  readonly address: string;
  /** As of the last look. */
  held = 0;
  readonly #stream: ServerHttp2Stream;
  readonly #isOneRequest: boolean;
  /** Of the message that comes, or, of a call with one request, of all that came. */
  #unfinished = 0;
  /** Bytes of the message that are still to come, once its length is known. */
  #toCome = 0;
  #prefix = 0;
  #length = 0;
  #sinceMs: number | undefined;

  constructor(stream: ServerHttp2Stream, isOneRequest: boolean) {
    this.#stream = stream;
    this.#isOneRequest = isOneRequest;
    this.address = stream.session?.socket?.remoteAddress ?? "unknown";
  }

  /** Follows the lengths of messages, to know when one is there in full. */
  came(chunk: Buffer): void {
    if (this.#isOneRequest) {
      this.#unfinished += chunk.byteLength + PIECE_BYTES;
      return;
    }
    let at = 0;
    while (at < chunk.byteLength) {
      if (this.#toCome > 0) {
        const taken = Math.min(this.#toCome, chunk.byteLength - at);
        at += taken;
        this.#toCome -= taken;
        this.#unfinished = this.#toCome === 0 ? 0 : this.#unfinished + taken + PIECE_BYTES;
        continue;
      }
      const byte = chunk[at++]!;
      // The flag, and then four bytes of the length; which gRPC itself refuses when it is too long.
      this.#length = this.#prefix === 0 ? 0 : this.#length * 256 + byte;
      if (++this.#prefix < PREFIX_BYTES) continue;
      this.#prefix = 0;
      this.#toCome = this.#length;
    }
  }

  /** What the stream makes us keep now. */
  look(nowMs: number): number {
    const { readableEnded, readableLength, writableEnded, writableLength } = this.#stream;
    // What is there in full is being answered, and is the handlers' to bound.
    const isComplete = this.#isOneRequest && readableEnded;
    const isWaitedFor = this.#isOneRequest ? !readableEnded : this.#unfinished > 0;
    const ofStream = isWaitedFor || writableEnded ? STREAM_BYTES : 0;
    this.held = (isComplete ? 0 : this.#unfinished) + readableLength + writableLength + ofStream;
    if (this.held === 0) this.#sinceMs = undefined;
    else this.#sinceMs ??= nowMs;
    return this.held;
  }

  /** How much, times how long. */
  weight(nowMs: number): number {
    return this.held * (1 + nowMs - (this.#sinceMs ?? nowMs));
  }

  end(): void {
    // Whoever speaks gRPC takes it as RESOURCE_EXHAUSTED.
    this.#stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }
}
