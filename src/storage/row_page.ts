/**
 * Many small things in one row of `state.db`: the jobs that were submitted, or the idempotency keys
 * that came, between two flushes. A row of its own for each costs several times the bytes that are
 * in it, and few of them are ever asked for one by one.
 *
 * A page is the bodies of its items, one after the other; then for each item four numbers (its
 * number less that of the first, where its body begins, bytes of its text, bytes of its blob plus 1,
 * or 0 for none), uint32 each; then the number of the first (float64) and how many there are (uint32).
 */

/**
 * Bytes of a page at most; one larger item has a page of its own. Reading one item costs the reading
 * of its page, so what makes the row's own cost small is enough.
 */
const PAGE_BYTES_MAX = 64 * 1024;
/** Numbers from the first to the last of a page at most: what left it is a bit for each. */
const PAGE_SPAN_MAX = 4096;

const NUMBERS_PER_ITEM = 4;
const ITEM_BYTES = 4 * NUMBERS_PER_ITEM;
const FOOTER_BYTES = 12;
/** A character of a text takes at most so many bytes. */
const BYTES_PER_CHARACTER_MAX = 3;
const BUFFER_BYTES = 3 * PAGE_BYTES_MAX;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const decodeText = (bytes: Uint8Array) => decoder.decode(bytes);

/** A page as it is written. */
export interface PackedPage {
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly items: number;
  /** Good until the next page is begun. */
  readonly bytes: Uint8Array;
}

/** Puts items, which come in ascending order of their numbers, into as few pages as may be. */
export class PagePacker {
  readonly #put: (page: PackedPage) => void;
  #buffer = new Uint8Array(BUFFER_BYTES);
  /** Blobs are where they belong; of texts there is the room that they take if they are ASCII. */
  #bytes = 0;
  /** All texts become bytes at once: for each of them alone that takes an array and a call more. */
  #texts: string[] = [];
  #hasBlobs = false;
  /** What the page says of its items; what is behind the last one's is of an earlier page. */
  readonly #numbers: number[] = [];
  #firstSeq = 0;
  #lastSeq = 0;

  /** @param put is handed each page that is full */
  constructor(put: (page: PackedPage) => void) {
    this.#put = put;
  }

  add(seq: number, text: string, blob?: Uint8Array): void {
    const blobBytes = blob?.byteLength ?? 0;
    const bodyBytes = text.length + blobBytes;
    const isFull = this.#bytes + bodyBytes > PAGE_BYTES_MAX ||
      seq - this.#firstSeq >= PAGE_SPAN_MAX;
    if (isFull) this.finish();
    if (this.#texts.length === 0) this.#firstSeq = seq;
    this.#makeRoom(bodyBytes);
    const start = this.#bytes;
    if (blob !== undefined) {
      this.#buffer.set(blob, start + text.length);
      this.#hasBlobs = true;
    }
    this.#bytes += bodyBytes;
    const at = this.#texts.length * NUMBERS_PER_ITEM;
    this.#numbers[at] = seq - this.#firstSeq;
    this.#numbers[at + 1] = start;
    this.#numbers[at + 2] = text.length;
    this.#numbers[at + 3] = blob === undefined ? 0 : blobBytes + 1;
    this.#texts.push(text);
    this.#lastSeq = seq;
  }

  /** Hands over what there is. */
  finish(): void {
    const items = this.#texts.length;
    if (items === 0) return;
    if (!this.#putAsciiTexts()) this.#spread();
    const numbers = items * NUMBERS_PER_ITEM;
    this.#makeRoom(4 * numbers + FOOTER_BYTES);
    const view = new DataView(this.#buffer.buffer);
    let at = this.#bytes;
    for (let place = 0; place < numbers; place++) {
      view.setUint32(at, this.#numbers[place]!);
      at += 4;
    }
    view.setFloat64(at, this.#firstSeq);
    view.setUint32(at + 8, items);
    const bytes = this.#buffer.subarray(0, at + FOOTER_BYTES);
    const page = { firstSeq: this.#firstSeq, lastSeq: this.#lastSeq, items, bytes };
    this.clear();
    this.#put(page);
    if (this.#buffer.length > BUFFER_BYTES) this.#buffer = new Uint8Array(BUFFER_BYTES);
  }

  /** Forgets what was not handed over. */
  clear(): void {
    this.#texts = [];
    this.#hasBlobs = false;
    this.#bytes = 0;
  }

  /** Puts the texts where they belong; returns false where one of them is more than ASCII. */
  #putAsciiTexts(): boolean {
    const joined = this.#texts.join("");
    if (!this.#hasBlobs) {
      return encoder.encodeInto(joined, this.#buffer.subarray(0, joined.length)).read ===
        joined.length;
    }
    this.#makeRoom(joined.length);
    let from = this.#bytes;
    const behind = this.#buffer.subarray(from, from + joined.length);
    if (encoder.encodeInto(joined, behind).read !== joined.length) return false;
    for (let item = 0; item < this.#texts.length; item++) {
      const at = item * NUMBERS_PER_ITEM;
      const textBytes = this.#numbers[at + 2]!;
      this.#buffer.copyWithin(this.#numbers[at + 1]!, from, from + textBytes);
      from += textBytes;
    }
    return true;
  }

  /** Puts all bodies anew, where texts take more bytes than they have characters. */
  #spread(): void {
    const packed = this.#buffer;
    this.#buffer = new Uint8Array(BYTES_PER_CHARACTER_MAX * this.#bytes + BUFFER_BYTES);
    this.#bytes = 0;
    for (const [item, text] of this.#texts.entries()) {
      const at = item * NUMBERS_PER_ITEM;
      const blobAt = this.#numbers[at + 1]! + text.length;
      const blob = packed.subarray(blobAt, blobAt + Math.max(0, this.#numbers[at + 3]! - 1));
      const start = this.#bytes;
      const textBytes = encoder.encodeInto(text, this.#buffer.subarray(start)).written;
      this.#buffer.set(blob, start + textBytes);
      this.#numbers[at + 1] = start;
      this.#numbers[at + 2] = textBytes;
      this.#bytes += textBytes + blob.byteLength;
    }
  }

  #makeRoom(bytes: number): void {
    const needed = this.#bytes + bytes;
    if (needed <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, 2 * this.#buffer.length));
    grown.set(this.#buffer.subarray(0, this.#bytes));
    this.#buffer = grown;
  }
}

/** A page as it is read; only bytes whose checksum was found right come here. */
export class RowPage {
  readonly items: number;
  readonly firstSeq: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #numbersAt: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const footerAt = bytes.byteLength - FOOTER_BYTES;
    this.firstSeq = this.#view.getFloat64(footerAt);
    this.items = this.#view.getUint32(footerAt + 8);
    this.#numbersAt = footerAt - ITEM_BYTES * this.items;
  }

  get lastSeq(): number {
    return this.seqAt(this.items - 1);
  }

  seqAt(place: number): number {
    return this.firstSeq + this.#number(place, 0);
  }

  textAt(place: number): string {
    const start = this.#number(place, 1);
    return decodeText(this.#bytes.subarray(start, start + this.#number(place, 2)));
  }

  hasBlobAt(place: number): boolean {
    return this.#number(place, 3) > 0;
  }

  /** A part of the page, not a copy. */
  blobAt(place: number): Uint8Array | undefined {
    if (!this.hasBlobAt(place)) return undefined;
    const start = this.#number(place, 1) + this.#number(place, 2);
    return this.#bytes.subarray(start, start + this.#number(place, 3) - 1);
  }

  /** Undefined: no item has this number. */
  placeOf(seq: number): number | undefined {
    let low = 0;
    let high = this.items;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.seqAt(middle) < seq) low = middle + 1;
      else high = middle;
    }
    return low < this.items && this.seqAt(low) === seq ? low : undefined;
  }

  #number(place: number, which: number): number {
    return this.#view.getUint32(this.#numbersAt + ITEM_BYTES * place + 4 * which);
  }
}
