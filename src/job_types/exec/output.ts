/**
 * What a command prints: its beginning and its end are kept, and its lines go to the job's log if wanted.
 *
 * @module
 */

/** What is kept of one stream. */
export interface KeptOutput {
  /** The beginning; and, when something is missing, the end behind a line that says how much. */
  readonly bytes: Uint8Array;
  readonly bytesTotal: number;
  readonly isTruncated: boolean;
}

/** Longest line that is logged, in bytes; a longer one is logged in pieces. */
const LINE_BYTES_MAX = 4_096;
const LINE_FEED = 10;
const DECODER = new TextDecoder();

/** Reads a stream to its end however long it is, in bounded memory. */
export class OutputReader {
  readonly #headMax: number;
  readonly #tailMax: number;
  readonly #onLine: ((line: string) => void) | undefined;
  readonly #head: Uint8Array[] = [];
  #headBytes = 0;
  #tail: Uint8Array[] = [];
  #tailBytes = 0;
  #total = 0;
  #line: Uint8Array = new Uint8Array(0);
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;

  /** @param bytesMax kept, half of them from the beginning. */
  constructor(bytesMax: number, onLine?: (line: string) => void) {
    this.#headMax = Math.ceil(bytesMax / 2);
    this.#tailMax = Math.floor(bytesMax / 2);
    this.#onLine = onLine;
  }

  /** Resolves at the stream's end, or when it is closed. */
  async read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const reader = this.#reader = stream.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      this.#add(value);
      if (this.#onLine !== undefined) this.#addToLine(value, this.#onLine);
    }
    if (this.#line.length > 0) this.#onLine?.(DECODER.decode(this.#line));
    this.#line = new Uint8Array(0);
  }

  /** Waits no longer for what somebody may still print who has the stream from the command. */
  close(): void {
    this.#reader?.cancel().catch(() => {}); // it ends the reading, whichever way
  }

  get kept(): KeptOutput {
    const left = this.#total - this.#headBytes - this.#tailBytes;
    const notice = left === 0 ? "" : `\n[… ${left} bytes are not kept …]\n`;
    const parts = [...this.#head, new TextEncoder().encode(notice), ...this.#tail];
    return { bytes: joined(parts), bytesTotal: this.#total, isTruncated: left > 0 };
  }

  #add(chunk: Uint8Array): void {
    this.#total += chunk.length;
    const forHead = chunk.slice(0, this.#headMax - this.#headBytes);
    if (forHead.length > 0) {
      this.#head.push(forHead);
      this.#headBytes += forHead.length;
    }
    const rest = chunk.subarray(forHead.length);
    if (rest.length === 0 || this.#tailMax === 0) return;
    this.#tail.push(rest.slice(-this.#tailMax));
    this.#tailBytes += Math.min(rest.length, this.#tailMax);
    while (this.#tailBytes > this.#tailMax) {
      const first = this.#tail[0]!;
      const excess = this.#tailBytes - this.#tailMax;
      if (first.length <= excess) this.#tail.shift();
      else this.#tail[0] = first.slice(excess);
      this.#tailBytes -= Math.min(first.length, excess);
    }
  }

  #addToLine(chunk: Uint8Array, onLine: (line: string) => void): void {
    let rest = joined([this.#line, chunk]);
    for (;;) {
      const end = rest.indexOf(LINE_FEED);
      const isLong = end > LINE_BYTES_MAX || (end < 0 && rest.length > LINE_BYTES_MAX);
      if (end < 0 && !isLong) break;
      const cut = isLong ? LINE_BYTES_MAX : end;
      onLine(DECODER.decode(rest.subarray(0, cut)).replace(/\r$/, ""));
      rest = rest.subarray(isLong ? cut : cut + 1);
    }
    this.#line = rest.slice();
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
