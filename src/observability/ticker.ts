/** Repeats something, and knows what time it is. */
export interface Ticker {
  /** Calls `work` every `intervalMs`, until the returned function is called. */
  every(intervalMs: number, work: () => void): () => void;
  /** Monotonic, in ms. */
  now(): number;
}

/** The runtime's clock. Waiting for it does not keep the process alive. */
export const systemTicker: Ticker = {
  every(intervalMs, work) {
    const timer = setInterval(work, intervalMs);
    Deno.unrefTimer(timer);
    return () => clearInterval(timer);
  },
  now: () => performance.now(),
};
