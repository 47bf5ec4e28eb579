/**
 * Jobs as clients know them: what they sent, and what they were told. A master that says something else later
 * has lost or changed it.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { JobDetails } from "../../src/rpc/mod.ts";

/** What clients were told of a job, and what they sent. */
export interface Told {
  readonly payload: Uint8Array;
  isCancelled: boolean;
  /** As it was seen at its end; it stays so. */
  end?: string;
  lease?: { readonly attempt: number; readonly fencingToken: number };
}

/** What clients sent and were told of each job, and where the master now says something else. */
export class ToldJobs {
  readonly jobs = new Map<string, Told>();
  readonly #faults: string[] = [];

  get faults(): readonly string[] {
    return this.#faults;
  }

  /**
   * A job as the master tells it, against all that it told before. One read of a job at a time.
   *
   * @param wasCancelled whether that was known when the master was asked
   */
  see(id: string, { job, attempts }: JobDetails, wasCancelled: boolean): void {
    const told = this.jobs.get(id)!;
    const wrong = (what: string) => this.#faults.push(`job ${id}: ${what}`);
    if (!isEqual(job.payload, told.payload)) wrong("its payload is another");
    const { attempt, fencingToken } = job;
    const before = told.lease;
    if (before !== undefined && attempt > 0) {
      const isRight = attempt === before.attempt
        ? fencingToken === before.fencingToken
        : attempt > before.attempt && fencingToken > before.fencingToken;
      if (!isRight) {
        wrong(`attempt ${attempt} with ${fencingToken} after ${JSON.stringify(before)}`);
      }
    }
    if (attempt > 0) told.lease = { attempt, fencingToken };
    const isEnded = ["completed", "failed", "cancelled"].includes(job.status);
    if (wasCancelled && job.status !== "cancelled") wrong(`cancelled, and now ${job.status}`);
    if (!isEnded) {
      if (told.end !== undefined) wrong(`${job.status} after ${told.end}`);
      return;
    }
    const end = [job.status, job.completedAtMs, attempt, fencingToken, textOf(job.result?.output)];
    const ended = JSON.stringify(end);
    told.end ??= ended;
    if (told.end !== ended) wrong(`${ended} after ${told.end}`);
    if (job.status !== "completed") return;
    if (textOf(job.result?.output) !== JSON.stringify(resultOf(textOf(told.payload)))) {
      wrong("its result is another's");
    }
    const completed = attempts.filter(({ outcome }) => outcome === "completed").length;
    if (completed !== 1) wrong(`${completed} attempts completed it`);
  }

  missing(id: string, what: string): void {
    this.#faults.push(`job ${id}: ${what}`);
  }
}

/** What the worker makes of a payload, as JSON. */
export function resultOf(payload: string): { readonly of: string } {
  return { of: payload.slice(0, 40) };
}

function textOf(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? "" : new TextDecoder().decode(bytes);
}

function isEqual(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && Buffer.compare(a, b) === 0;
}
