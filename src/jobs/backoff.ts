/**
 * How long a job pauses before its next attempt.
 *
 * @module
 */

import { hash32 } from "./digest.ts";

/** Longest pause before a retry, before jitter. */
export const RETRY_DELAY_MAX_MS = 60 * 60 * 1000;

/** A pause is lengthened by up to this part of itself, so that what failed together parts. */
export const RETRY_JITTER = 0.25;

/** Attempts in a row that may come back unharmed before their job has to pause as well. */
export const RELEASES_FREE = 3;
const releaseDelayMs = 1000;
const releaseDelayMaxMs = 60 * 1000;

/**
 * Pause after failure number `failures` (from 1): `retryDelayMs` doubled for each further failure,
 * at most {@linkcode RETRY_DELAY_MAX_MS}, then lengthened by jitter in [0, {@linkcode RETRY_JITTER}).
 * The jitter is the 32-bit hash of `hash32` (FNV-1a, finalized as MurmurHash3 is) of
 * `<job id>:<attempt>`, so that every replica finds the same.
 */
export function retryBackoffMs(
  retryDelayMs: number,
  failures: number,
  jobId: string,
  attempt: number,
): number {
  if (retryDelayMs <= 0) return 0;
  // 2^40 ms is above every cap, and exact.
  const doubled = retryDelayMs * 2 ** Math.min(failures - 1, 40);
  const chance = hash32(`${jobId}:${attempt}`) / 2 ** 32;
  return Math.floor(Math.min(doubled, RETRY_DELAY_MAX_MS) * (1 + RETRY_JITTER * chance));
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
