/**
 * Values by attempt. To make one text of a job's id and a token, and to hash it, costs more than all else that
 * is done for an attempt; so a job's id alone finds its only attempt, and a second one at the same job, which is
 * rare, lies beside.
 *
 * @module
 */

/** An attempt's name: a job is never held twice under one token. */
export function attemptKey(jobId: string, token: number): string {
  return `${jobId}#${token}`;
}

/** What a value is found by. */
export interface AttemptName {
  readonly jobId: string;
  readonly token: number;
}

export class AttemptMap<Value extends AttemptName> {
  readonly #byJob = new Map<string, Value>();
  /** Where another attempt at the job is in the first map. */
  readonly #others = new Map<string, Value>();

  get size(): number {
    return this.#byJob.size + this.#others.size;
  }

  /** In the order in which they were put in, but for a second attempt at a job. */
  *values(): Generator<Value> {
    yield* this.#byJob.values();
    yield* this.#others.values();
  }

  get({ jobId, token }: AttemptName): Value | undefined {
    const value = this.#byJob.get(jobId);
    if (value?.token === token) return value;
    return this.#others.size === 0 ? undefined : this.#others.get(attemptKey(jobId, token));
  }

  /** In place of what is there of the same attempt. */
  set(value: Value): void {
    const { jobId, token } = value;
    const other = this.#byJob.get(jobId);
    if (other === undefined) {
      if (this.#others.size > 0) this.#others.delete(attemptKey(jobId, token));
      this.#byJob.set(jobId, value);
    } else if (other.token === token) this.#byJob.set(jobId, value);
    else this.#others.set(attemptKey(jobId, token), value);
  }

  /** True if it was there. */
  delete({ jobId, token }: AttemptName): boolean {
    if (this.#byJob.get(jobId)?.token === token) return this.#byJob.delete(jobId);
    return this.#others.size > 0 && this.#others.delete(attemptKey(jobId, token));
  }

  clear(): void {
    this.#byJob.clear();
    this.#others.clear();
  }
}
