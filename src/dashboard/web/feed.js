// @ts-check
/// <reference lib="dom" />
/** Data of a view that keeps itself current: asked for at once, when jobs changed, and now and then. */

import { isAbort } from "./api.js";

/** Between two questions that changes give rise to. */
const GAP_MS = 1_000;

/** @template Data */
export class Feed {
  /** @type {Data | undefined} */
  data;
  /** Why the latest question was not answered. @type {unknown} */
  error;
  #context;
  #load;
  #isLoading = false;
  #isWanted = false;
  #loadedAtMs = -Infinity;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {import("./view.js").Context} context
   * @param {(signal: AbortSignal) => Promise<Data>} load
   * @param {{ everyMs?: number, followsJobs?: boolean }} [options] default: every 10 s, and not
   */
  constructor(context, load, { everyMs = 10_000, followsJobs = false } = {}) {
    this.#context = context;
    this.#load = load;
    const { signal, live } = context;
    if (followsJobs) live.on("jobs", () => this.soon(), signal);
    const poll = setInterval(() => this.soon(), everyMs);
    document.addEventListener("visibilitychange", () => this.soon(), { signal });
    signal.addEventListener("abort", () => {
      clearInterval(poll);
      clearTimeout(this.#timer);
    });
    this.reload();
  }

  /** Asks again, but not more often than is of use. */
  soon() {
    if (this.#timer !== undefined || document.hidden || this.#context.signal.aborted) return;
    const waitMs = Math.max(0, this.#loadedAtMs + GAP_MS - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.reload();
    }, waitMs);
  }

  /** Asks now; or, if a question is under way, right after it. */
  async reload() {
    if (this.#isLoading) {
      this.#isWanted = true;
      return;
    }
    this.#isLoading = true;
    do {
      this.#isWanted = false;
      try {
        this.data = await this.#load(this.#context.signal);
        this.error = undefined;
      } catch (failure) {
        if (isAbort(failure)) return;
        this.error = failure;
      }
      this.#loadedAtMs = performance.now();
      this.#context.update();
    } while (this.#isWanted && !this.#context.signal.aborted);
    this.#isLoading = false;
  }
}
