/**
 * How a node lives: until it is told to stop, or something breaks that it cannot live with.
 *
 * @module
 */

import type { RootLogger } from "../observability/mod.ts";

const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM"];

/** The end of a node's life. */
export class Lifetime {
  readonly #ended = Promise.withResolvers<void>();
  #stoppedBy: Deno.Signal | undefined;

  constructor(log: RootLogger) {
    for (const signal of SIGNALS) {
      Deno.addSignalListener(signal, () => {
        // Whoever asks twice does not want to wait. Two signals that differ are one wish: Ctrl-C
        // reaches the node, and the script that started it asks it to stop in its own way.
        if (this.#stoppedBy === signal) Deno.exit(130);
        if (this.#stoppedBy !== undefined) return;
        this.#stoppedBy = signal;
        log.info("stopping", { signal });
        this.#ended.resolve();
      });
    }
  }

  /** Ends the node because something broke. */
  fail(failure: unknown): void {
    this.#ended.reject(failure);
  }

  /** Resolves when the node shall stop; rejects when it must. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }
}
