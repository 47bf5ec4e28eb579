/**
 * Keeps GOAWAY frames (RFC 9113 §6.8) away from Deno's HTTP/2.
 *
 * On Deno 2.9.6 a session on which some hundred streams were opened dies with the whole process when
 * it takes a GOAWAY, on the server's side as on the client's (denoland/deno#36788: nghttp2's
 * `find_stream_on_goaway_func`). Every gRPC client sends one when it closes its channel, so a master
 * could be ended by any of its clients. Deno's HTTP/2 moves its bytes through its socket in
 * JavaScript, where frames can be seen: a client that says goodbye closes its connection right after,
 * and that alone is enough for us; a server's connection we close ourselves. Our own GOAWAYs are left out too, for the sake of clients on Deno.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { HeaderBlocks } from "./header_blocks.ts";
import { IdleFrames } from "./idle_frames.ts";

const PREFACE_BYTES = 24;
const HEADER_BYTES = 9;
const GOAWAY = 0x7;

/** Of what a peer has sent more than may be. */
export type Excess = "headers" | "frames";

/** What looks at a peer's frames besides; absent: nobody does. */
export interface FrameBounds {
  readonly headers?: HeaderBlocks;
  readonly idleFrames?: IdleFrames;
}

/** Drops GOAWAY frames from a peer's bytes, whatever pieces they come in, and has the others looked at. */
export class GoawayFilter {
  /** Of the connection preface, which comes before a client's first frame. */
  #prefaceBytesLeft: number;
  #hasSaidGoodbye = false;
  /** Of the present frame's payload. */
  #payloadBytesLeft = 0;
  #isDropping = false;
  readonly #headers: HeaderBlocks | undefined;
  readonly #idleFrames: IdleFrames | undefined;
  #isOfHeaders = false;
  #excess: Excess | undefined;
  /** The beginning of a frame header whose rest has not come yet. */
  #header: Buffer = Buffer.alloc(0);

  constructor(peer: "client" | "server" = "client", { headers, idleFrames }: FrameBounds = {}) {
    this.#headers = headers;
    this.#idleFrames = idleFrames;
    this.#prefaceBytesLeft = peer === "client" ? PREFACE_BYTES : 0;
  }

  /** Whether a GOAWAY was dropped. */
  get hasSaidGoodbye(): boolean {
    return this.#hasSaidGoodbye;
  }

  /** Of what there was more than may be: what came with it is not to be passed on. */
  get excess(): Excess | undefined {
    return this.#excess;
  }

  /** The bytes to pass on; the same buffer where nothing is dropped, as nearly always. */
  pass(received: Buffer): Buffer {
    const chunk = this.#header.length === 0 ? received : Buffer.concat([this.#header, received]);
    this.#header = Buffer.alloc(0);
    const kept: Buffer[] = [];
    let keptFrom = 0;
    let at = 0;
    const keepUntil = (end: number) => {
      if (end > keptFrom) kept.push(chunk.subarray(keptFrom, end));
    };
    while (at < chunk.length) {
      if (this.#prefaceBytesLeft > 0) {
        const bytes = Math.min(this.#prefaceBytesLeft, chunk.length - at);
        this.#prefaceBytesLeft -= bytes;
        at += bytes;
      } else if (this.#payloadBytesLeft > 0) {
        const bytes = Math.min(this.#payloadBytesLeft, chunk.length - at);
        this.#payloadBytesLeft -= bytes;
        if (this.#isOfHeaders && this.#headers?.take(chunk.subarray(at, at + bytes)) === false) {
          this.#excess = "headers";
          return chunk.subarray(0, 0);
        }
        at += bytes;
        if (this.#isDropping) keptFrom = at;
      } else if (chunk.length - at < HEADER_BYTES) {
        keepUntil(at);
        keptFrom = chunk.length;
        this.#header = chunk.subarray(at);
        at = chunk.length;
      } else {
        this.#isDropping = chunk[at + 3] === GOAWAY;
        this.#payloadBytesLeft = chunk.readUIntBE(at, 3);
        this.#isOfHeaders = this.#headers?.frame(
          chunk[at + 3]!,
          chunk[at + 4]!,
          this.#payloadBytesLeft,
        ) ?? false;
        if (
          this.#idleFrames?.take(chunk[at + 3]!, chunk[at + 4]!, this.#payloadBytesLeft) === false
        ) {
          this.#excess = "frames";
          return chunk.subarray(0, 0);
        }
        if (this.#isDropping) {
          this.#hasSaidGoodbye = true;
          keepUntil(at);
          keptFrom = at + HEADER_BYTES;
        }
        at += HEADER_BYTES;
      }
    }
    if (kept.length === 0 && keptFrom === 0) return chunk;
    keepUntil(chunk.length);
    return kept.length === 1 ? kept[0]! : Buffer.concat(kept);
  }
}

/** Whether `chunk` is one GOAWAY frame: Deno's HTTP/2 writes each frame by itself. */
function isGoaway(chunk: unknown): boolean {
  return chunk instanceof Uint8Array && chunk.length >= HEADER_BYTES && chunk[3] === GOAWAY &&
    ((chunk[0]! << 16) | (chunk[1]! << 8) | chunk[2]!) + HEADER_BYTES === chunk.length;
}

/**
 * Puts the filter into a server's connection, before HTTP/2 takes hold of it, and breaks that when a call's headers are
 * too many, or unpack to too much, and when frames come without end that carry nothing.
 *
 * @param headerBytesMax of one block
 * @param onExcess told when that was so
 */
export function filterGoaway(
  socket: Socket,
  headerBytesMax: number,
  onExcess: (of: Excess) => void = () => {},
): void {
  const idleFrames = new IdleFrames();
  const headers = new HeaderBlocks(headerBytesMax);
  const filter = new GoawayFilter("client", { headers, idleFrames });
  install(socket, filter, {
    onPassed: () => {
      if (filter.excess === undefined || socket.destroyed) return;
      socket.destroy();
      onExcess(filter.excess);
    },
    onWritten: (bytes) => idleFrames.wrote(bytes),
  });
}

/**
 * Puts the filter into a client's connection, and breaks that when the server says goodbye. A server
 * ignores calls that come after its GOAWAY, so one that goes on while others end would leave them
 * without an answer. What was under way counts as lost, as with every connection that breaks.
 *
 * @param onBytes called whenever anything has come
 */
export function breakOnGoaway(socket: Socket, onBytes?: () => void): void {
  const filter = new GoawayFilter("server");
  install(socket, filter, {
    onPassed: () => {
      onBytes?.();
      if (filter.hasSaidGoodbye) socket.destroy();
    },
  });
}

interface Listener {
  readonly onPassed: () => void;
  readonly onWritten?: (bytes: number) => void;
}

function install(
  socket: Socket,
  filter: GoawayFilter,
  { onPassed, onWritten }: Listener,
): void {
  const emit = socket.emit;
  socket.emit = function (this: Socket, event: string, ...args: unknown[]): boolean {
    if (event === "data" && args[0] instanceof Uint8Array) {
      if (filter.excess !== undefined) return true;
      const passed = filter.pass(args[0] as Buffer);
      const isHeard = passed.length === 0 || emit.call(this, event, passed);
      onPassed();
      return isHeard;
    }
    return emit.call(this, event, ...args);
  } as Socket["emit"];
  const write = socket.write as (...args: unknown[]) => boolean;
  socket.write = function (this: Socket, chunk: unknown, ...rest: unknown[]): boolean {
    if (!isGoaway(chunk)) {
      onWritten?.(chunk instanceof Uint8Array ? chunk.length : 0);
      return write.call(this, chunk, ...rest);
    }
    const done = rest.at(-1);
    if (typeof done === "function") queueMicrotask(() => done());
    return true;
  } as Socket["write"];
}
