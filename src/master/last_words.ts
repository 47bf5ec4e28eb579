/**
 * What running attempts have logged, for the Command that ends them: their workers are told to stop and
 * not asked again, so what the leader knows of a log is what is kept of it.
 *
 * @module
 */

import { type AttemptLog, isHeld, type Job, lastLines, LOG_BOUNDS } from "../jobs/mod.ts";
import type { JobWatchers } from "./watchers.ts";

/** Characters of one Command, however many attempts it ends. */
const CHARACTERS_MAX = 1024 * 1024;

/** The field `logs` of a Command that ends the attempts of these jobs, if any of them logged. */
export function lastWords(
  jobs: readonly Job[],
  watchers: Pick<JobWatchers, "progressOf">,
): { readonly logs?: readonly AttemptLog[] } {
  const spoken = jobs.flatMap(({ id: jobId, token, status }) => {
    const log = isHeld(status) ? watchers.progressOf(jobId, token)?.log : undefined;
    return log === undefined || log.nextLine === 1 ? [] : [{ jobId, token, log }];
  });
  if (spoken.length === 0) return {};
  const share = Math.floor(CHARACTERS_MAX / spoken.length);
  const bounds = { ...LOG_BOUNDS, charactersMax: Math.min(share, LOG_BOUNDS.charactersMax) };
  return {
    logs: spoken.map(({ jobId, token, log }) => {
      const lines = lastLines(log.lines, bounds);
      return { jobId, token, lines: [...lines], linesCut: log.nextLine - 1 - lines.length };
    }),
  };
}
