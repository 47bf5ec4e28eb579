/**
 * Protobuf's wire format, as far as messages that are written and read by hand need it.
 *
 * @module
 */

import { Buffer } from "node:buffer";

/** Strings up to this length are faster to write and read here than by a call into the runtime. */
const SHORT_CHARACTERS_MAX = 64;
const SHORT_BYTES_MAX = 16;

/** A field's number and wire type, as they stand before its value. */
export const varintTag = (field: number): number => field << 3;
export const lengthTag = (field: number): number => field << 3 | 2;

/** Bytes that are no message as we write them; the library may know better, or say what is wrong. */
export class NotPlain extends Error {
  override name = "NotPlain";
}

/** One for all who write: nobody awaits anything between begin and end. */
let scratch = Buffer.allocUnsafeSlow(64 * 1024);
/** A larger one is not kept. */
const SCRATCH_BYTES_KEPT_MAX = 4 * 1024 * 1024;

/** Writes one message. Numbers that are 0, texts that are empty and `false` are left out, as proto3 does. */
export class ProtoWriter {
  #buffer = scratch;
  #at = 0;

  /** What was written, as bytes of the caller's own. */
  finish(): Buffer {
    scratch = this.#buffer.byteLength > SCRATCH_BYTES_KEPT_MAX ? scratch : this.#buffer;
    const bytes = Buffer.allocUnsafeSlow(this.#at);
    this.#buffer.copy(bytes, 0, 0, this.#at);
    return bytes;
  }

  /** @throws NotPlain for what is no int32 */
  int(field: number, value: number): void {
    if (value === 0) return;
    if ((value | 0) !== value) throw new NotPlain("no int32");
    this.#room(20);
    this.#varint(varintTag(field));
    if (value > 0) this.#varint(value);
    else this.#long(BigInt.asUintN(64, BigInt(value)));
  }

  /** @throws NotPlain for a negative one or a very large one */
  long(field: number, value: bigint): void {
    if (value === 0n) return;
    if (value < 0n || value >= 1n << 63n) throw new NotPlain("no number of milliseconds");
    this.#room(20);
    this.#varint(varintTag(field));
    this.#long(value);
  }

  flag(field: number, value: boolean): void {
    if (value) this.int(field, 1);
  }

  text(field: number, value: string): void {
    if (value !== "") this.element(field, value);
  }

  /** A text that may be empty. @throws NotPlain for half a character, and for what is no text */
  element(field: number, value: string): void {
    if (typeof value !== "string") throw new NotPlain("no text");
    const { length } = value;
    this.#room(10 + 3 * length);
    this.#varint(lengthTag(field));
    if (length <= SHORT_CHARACTERS_MAX && this.#short(value)) return;
    if (!value.isWellFormed()) throw new NotPlain("half a character");
    this.#varint(Buffer.byteLength(value));
    this.#at += this.#buffer.write(value, this.#at);
  }

  bytes(field: number, value: Uint8Array): void {
    if (!(value instanceof Uint8Array)) throw new NotPlain("no bytes");
    if (value.byteLength > 0) this.whole(field, value);
  }

  /** A message, or bytes that may be empty. */
  whole(field: number, value: Uint8Array): void {
    this.#room(10 + value.byteLength);
    this.#varint(lengthTag(field));
    this.#varint(value.byteLength);
    this.#buffer.set(value, this.#at);
    this.#at += value.byteLength;
  }

  /** A message within this one. */
  message<Message>(
    field: number,
    value: Message,
    write: (writer: ProtoWriter, value: Message) => void,
  ): void {
    this.#room(10);
    this.#varint(lengthTag(field));
    // Nearly all are shorter than 2^14 bytes and longer than 2^7.
    const start = this.#at += 2;
    write(this, value);
    const length = this.#at - start;
    const lengthBytes = length < 1 << 7 ? 1 : length < 1 << 14 ? 2 : length < 1 << 21 ? 3 : 5;
    if (lengthBytes !== 2) {
      this.#room(5);
      this.#buffer.copyWithin(start - 2 + lengthBytes, start, this.#at);
    }
    this.#at = start - 2;
    this.#varint(length);
    this.#at = start - 2 + lengthBytes + length;
  }

  /** Whether it was ASCII, and so is written. */
  #short(value: string): boolean {
    const buffer = this.#buffer;
    const start = this.#at;
    let at = start;
    buffer[at++] = value.length;
    for (let index = 0; index < value.length; index++) {
      const code = value.charCodeAt(index);
      if (code > 0x7f) return false;
      buffer[at++] = code;
    }
    this.#at = at;
    return true;
  }

  #varint(value: number): void {
    const buffer = this.#buffer;
    while (value > 0x7f) {
      buffer[this.#at++] = value & 0x7f | 0x80;
      value >>>= 7;
    }
    buffer[this.#at++] = value;
  }

  #long(value: bigint): void {
    while (value > 0xffff_ffffn) {
      this.#buffer[this.#at++] = Number(value & 0x7fn) | 0x80;
      value >>= 7n;
    }
    this.#varint(Number(value));
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.byteLength) return;
    const larger = Buffer.allocUnsafeSlow(2 * (this.#at + bytes));
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#buffer = larger;
  }
}

/** Reads one message, field by field. */
export class ProtoReader {
  readonly #buffer: Buffer;
  #at = 0;
  #end: number;

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#end = bytes.byteLength;
  }

  /** Whether the message goes on. */
  get hasMore(): boolean {
    return this.#at < this.#end;
  }

  /** A tag or a length. @throws NotPlain for what is none */
  uint(): number {
    const value = this.int();
    if (value < 0) throw new NotPlain("a large number");
    return value;
  }

  /** An int32. */
  int(): number {
    const buffer = this.#buffer;
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.#at >= this.#end) throw new NotPlain("cut off");
      const byte = buffer[this.#at++]!;
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new NotPlain("too long a number");
  }

  /** A 64-bit number. @throws NotPlain for a negative one or a very large one */
  long(): bigint {
    // Nearly all are small.
    let value = 0;
    for (let factor = 1; factor < 2 ** 49; factor *= 128) {
      if (this.#at >= this.#end) throw new NotPlain("cut off");
      const byte = this.#buffer[this.#at++]!;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return BigInt(value);
    }
    throw new NotPlain("a very large number");
  }

  flag(): boolean {
    return this.uint() !== 0;
  }

  text(): string {
    const length = this.uint();
    const start = this.#skip(length);
    const buffer = this.#buffer;
    if (length <= SHORT_BYTES_MAX) {
      const codes = new Array<number>(length);
      let all = 0;
      for (let index = 0; index < length; index++) {
        const byte = buffer[start + index]!;
        all |= byte;
        codes[index] = byte;
      }
      if (all < 0x80) return String.fromCharCode.apply(null, codes);
    }
    const text = buffer.toString("utf8", start, start + length);
    // What is no UTF-8 becomes this; the library refuses it.
    if (text.includes("\ufffd")) throw new NotPlain("no text");
    return text;
  }

  /** A part of the bytes that are read, not a copy. */
  bytes(): Uint8Array {
    const length = this.uint();
    return this.#part(this.#skip(length), length);
  }

  /**
   * A message within this one; what is not plain in it is read by `otherwise`, from its bytes.
   */
  message<Message>(
    read: (reader: ProtoReader) => Message,
    otherwise: (bytes: Uint8Array) => Message,
  ): Message {
    const length = this.uint();
    const start = this.#skip(length);
    const end = this.#end;
    this.#at = start;
    this.#end = start + length;
    try {
      return read(this);
    } catch (failure) {
      if (!(failure instanceof NotPlain)) throw failure;
      return otherwise(this.#part(start, length));
    } finally {
      this.#at = start + length;
      this.#end = end;
    }
  }

  #part(start: number, length: number): Uint8Array {
    const { buffer, byteOffset } = this.#buffer;
    return new Uint8Array(buffer, byteOffset + start, length);
  }

  /** Where what is skipped began. */
  #skip(length: number): number {
    const start = this.#at;
    if (start + length > this.#end) throw new NotPlain("cut off");
    this.#at = start + length;
    return start;
  }
}
