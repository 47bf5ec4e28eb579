/**
 * `conductor submit` and `conductor watch`.
 *
 * @module
 */

import type { JobEventView, JobView } from "../rpc/mod.ts";
import { FlagReader } from "./arguments.ts";
import { type Connection, withClient } from "./connect.ts";
import { NegativeAnswer } from "./failure.ts";
import type { LiveLine } from "./live_line.ts";
import { jobJson, progressText, resultText, statusText } from "./present.ts";
import type { Flags } from "./router.ts";
import { submissionFrom } from "./submission.ts";
import { printable, type Terminal } from "./terminal.ts";
import { lateText, within } from "./waiting.ts";

/** Submits one job, and with `--wait` follows it to its end. */
export async function submit(flags: Flags, terminal: Terminal): Promise<void> {
  const reader = new FlagReader(flags);
  const patienceMs = reader.duration("patience") ?? 0;
  const timeoutMs = reader.duration("waitTimeout");
  reader.done();
  const submission = await submissionFrom(flags, terminal.err);
  await withClient(flags, terminal, async (connection) => {
    const { client, format, line } = connection;
    const { jobId, duplicate, existing, message } = await client.submit(submission, { patienceMs });
    if (duplicate && !existing) line.say("conductor: an earlier submission made this job");
    const isPlain = message === "" || message === "Job submitted successfully";
    if (!isPlain) line.say(`conductor: ${printable(message)}`);
    line.clear();
    if (flags.wait === true || timeoutMs !== undefined) {
      return await follow(connection, jobId, timeoutMs, terminal);
    }
    terminal.out.write(
      format === "json"
        ? `${JSON.stringify({ job_id: jobId, duplicate, existing, message })}\n`
        : `${jobId}\n`,
    );
  }, "client.submit_job");
}

/** Follows a job to its end. */
export async function watch(jobId: string, flags: Flags, terminal: Terminal): Promise<void> {
  const reader = new FlagReader(flags);
  const timeoutMs = reader.duration("timeout");
  reader.done();
  await withClient(
    flags,
    terminal,
    (connection) => follow(connection, jobId, timeoutMs, terminal),
  );
}

/**
 * Tells every change on stderr, the outcome on stdout. Ctrl-C ends the watching, not the job.
 *
 * @param timeoutMs time to wait; undefined: for ever
 * @throws NegativeAnswer when the job does not complete.
 * @throws Interrupted
 * @throws OutOfTime
 */
async function follow(
  { client, format, line }: Connection,
  jobId: string,
  timeoutMs: number | undefined,
  { out }: Terminal,
): Promise<void> {
  const interrupted =
    `job ${jobId} goes on; follow it with \`conductor watch ${jobId}\`, end it with ` +
    `\`conductor cancel ${jobId}\``;
  let last: JobView | undefined;
  try {
    await within({ timeoutMs, interrupted, late: () => lateText(jobId, last) }, async (signal) => {
      for await (const event of client.watch(jobId, signal)) {
        tell(event, jobId, line, last);
        if (event.kind === "state") last = event.job;
      }
    });
  } finally {
    line.clear();
  }
  if (last === undefined) throw new NegativeAnswer(`job ${jobId}: nothing was heard of it`);
  if (format === "json") out.write(`${JSON.stringify(jobJson(last), null, 2)}\n`);
  else if (last.status === "completed") out.write(resultText(last));
  if (last.status === "completed") return;
  const reason = last.errorMessage === "" ? "" : `: ${printable(last.errorMessage)}`;
  throw new NegativeAnswer(`job ${jobId} ${last.status}${reason}`);
}

function tell(event: JobEventView, jobId: string, line: LiveLine, last: JobView | undefined): void {
  switch (event.kind) {
    case "state": {
      const { job } = event;
      const isRepeated = last?.status === job.status && last.attempt === job.attempt;
      if (isRepeated) return;
      const where = job.assignedTo === "" || job.status === "pending"
        ? ""
        : ` on ${printable(job.assignedTo)}`;
      const again = job.attempt > 1 ? ` (attempt ${job.attempt})` : "";
      line.say(`${jobId}  ${statusText(job, line.sink.style)}${where}${again}`);
      return;
    }
    case "progress":
      line.show(`${jobId}  ${progressText(event.fraction, event.message)}`);
      return;
    case "log":
      for (const text of event.lines) {
        line.say(`${jobId}  ${line.sink.style.dim(printable(text))}`);
      }
  }
}
