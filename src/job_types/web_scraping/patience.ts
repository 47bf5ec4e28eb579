/**
 * Whether and when a page that failed is asked for again within the job.
 *
 * @module
 */

import { FetchError, FetchStatusError } from "../guarded_fetch.ts";

/** Whoever asks to be left alone for longer is not asked again, in ms. */
const WAIT_MS_MAX = 60_000;

/** The first pause where the server names none, in ms; each further one is twice as long. */
const FIRST_WAIT_MS = 1_000;

/**
 * How long to wait before the next try, in ms; undefined: there is none.
 *
 * @param failures of this page so far, this one included.
 */
export function waitBeforeRetryMs(
  error: unknown,
  failures: number,
  retriesMax: number,
): number | undefined {
  if (!(error instanceof FetchError) || failures > retriesMax) return undefined;
  const asked = error instanceof FetchStatusError ? error.retryAfterMs : undefined;
  const waitMs = asked ?? Math.min(WAIT_MS_MAX, FIRST_WAIT_MS * 2 ** (failures - 1));
  return waitMs > WAIT_MS_MAX ? undefined : waitMs;
}
