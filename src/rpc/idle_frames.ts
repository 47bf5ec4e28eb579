/**
 * Frames of a peer that carry nothing. HTTP/2 lets a peer send WINDOW_UPDATE (RFC 9113 §6.9) two thousand million times,
 * and DATA without bytes for ever; nghttp2 bounds neither, while it ends floods of other kinds. One
 * connection of somebody without credentials could have a master's loop do nothing else.
 *
 * Who updates its window was sent something, or it has begun: so these are counted against what is written.
 *
 * @module
 */

const DATA = 0x0;
const WINDOW_UPDATE = 0x8;
const END_STREAM = 0x1;

/** Of a connection that was sent nothing: what a client says of its streams' windows when it opens them. */
const FRAMES_MAX = 10_000;
/** A write is a frame at least, which its reader takes in parts, if it wants. */
const FRAMES_OF_WRITE = 8;
/** A reader that gives back its window for each of so many bytes says so for less than it pays. */
const BYTES_OF_FRAME = 256;

/** Those of one connection. */
export class IdleFrames {
  #left = FRAMES_MAX;

  /** So many bytes were written to the peer. */
  wrote(bytes: number): void {
    this.#left += FRAMES_OF_WRITE + Math.ceil(bytes / BYTES_OF_FRAME);
  }

  /** The header of a frame has come; false: it is one too many. */
  take(type: number, flags: number, payloadBytes: number): boolean {
    const isIdle = type === WINDOW_UPDATE ||
      (type === DATA && payloadBytes === 0 && (flags & END_STREAM) === 0);
    return !isIdle || --this.#left >= 0;
  }
}
