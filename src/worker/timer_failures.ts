/**
 * Whose a timer was that throws. The runtime tells of what a timer throws when it has left the timer's
 * asynchronous context already, so that it could be anybody's. Here it is noted right before.
 *
 * @module
 */

import type { AsyncLocalStorage } from "node:async_hooks";
import timers from "node:timers";

/** What a timer threw, and the context in which it was set. */
interface Thrown<Context> {
  readonly failure: unknown;
  readonly context: Context | undefined;
}

type SetTimer = (callback: unknown, ...rest: unknown[]) => unknown;

const SETTERS = ["setTimeout", "setInterval", "setImmediate"] as const;

/** From its creation on every timer that is set is watched: those of Node's module, too. */
export class TimerFailures<Context> {
  #last: Thrown<Context> | undefined;

  constructor(contexts: AsyncLocalStorage<Context>) {
    const noted = (callback: (...values: unknown[]) => unknown) =>
      function (this: unknown, ...values: unknown[]): unknown {
        try {
          return callback.apply(this, values);
        } catch (failure) {
          notes({ failure, context: contexts.getStore() });
          throw failure;
        }
      };
    const notes = (thrown: Thrown<Context>) => void (this.#last = thrown);
    for (const holder of [globalThis, timers] as unknown as Record<string, SetTimer>[]) {
      for (const name of SETTERS) {
        const set = holder[name]!;
        const watched: SetTimer = (callback, ...rest) =>
          set(
            typeof callback === "function" ? noted(callback as () => unknown) : callback,
            ...rest,
          );
        // A promisified one is another function, which hangs on it.
        Object.defineProperties(watched, Object.getOwnPropertyDescriptors(set));
        holder[name] = watched;
      }
    }
  }

  /** The context of the timer that has just thrown this; undefined where it was none. */
  contextOf(failure: unknown): { readonly context: Context | undefined } | undefined {
    const last = this.#last;
    this.#last = undefined;
    return last !== undefined && Object.is(last.failure, failure) ? last : undefined;
  }
}
