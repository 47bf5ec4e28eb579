/**
 * Keeps what happens again and again from filling the log.
 *
 * @module
 */

const AGAIN_AFTER_MS = 30_000;
const TEXTS_MAX = 100;

export class Said {
  readonly #saidAtMs = new Map<string, number>();

  /** Whether `text` was not said lately; it has been then. */
  isNews(text: string, nowMs = performance.now()): boolean {
    const last = this.#saidAtMs.get(text);
    if (last !== undefined && nowMs - last < AGAIN_AFTER_MS) return false;
    if (this.#saidAtMs.size >= TEXTS_MAX) this.#saidAtMs.clear();
    this.#saidAtMs.set(text, nowMs);
    return true;
  }
}
