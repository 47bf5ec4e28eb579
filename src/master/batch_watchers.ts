import type { Batch } from "../jobs/mod.ts";

/** Who waits for a batch to become other than it was. */
export class BatchWatchers {
  readonly #wakes = new Set<() => void>();

  /** Something changed; whoever waits looks whether it was its batch. */
  wake(): void {
    for (const wake of this.#wakes) wake();
  }

  /**
   * Resolves when the batch is not `seen` any more, after `pauseMs` at the earliest, so that what
   * changes often is told seldom. Rejects when `signal` aborts.
   */
  untilOther(
    seen: Batch,
    find: () => Batch | undefined,
    signal: AbortSignal,
    pauseMs: number,
  ): Promise<void> {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      let isRested = false;
      const look = () => {
        if (!isRested || find() === seen) return;
        end();
        resolve();
      };
      const aborted = () => {
        end();
        reject(signal.reason);
      };
      const timer = setTimeout(() => {
        isRested = true;
        look();
      }, pauseMs);
      const end = () => {
        clearTimeout(timer);
        this.#wakes.delete(look);
        signal.removeEventListener("abort", aborted);
      };
      this.#wakes.add(look);
      signal.addEventListener("abort", aborted, { once: true });
    });
  }
}
