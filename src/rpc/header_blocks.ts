/**
 * What the headers of a connection amount to, before Deno's HTTP/2 takes them. By HPACK (RFC 7541) a byte may stand for
 * a field of four kilobytes that was sent once: nghttp2 unpacks them all, however many a stream may have, and of those
 * that have too many (128) Deno 2.9.6 never frees what it kept. Somebody without credentials could hold up a
 * master's loop for seconds over one connection, and take gigabytes of it.
 *
 * So fields are counted on their way, and what they unpack to: not the texts, of which a bound is enough, but
 * their lengths, and those of the entries in the peer's table.
 *
 * @module
 */

/** Of one block. Deno's HTTP/2 takes as many. */
const FIELDS_MAX = 128;
/**
 * Of one block, by fields that were sent before. Who packs headers refers to each of them once, and all that the table
 * has are 4 KiB; who refers to one again and again sends hundreds of calls in a packet that each take what they may have.
 */
const REFERRED_BYTES_MAX = 16 * 1024;
/** What RFC 7541 counts for each entry beside its name and value. */
const FIELD_OVERHEAD_BYTES = 32;
/** Of the table that peers are offered: HTTP/2's default, which nobody has changed. */
const TABLE_BYTES_MAX = 4096;
const STATIC_ENTRIES = 61;
/** More than any name or value of the static table has. */
const STATIC_TEXT_BYTES = 32;
/** The shortest of Huffman's codes has five bits. */
const HUFFMAN_GAIN = 8 / 5;
/** No length of a block's comes near. */
const INTEGER_MAX = 2 ** 24;

const HEADERS = 0x1;
const CONTINUATION = 0x9;
const PADDED = 0x8;
const PRIORITY = 0x20;
const PRIORITY_BYTES = 5;

/** What an integer that is being read is for. */
type Integer = "indexed" | "name" | "table size" | "name length" | "value length";

/** Bounds of a field's name and value, in bytes. */
interface Field {
  readonly name: number;
  readonly value: number;
}

/**
 * Stands for an entry that ours, unlike the true table, has no room for: all that a table can have. (One that the true table
 * has not either is a fault that ends the connection.)
 */
const LOST: Field = { name: TABLE_BYTES_MAX, value: TABLE_BYTES_MAX };

/** The header blocks of one peer, in their order. */
export class HeaderBlocks {
  readonly #bytesMax: number;
  #bytes = 0;
  #referredBytes = 0;
  #fields = 0;
  /** Of the present frame, before and behind its part of the block. */
  #isPadLengthNext = false;
  #leadingBytes = 0;
  #blockBytes = 0;
  /** Of a text, which is not looked at. */
  #textBytes = 0;
  #next: "field" | "integer" | "name length" | "value length" = "field";
  #integer = { for: "indexed" as Integer, value: 0, shift: 0 };
  #isIndexed = false;
  #isHuffman = false;
  #name = 0;
  /** The peer's table, the newest first. */
  readonly #table: Field[] = [];
  #tableBytes = 0;
  /**
   * By our bounds, which are never below the true lengths. An entry that was written in the longest of Huffman's codes may
   * have a fifth of its bound, and pushes out of ours what is still in the true table: see {@linkcode LOST}.
   */
  #tableBytesMax = TABLE_BYTES_MAX * HUFFMAN_GAIN;

  /** @param bytesMax of one block when it is unpacked, as RFC 9113 counts them */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Begins a frame. Returns whether its payload is to be brought here. */
  frame(type: number, flags: number, bytes: number): boolean {
    if (type !== HEADERS && type !== CONTINUATION) return false;
    if (type === HEADERS) {
      this.#bytes = 0;
      this.#referredBytes = 0;
      this.#fields = 0;
      this.#textBytes = 0;
      this.#next = "field";
    }
    this.#isPadLengthNext = type === HEADERS && (flags & PADDED) !== 0;
    this.#leadingBytes = type === HEADERS && (flags & PRIORITY) !== 0 ? PRIORITY_BYTES : 0;
    this.#blockBytes = bytes - this.#leadingBytes;
    return true;
  }

  /** Takes a piece of the frame's payload. Returns whether the block is still within its bounds. */
  take(piece: Uint8Array): boolean {
    let at = 0;
    while (at < piece.length && this.#blockBytes > 0) {
      if (this.#isPadLengthNext) {
        this.#blockBytes -= 1 + piece[at++]!;
        this.#isPadLengthNext = false;
      } else if (this.#leadingBytes > 0) {
        const bytes = Math.min(this.#leadingBytes, piece.length - at);
        this.#leadingBytes -= bytes;
        at += bytes;
      } else if (this.#textBytes > 0) {
        const bytes = Math.min(this.#textBytes, this.#blockBytes, piece.length - at);
        this.#textBytes -= bytes;
        this.#blockBytes -= bytes;
        at += bytes;
      } else {
        this.#blockBytes--;
        this.#byte(piece[at++]!);
        if (!this.#isFine) return false;
      }
    }
    return true;
  }

  get #isFine(): boolean {
    return this.#bytes <= this.#bytesMax && this.#referredBytes <= REFERRED_BYTES_MAX &&
      this.#fields <= FIELDS_MAX;
  }

  #byte(byte: number): void {
    switch (this.#next) {
      case "field":
        return this.#field(byte);
      case "name length":
      case "value length":
        this.#isHuffman = (byte & 0x80) !== 0;
        return this.#begin(this.#next, byte, 7);
      case "integer": {
        const { value, shift } = this.#integer;
        this.#integer.value = Math.min(INTEGER_MAX, value + (byte & 0x7f) * 2 ** shift);
        this.#integer.shift = Math.min(32, shift + 7);
        if ((byte & 0x80) === 0) this.#integerRead(this.#integer.for, this.#integer.value);
      }
    }
  }

  /** RFC 7541, section 6. */
  #field(byte: number): void {
    const isTableSize = (byte & 0xe0) === 0x20;
    if (!isTableSize) this.#fields++;
    if ((byte & 0x80) !== 0) return this.#begin("indexed", byte, 7);
    if (isTableSize) return this.#begin("table size", byte, 5);
    this.#isIndexed = (byte & 0x40) !== 0;
    this.#begin("name", byte, this.#isIndexed ? 6 : 4);
  }

  /** RFC 7541, section 5.1. */
  #begin(what: Integer, byte: number, bits: number): void {
    const most = 2 ** bits - 1;
    const value = byte & most;
    if (value < most) return this.#integerRead(what, value);
    this.#integer = { for: what, value, shift: 0 };
    this.#next = "integer";
  }

  #integerRead(what: Integer, value: number): void {
    switch (what) {
      case "indexed": {
        const field = this.#at(value);
        if (value > STATIC_ENTRIES) this.#referredBytes += bytesIn(field);
        this.#ended(field.name + field.value);
        break;
      }
      case "name":
        if (value > 0) this.#name = this.#at(value).name;
        this.#next = value > 0 ? "value length" : "name length";
        break;
      case "name length":
        this.#name = this.#lengthOf(value);
        this.#textBytes = value;
        this.#next = "value length";
        break;
      case "value length": {
        const field = { name: this.#name, value: this.#lengthOf(value) };
        this.#textBytes = value;
        if (this.#isIndexed) this.#remember(field);
        this.#ended(field.name + field.value);
        break;
      }
      case "table size":
        this.#tableBytesMax = Math.min(value, TABLE_BYTES_MAX) * HUFFMAN_GAIN;
        this.#makeRoom(0);
        this.#next = "field";
    }
  }

  #ended(bytes: number): void {
    this.#bytes += bytes + FIELD_OVERHEAD_BYTES;
    this.#next = "field";
  }

  #lengthOf(written: number): number {
    return this.#isHuffman ? Math.ceil(written * HUFFMAN_GAIN) : written;
  }

  #at(index: number): Field {
    if (index <= STATIC_ENTRIES) return { name: STATIC_TEXT_BYTES, value: STATIC_TEXT_BYTES };
    return this.#table[index - STATIC_ENTRIES - 1] ?? LOST;
  }

  #remember(field: Field): void {
    const bytes = bytesIn(field);
    this.#makeRoom(bytes);
    if (bytes > this.#tableBytesMax) return;
    this.#table.unshift(field);
    this.#tableBytes += bytes;
  }

  #makeRoom(bytes: number): void {
    while (this.#tableBytes + bytes > this.#tableBytesMax) {
      const oldest = this.#table.pop();
      if (oldest === undefined) return;
      this.#tableBytes -= bytesIn(oldest);
    }
  }
}

function bytesIn({ name, value }: Field): number {
  return name + value + FIELD_OVERHEAD_BYTES;
}
