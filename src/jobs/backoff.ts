/**
 * How long a job pauses before its next attempt.
 *
 * @module
 */

import { hash32 } from "./digest.ts";
import type { BackoffKind } from "./job_options.ts";

/** Longest pause before a retry, before jitter, when a job does not say. */
export const RETRY_DELAY_MAX_MS = 60 * 60 * 1000;

/** A pause is lengthened by up to this part of itself, so that what failed together parts. */
export const RETRY_JITTER = 0.25;

/** Attempts in a row that may come back unharmed before their job has to pause as well. */
export const RELEASES_FREE = 3;
const releaseDelayMs = 1000;
const releaseDelayMaxMs = 60 * 1000;

/** How a job paces its retries. */
export interface RetryPace {
  readonly retryDelayMs: number;
  readonly backoff: BackoffKind;
  /** Longest pause before jitter; 0: as long as {@linkcode RETRY_DELAY_MAX_MS}, or as is asked. */
  readonly retryDelayMaxMs: number;
}

/**
 * Pause after failure number `failures` (from 1). Fixed: `retryDelayMs` each time. Exponential: that
 * doubled for each further failure, at most the longest pause, then lengthened by jitter in
 * [0, {@linkcode RETRY_JITTER}): the 32-bit hash of `hash32` (FNV-1a, finalized as MurmurHash3 is) of
 * `<job id>:<attempt>`, so that every replica finds the same.
 *
 * So the longest pause is exceeded by up to that part, which whoever may ask for one is told. To hold
 * it after jitter as well would be another state of the same entry: a cluster whose masters run two
 * versions would disagree, so it takes a format of entries (or a field of the Command) that says so.
 */
export function retryBackoffMs(
  { retryDelayMs, backoff, retryDelayMaxMs }: RetryPace,
  failures: number,
  jobId: string,
  attempt: number,
): number {
  if (retryDelayMs <= 0) return 0;
  if (backoff === "fixed") return Math.min(retryDelayMs, retryDelayMaxMs || Infinity);
  // 2^40 ms is above every cap, and exact.
  const doubled = retryDelayMs * 2 ** Math.min(failures - 1, 40);
  const chance = hash32(`${jobId}:${attempt}`) / 2 ** 32;
  const longestMs = retryDelayMaxMs || RETRY_DELAY_MAX_MS;
  return Math.floor(Math.min(doubled, longestMs) * (1 + RETRY_JITTER * chance));
}

/**
 * Pause of a job whose attempts came back unharmed `releases` times in a row: none at first, then
 * from one second doubled to one minute, so that a worker that refuses everything cannot spin.
 */
export function releaseBackoffMs(releases: number): number {
  const beyond = releases - RELEASES_FREE;
  if (beyond <= 0) return 0;
  return Math.min(releaseDelayMs * 2 ** Math.min(beyond - 1, 10), releaseDelayMaxMs);
}
