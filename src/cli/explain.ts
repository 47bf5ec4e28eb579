/**
 * `conductor explain`.
 *
 * @module
 */

import type { JobView, ReasonView } from "../rpc/mod.ts";
import { withClient } from "./connect.ts";
import { timeText } from "./present.ts";
import type { Flags } from "./router.ts";
import { renderPairs, renderTable } from "./table.ts";
import { printable, type Terminal } from "./terminal.ts";
import { tellOrWatch } from "./watching.ts";

/** Says why a job is where it is. */
export async function explainJob(jobId: string, flags: Flags, terminal: Terminal): Promise<void> {
  await withClient(flags, terminal, async ({ client }) => {
    await tellOrWatch(flags, terminal, async () => {
      const { job, reasons } = await client.getJob(jobId);
      return {
        json: { job_id: job.id, status: job.status, reasons: reasons.map(reasonJson) },
        text: () => `${jobPairs(job)}\n${reasonTable(reasons)}`,
      };
    });
  });
}

function jobPairs(job: JobView): string {
  return renderPairs([
    ["Job", job.id],
    ["Type", printable(job.type)],
    ["Status", job.status],
    ["Queue", printable(job.queue)],
  ]);
}

/** Whole on every terminal: what it means is what was asked for. */
function reasonTable(reasons: readonly ReasonView[]): string {
  return renderTable(
    ["REASON", "SINCE", "UNTIL", "WHAT IT MEANS"],
    reasons.map((each) => [
      printable(each.code),
      timeText(each.sinceMs) ?? "",
      timeText(each.untilMs) ?? "",
      printable(each.message),
    ]),
  );
}

function reasonJson(reason: ReasonView): Record<string, unknown> {
  return {
    code: reason.code,
    message: reason.message,
    since: timeText(reason.sinceMs),
    until: timeText(reason.untilMs),
    job_ids: reason.jobIds ?? [],
  };
}
