/**
 * How a node lives: until it is told to stop, or something breaks that it cannot live with.
 *
 * @module
 */

import type { RootLogger } from "../observability/mod.ts";
import { EXIT } from "./failure.ts";
import { exitForGood } from "./orphaned_failures.ts";

const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM"];

/** Told to stop before it had started. */
export class StartGivenUp extends Error {
  override name = "StartGivenUp";
}

/** The end of a node's life. */
export class Lifetime {
  readonly #ended = Promise.withResolvers<void>();
  readonly #giveUp = new AbortController();
  #stoppedBy: Deno.Signal | undefined;

  constructor(log: RootLogger) {
    // What breaks before anybody waits for the end is told by whoever was at work then.
    this.#ended.promise.catch(() => {});
    for (const signal of SIGNALS) {
      Deno.addSignalListener(signal, () => {
        // Whoever asks twice does not want to wait. Two signals that differ are one wish: Ctrl-C
        // reaches the node, and the script that started it asks it to stop in its own way.
        if (this.#stoppedBy === signal) {
          exitForGood(signal === "SIGTERM" ? EXIT.terminated : EXIT.interrupted);
        }
        if (this.#stoppedBy !== undefined) return;
        this.#stoppedBy = signal;
        log.info("stopping", { signal });
        this.#giveUp.abort(new StartGivenUp("the start was given up"));
        this.#ended.resolve();
      });
    }
  }

  /** Aborts what a start waits for when the node shall stop, or must. */
  get giveUp(): AbortSignal {
    return this.#giveUp.signal;
  }

  /** Ends the node because something broke. */
  fail(failure: unknown): void {
    this.#giveUp.abort(failure);
    this.#ended.reject(failure);
  }

  /** Resolves when the node shall stop; rejects when it must. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }
}
