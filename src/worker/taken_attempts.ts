/**
 * Which attempts a worker has taken, running or not: none is run twice, whatever road it comes on.
 *
 * @module
 */

/** `repeated`: this very attempt was taken; `outdated`: a later one was, or it is too old to know. */
export type Taking = "new" | "repeated" | "outdated";

/** Jobs whose last attempt is remembered; at least seven eighths of them. */
const REMEMBERED_JOBS_MAX = 10_000;

export class TakenAttempts {
  readonly #rememberedMax: number;
  /** The latest token of each job, least recently taken first. */
  readonly #tokens = new Map<string, number>();
  /** No forgotten token is above this one; tokens only grow, so nothing new is at or below it. */
  #forgottenUpTo = 0;

  constructor(rememberedMax = REMEMBERED_JOBS_MAX) {
    this.#rememberedMax = rememberedMax;
  }

  /** Notes that the attempt is taken; only what is `new` may be run. */
  take(jobId: string, token: number): Taking {
    const known = this.#tokens.get(jobId);
    if (known === token) return "repeated";
    if (token <= (known ?? this.#forgottenUpTo)) return "outdated";
    if (known !== undefined) this.#tokens.delete(jobId);
    this.#tokens.set(jobId, token);
    if (this.#tokens.size > this.#rememberedMax) this.#forgetOldest();
    return "new";
  }

  /** Another cluster counts its tokens anew. */
  forgetAll(): void {
    this.#tokens.clear();
    this.#forgottenUpTo = 0;
  }

  /** Some at once: to come to the oldest, a map goes over all that were forgotten before it. */
  #forgetOldest(): void {
    let left = Math.ceil(this.#rememberedMax / 8);
    for (const [jobId, token] of this.#tokens) {
      if (left-- === 0) return;
      this.#tokens.delete(jobId);
      this.#forgottenUpTo = Math.max(this.#forgottenUpTo, token);
    }
  }
}
