/**
 * CBOR (RFC 8949) of what log entries are made of: numbers, texts, bytes, lists. The library makes a
 * token of every item, which took half of what it costs to read a submission; this goes over the bytes
 * once. What is anything else (a text that is not ASCII, a fraction, a map, what is malformed) is the
 * library's still, so that the bytes and the values are the same by either.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { decode, encode, type EncodeOptions } from "cborg";

/** The first three bits of an item. */
const UNSIGNED = 0;
const NEGATIVE = 1;
const BYTES = 2;
const TEXT = 3;
const LIST = 4;

/** The other five: the argument itself, or in how many bytes it follows. */
const ONE_BYTE = 24;
const TWO_BYTES = 25;
const FOUR_BYTES = 26;
const EIGHT_BYTES = 27;

const FALSE = 0xf4;
const TRUE = 0xf5;
const NULL = 0xf6;
const UNDEFINED = 0xf7;

const TWO_TO_32 = 2 ** 32;
/** Longer texts cost the library's call less than a loop. */
const LOOPED_CHARACTERS_MAX = 96;
const BUFFER_BYTES = 64 * 1024;

const encodeOptions: EncodeOptions = {
  typeEncoders: {
    number(value: number) {
      if (!Number.isFinite(value)) {
        throw new RangeError(`Cannot encode a command with ${value} in it`);
      }
      return null; // as usual
    },
  },
};

/**
 * Decodes one item from `start` to the end. Bytes in it are parts of `bytes`, not copies.
 * @throws {Error} when it is not CBOR
 */
export function decodeItem(bytes: Uint8Array, start: number): unknown {
  const reader = new Reader(bytes, start);
  const value = reader.item();
  if (value !== NOT_PLAIN && reader.isAtEnd) return value;
  return decode(bytes.subarray(start));
}

/**
 * Encodes one item behind a first byte; the bytes are the caller's own.
 * @throws {RangeError} for a number that is none
 */
export function encodeItem(first: number, value: unknown): Uint8Array<ArrayBuffer> {
  writer.begin(first);
  writer.item(value);
  return writer.finish();
}

/** In the place of a value: the library has to read it. */
const NOT_PLAIN = Symbol("not plain");

class Reader {
  readonly #bytes: Uint8Array;
  readonly #texts: Buffer;
  #at: number;

  constructor(bytes: Uint8Array, start: number) {
    this.#bytes = bytes;
    this.#texts = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = start;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  item(): unknown {
    const start = this.#at;
    if (start >= this.#bytes.length) return NOT_PLAIN;
    const head = this.#bytes[this.#at++]!;
    switch (head) {
      case FALSE:
        return false;
      case TRUE:
        return true;
      case NULL:
        return null;
      case UNDEFINED:
        return undefined;
    }
    const argument = this.#argument(head & 0x1f);
    switch (head >> 5) {
      case UNSIGNED:
        return argument < 0 ? NOT_PLAIN : argument;
      case NEGATIVE:
        return argument < 0 || argument === Number.MAX_SAFE_INTEGER ? NOT_PLAIN : -1 - argument;
      case BYTES:
        return this.#isThere(argument)
          ? this.#bytes.subarray(this.#at, this.#at += argument)
          : NOT_PLAIN;
      case TEXT:
        return this.#isThere(argument) ? this.#text(start, argument) : NOT_PLAIN;
      case LIST:
        return this.#isThere(argument) ? this.#list(argument) : NOT_PLAIN;
      default:
        return NOT_PLAIN;
    }
  }

  /** Below 0: there is none, or one that is no number of ours. */
  #argument(kind: number): number {
    const bytes = this.#bytes;
    const at = this.#at;
    if (kind < ONE_BYTE) return kind;
    if (kind === ONE_BYTE && at + 1 <= bytes.length) {
      this.#at += 1;
      return bytes[at]!;
    }
    if (kind === TWO_BYTES && at + 2 <= bytes.length) {
      this.#at += 2;
      return bytes[at]! << 8 | bytes[at + 1]!;
    }
    if (kind === FOUR_BYTES && at + 4 <= bytes.length) {
      this.#at += 4;
      return uint32(bytes, at);
    }
    if (kind === EIGHT_BYTES && at + 8 <= bytes.length) {
      this.#at += 8;
      const value = uint32(bytes, at) * TWO_TO_32 + uint32(bytes, at + 4);
      return Number.isSafeInteger(value) ? value : -1;
    }
    return -1;
  }

  /** Whether so many bytes, or items of a byte at least, are left. */
  #isThere(count: number): boolean {
    return count >= 0 && count <= this.#bytes.length - this.#at;
  }

  #text(start: number, length: number): string {
    const [from, to] = [this.#at, this.#at + length];
    this.#at = to;
    let allBits = 0;
    for (let at = from; at < to; at++) allBits |= this.#bytes[at]!;
    if (allBits >= 0x80) return decode(this.#bytes.subarray(start, to));
    return this.#texts.toString("latin1", from, to);
  }

  #list(length: number): unknown[] | typeof NOT_PLAIN {
    const items: unknown[] = [];
    for (let place = 0; place < length; place++) {
      const item = this.item();
      if (item === NOT_PLAIN) return NOT_PLAIN;
      items.push(item);
    }
    return items;
  }
}

function uint32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24 | bytes[at + 1]! << 16 | bytes[at + 2]! << 8 | bytes[at + 3]!) >>> 0;
}

class Writer {
  #bytes = new Uint8Array(BUFFER_BYTES);
  #at = 0;

  begin(first: number): void {
    this.#bytes[0] = first;
    this.#at = 1;
  }

  finish(): Uint8Array<ArrayBuffer> {
    const written = this.#bytes.slice(0, this.#at);
    if (this.#bytes.length > 4 * BUFFER_BYTES) this.#bytes = new Uint8Array(BUFFER_BYTES);
    return written;
  }

  item(value: unknown): void {
    if (typeof value === "number" && Number.isSafeInteger(value)) {
      if (value >= 0) this.#head(UNSIGNED, value);
      else this.#head(NEGATIVE, -1 - value);
    } else if (typeof value === "string" && value.length <= LOOPED_CHARACTERS_MAX) {
      this.#text(value);
    } else if (value instanceof Uint8Array) {
      this.#head(BYTES, value.length);
      this.#append(value);
    } else if (Array.isArray(value)) {
      this.#head(LIST, value.length);
      for (const item of value) this.item(item);
    } else if (value === null) {
      this.#byte(NULL);
    } else if (typeof value === "boolean") {
      this.#byte(value ? TRUE : FALSE);
    } else {
      this.#append(encode(value, encodeOptions));
    }
  }

  #text(text: string): void {
    const { length } = text;
    const start = this.#at;
    this.#head(TEXT, length);
    this.#makeRoom(length);
    const bytes = this.#bytes;
    const from = this.#at;
    let allBits = 0;
    for (let at = 0; at < length; at++) {
      const unit = text.charCodeAt(at);
      allBits |= unit;
      bytes[from + at] = unit;
    }
    this.#at += length;
    if (allBits < 0x80) return;
    this.#at = start;
    this.#append(encode(text));
  }

  #head(major: number, argument: number): void {
    this.#makeRoom(9);
    const bytes = this.#bytes;
    const first = major << 5;
    if (argument < ONE_BYTE) {
      bytes[this.#at++] = first | argument;
    } else if (argument < 0x100) {
      bytes[this.#at++] = first | ONE_BYTE;
      bytes[this.#at++] = argument;
    } else if (argument < 0x10000) {
      bytes[this.#at++] = first | TWO_BYTES;
      bytes[this.#at++] = argument >> 8;
      bytes[this.#at++] = argument;
    } else if (argument < TWO_TO_32) {
      bytes[this.#at++] = first | FOUR_BYTES;
      this.#uint32(argument);
    } else {
      bytes[this.#at++] = first | EIGHT_BYTES;
      this.#uint32(Math.floor(argument / TWO_TO_32));
      this.#uint32(argument % TWO_TO_32);
    }
  }

  #uint32(value: number): void {
    const bytes = this.#bytes;
    bytes[this.#at++] = value >>> 24;
    bytes[this.#at++] = value >>> 16;
    bytes[this.#at++] = value >>> 8;
    bytes[this.#at++] = value;
  }

  #byte(byte: number): void {
    this.#makeRoom(1);
    this.#bytes[this.#at++] = byte;
  }

  #append(bytes: Uint8Array): void {
    this.#makeRoom(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  #makeRoom(bytes: number): void {
    const needed = this.#at + bytes;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
    grown.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = grown;
  }
}

const writer = new Writer();
