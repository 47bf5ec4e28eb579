/**
 * `conductor submit` and `conductor watch`.
 *
 * @module
 */

import type { JobClient, JobEventView, JobView, Submission } from "../rpc/mod.ts";
import { durationFlag, integerFlag, pairsFlag, readPayload } from "./arguments.ts";
import { withClient } from "./connect.ts";
import { NegativeAnswer } from "./failure.ts";
import { jobJson, progressText, resultText, statusText } from "./present.ts";
import type { Flags } from "./router.ts";
import { type OutputFormat, printable, type Sink, type Terminal } from "./terminal.ts";

/** Submits one job, and with `--wait` follows it to its end. */
export async function submit(flags: Flags, terminal: Terminal): Promise<void> {
  const submission = await submissionFrom(flags);
  await withClient(flags, terminal, async (client, format) => {
    const { jobId, duplicate, message } = await client.submit(submission);
    if (duplicate) terminal.err.write(`conductor: an earlier submission made this job\n`);
    const isPlain = message === "" || message === "Job submitted successfully";
    if (!isPlain) terminal.err.write(`conductor: ${printable(message)}\n`);
    if (flags.wait === true) return await follow(client, jobId, format, terminal);
    terminal.out.write(
      format === "json"
        ? `${JSON.stringify({ job_id: jobId, duplicate, message })}\n`
        : `${jobId}\n`,
    );
  });
}

/** Follows a job to its end. */
export async function watch(jobId: string, flags: Flags, terminal: Terminal): Promise<void> {
  await withClient(flags, terminal, (client, format) => follow(client, jobId, format, terminal));
}

async function submissionFrom(flags: Flags): Promise<Submission> {
  const maxRetries = integerFlag(flags, "maxRetries", 0);
  const timeoutMs = durationFlag(flags, "timeout");
  const retryDelayMs = durationFlag(flags, "retryDelay");
  const delayMs = durationFlag(flags, "delay");
  const labels = pairsFlag(flags, "label");
  const requiredTags = pairsFlag(flags, "require");
  return {
    type: flags.type as string,
    payload: await readPayload(flags.payload as string),
    priority: integerFlag(flags, "priority", Number.MIN_SAFE_INTEGER) ?? 0,
    ...(maxRetries === undefined ? {} : { maxRetries }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(retryDelayMs === undefined ? {} : { retryDelayMs }),
    ...(delayMs === undefined ? {} : { delayMs }),
    ...(labels === undefined ? {} : { labels }),
    ...(requiredTags === undefined ? {} : { requiredTags }),
    ...(flags.idempotencyKey === undefined
      ? {}
      : { idempotencyKey: flags.idempotencyKey as string }),
  };
}

/**
 * Tells every change on stderr, the outcome on stdout.
 *
 * @throws NegativeAnswer when the job does not complete.
 */
async function follow(
  client: JobClient,
  jobId: string,
  format: OutputFormat,
  terminal: Terminal,
): Promise<void> {
  const line = new LiveLine(terminal.err);
  let last: JobView | undefined;
  for await (const event of client.watch(jobId)) {
    tell(event, jobId, line, last);
    if (event.kind === "state") last = event.job;
  }
  line.clear();
  if (last === undefined) throw new NegativeAnswer(`job ${jobId}: nothing was heard of it`);
  if (format === "json") terminal.out.write(`${JSON.stringify(jobJson(last), null, 2)}\n`);
  else if (last.status === "completed") terminal.out.write(resultText(last));
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

/** A last line that is drawn over on a terminal, and left out where there is none. */
class LiveLine {
  readonly sink: Sink;
  #isShown = false;

  constructor(sink: Sink) {
    this.sink = sink;
  }

  /** A line that stays. */
  say(text: string): void {
    this.clear();
    this.sink.write(`${text}\n`);
  }

  /** A line that the next one takes the place of. */
  show(text: string): void {
    if (!this.sink.isTerminal) return;
    this.clear();
    const { columns } = Deno.consoleSize();
    this.sink.write(text.slice(0, columns - 1));
    this.#isShown = true;
  }

  clear(): void {
    if (this.#isShown) this.sink.write("\r\u001b[2K");
    this.#isShown = false;
  }
}
