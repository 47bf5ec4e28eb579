/**
 * Logs of attempts that end without a report: what the Command that ends them says of them.
 *
 * @module
 */

import type { AttemptLog } from "./command.ts";
import type { JobRecord } from "./job_record.ts";
import { lastLines, LOG_BOUNDS, withCutNotice } from "./log_tail.ts";

export class LastWords {
  readonly #logs: ReadonlyMap<string, AttemptLog>;

  constructor(logs: readonly AttemptLog[] = []) {
    this.#logs = new Map(logs.map((log) => [log.jobId, log]));
  }

  /** Leaves the job the log of its attempt under `token`, which has just ended, if it is known. */
  keep(record: JobRecord, token: number): void {
    const log = this.#logs.get(record.job.id);
    if (log?.token !== token) return;
    const kept = lastLines(log.lines, LOG_BOUNDS);
    const logTail = withCutNotice(kept, log.linesCut + log.lines.length - kept.length);
    record.result = { output: new Uint8Array(0), contentType: "", logTail };
  }
}
