/**
 * `conductor submit` and `conductor watch`.
 *
 * @module
 */

import type { JobEventView, JobView } from "../rpc/mod.ts";
import { FlagReader } from "./arguments.ts";
import { type Connection, withClient } from "./connect.ts";
import { Interrupted, NegativeAnswer } from "./failure.ts";
import type { LiveLine } from "./live_line.ts";
import { jobJson, progressText, resultText, statusText } from "./present.ts";
import type { Flags } from "./router.ts";
import { submissionFrom } from "./submission.ts";
import { printable, type Terminal } from "./terminal.ts";

/** Submits one job, and with `--wait` follows it to its end. */
export async function submit(flags: Flags, terminal: Terminal): Promise<void> {
  const reader = new FlagReader(flags);
  const patienceMs = reader.duration("patience") ?? 0;
  reader.done();
  const submission = await submissionFrom(flags, terminal.err);
  await withClient(flags, terminal, async (connection) => {
    const { client, format, line } = connection;
    const { jobId, duplicate, existing, message } = await client.submit(submission, { patienceMs });
    if (duplicate && !existing) line.say("conductor: an earlier submission made this job");
    const isPlain = message === "" || message === "Job submitted successfully";
    if (!isPlain) line.say(`conductor: ${printable(message)}`);
    line.clear();
    if (flags.wait === true) return await follow(connection, jobId, terminal);
    terminal.out.write(
      format === "json"
        ? `${JSON.stringify({ job_id: jobId, duplicate, existing, message })}\n`
        : `${jobId}\n`,
    );
  }, "client.submit_job");
}

/** Follows a job to its end. */
export async function watch(jobId: string, flags: Flags, terminal: Terminal): Promise<void> {
  await withClient(flags, terminal, (connection) => follow(connection, jobId, terminal));
}

/**
 * Tells every change on stderr, the outcome on stdout. Ctrl-C ends the watching, not the job.
 *
 * @throws NegativeAnswer when the job does not complete.
 * @throws Interrupted
 */
async function follow(
  { client, format, line }: Connection,
  jobId: string,
  { out }: Terminal,
): Promise<void> {
  const interruption = new AbortController();
  const interrupt = () => {
    Deno.removeSignalListener("SIGINT", interrupt);
    interruption.abort(
      new Interrupted(
        `job ${jobId} goes on; follow it with \`conductor watch ${jobId}\`, end it with ` +
          `\`conductor cancel ${jobId}\``,
      ),
    );
  };
  Deno.addSignalListener("SIGINT", interrupt);
  let last: JobView | undefined;
  try {
    for await (const event of client.watch(jobId, interruption.signal)) {
      tell(event, jobId, line, last);
      if (event.kind === "state") last = event.job;
    }
  } finally {
    if (!interruption.signal.aborted) Deno.removeSignalListener("SIGINT", interrupt);
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
