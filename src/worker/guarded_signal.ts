/**
 * A job's signal, whose listeners cannot hurt its worker. Who aborts a signal calls the listeners, and what one
 * of them throws is nobody's: the runtime ends the process for it, and with that every other attempt in it.
 *
 * @module
 */

/** In words of our own: Deno, Node and browsers each have an `Event` of theirs. */
type Hear = (event: unknown) => unknown;
type Listener = Hear | { readonly handleEvent: Hear };
type Change = (type: string, listener: Listener, options?: unknown) => void;

/**
 * Lets what a listener of `signal` throws be told to `failed`, and nobody else. It is the same signal, since one
 * that follows it would be another object for whatever joins signals.
 */
export function guardListeners(signal: AbortSignal, failed: (failure: unknown) => void): void {
  const guards = new WeakMap<Listener, Listener>();
  const guarded = (listener: Listener): Listener => {
    const known = guards.get(listener);
    if (known !== undefined) return known;
    const guard = (event: unknown) => {
      try {
        const answer: unknown = typeof listener === "function"
          ? listener.call(signal, event)
          : listener.handleEvent(event);
        // One that is asynchronous fails no less.
        if (answer instanceof Promise) answer.catch(failed);
      } catch (failure) {
        failed(failure);
      }
    };
    guards.set(listener, guard);
    return guard;
  };
  const add = signal.addEventListener.bind(signal) as unknown as Change;
  const remove = signal.removeEventListener.bind(signal) as unknown as Change;
  let onabort: Listener | null = null;
  Object.defineProperties(signal, {
    addEventListener: {
      value: (type: string, listener: Listener | null | undefined, options?: unknown) => {
        if (listener !== null && listener !== undefined) add(type, guarded(listener), options);
      },
    },
    removeEventListener: {
      value: (type: string, listener: Listener | null | undefined, options?: unknown) => {
        if (listener === null || listener === undefined) return;
        remove(type, guarded(listener), options);
        // It may have been added before the signal was guarded.
        remove(type, listener, options);
      },
    },
    onabort: {
      get: () => onabort,
      set: (listener: unknown) => {
        if (onabort !== null) remove("abort", guarded(onabort));
        onabort = typeof listener === "function" ? listener as Hear : null;
        if (onabort !== null) add("abort", guarded(onabort));
      },
    },
  });
}
