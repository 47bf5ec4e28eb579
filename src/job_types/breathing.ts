/**
 * Long synchronous work that lets other things happen in between, such as a cancellation.
 *
 * @module
 */

/** Longest stretch of work without a look at the rest of the world, in ms. */
const STRETCH_MS = 20;

/** Ends work at the next {@linkcode Breathing.pause} after its signal has been aborted. */
export class Breathing {
  readonly #signal: AbortSignal;
  #since = performance.now();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** Whether it is time for a {@linkcode Breathing.pause}; cheap enough to ask every few rows. */
  get isDue(): boolean {
    return performance.now() - this.#since >= STRETCH_MS;
  }

  /**
   * Lets the event loop turn once, if it has not for a while: by a timer, although one of 0 ms takes two,
   * since between immediates alone the runtime looks at its sockets only every 61st time.
   *
   * @throws the signal's reason once it is aborted.
   */
  async pause(): Promise<void> {
    this.#signal.throwIfAborted();
    if (!this.isDue) return;
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.#since = performance.now();
    this.#signal.throwIfAborted();
  }
}
