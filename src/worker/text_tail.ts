/**
 * The end of what a process prints, for the message about its death, however much it prints.
 *
 * @module
 */

/** Lines that are quoted. */
const LINES_KEPT = 5;

/** Keeps the last bytes of streams. */
export class TextTail {
  readonly #bytesMax: number;
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Reads a stream to its end, as fast as it comes: who prints must not have to wait. */
  async fill(stream: ReadableStream<Uint8Array>): Promise<void> {
    const reader = this.#reader = stream.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      this.add(value);
    }
  }

  /** Reads no more. */
  close(): void {
    this.#reader?.cancel().catch(() => {}); // what broke it has been told by its process's end
  }

  add(chunk: Uint8Array): void {
    this.#chunks.push(chunk.slice(-this.#bytesMax));
    this.#bytes += Math.min(chunk.byteLength, this.#bytesMax);
    while (this.#bytes - this.#chunks[0]!.byteLength >= this.#bytesMax) {
      this.#bytes -= this.#chunks.shift()!.byteLength;
    }
  }

  clear(): void {
    this.#chunks = [];
    this.#bytes = 0;
  }

  /** The last lines of it, or those in which the runtime begins to tell what ended it. */
  get text(): string {
    const decoder = new TextDecoder();
    const whole = this.#chunks.map((chunk) => decoder.decode(chunk, { stream: true })).join("");
    const lines = whole.slice(-this.#bytesMax).trim().split("\n");
    const end = lines.findLastIndex((line) => line.startsWith("error: Uncaught "));
    const kept = end < 0 ? lines.slice(-LINES_KEPT) : lines.slice(end, end + LINES_KEPT);
    return kept.join("\n");
  }
}
