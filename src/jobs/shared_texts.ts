/**
 * One text for many equal ones. What comes out of a log entry is a new text for every job, and a long
 * queue would hold "resize" a million times.
 */
export class SharedTexts {
  readonly #texts = new Map<string, string>();
  readonly #textsMax: number;

  /** @param textsMax texts remembered; then it begins anew */
  constructor(textsMax: number) {
    this.#textsMax = textsMax;
  }

  /** An equal text: the one that came first. */
  of(text: string): string {
    const shared = this.#texts.get(text);
    if (shared !== undefined) return shared;
    if (this.#texts.size >= this.#textsMax) this.#texts.clear();
    this.#texts.set(text, text);
    return text;
  }
}
