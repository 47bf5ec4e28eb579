/**
 * `conductor submit` and `conductor watch`.
 *
 * @module
 */

import { type JobEventView, type JobView, newIdempotencyKey, SUBMITTED } from "../rpc/mod.ts";
import { formatOf, streamed, tell, tellMade } from "./answer.ts";
import { FlagReader } from "./arguments.ts";
import { type Connection, withClient } from "./connect.ts";
import { NegativeAnswer } from "./failure.ts";
import type { LiveLine } from "./live_line.ts";
import { jobJson, progressText, resultText, statusText } from "./present.ts";
import type { Flags } from "./router.ts";
import { Silence } from "./silence.ts";
import { submissionFrom } from "./submission.ts";
import { printable, type Terminal } from "./terminal.ts";
import { isLeft, lateText, madeOnceText, sayingHowToGoOn, within } from "./waiting.ts";

/** Submits one job, and with `--wait` follows it to its end. */
export async function submit(flags: Flags, terminal: Terminal): Promise<void> {
  const reader = new FlagReader(flags);
  const patienceMs = reader.duration("patience") ?? 0;
  const timeoutMs = reader.duration("waitTimeout");
  reader.done();
  const submission = await submissionFrom(flags, terminal.err);
  const idempotencyKey = submission.idempotencyKey ?? newIdempotencyKey();
  await withClient(flags, terminal, async (connection) => {
    const { client, line } = connection;
    const { jobId, duplicate, existing, message } = await sayingHowToGoOn(
      { again: () => madeOnceText(flags, idempotencyKey) },
      (signal) => client.submit({ ...submission, idempotencyKey }, { patienceMs, signal }),
    );
    if (duplicate && !existing) line.say("conductor: an earlier submission made this job");
    const isPlain = message === "" || message === SUBMITTED;
    if (!isPlain) line.say(`conductor: ${printable(message)}`);
    line.clear();
    const submitted = { job_id: jobId, duplicate, existing, message };
    if (flags.wait === true || timeoutMs !== undefined) {
      return await follow(connection, { jobId, timeoutMs, submitted }, flags, terminal);
    }
    const answer = { json: submitted, text: () => `${jobId}\n` };
    tellMade(flags, terminal, answer, `job ${jobId} is submitted`);
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
    (connection) => follow(connection, { jobId, timeoutMs }, flags, terminal),
  );
}

/** What is followed, and how. */
interface Followed {
  readonly jobId: string;
  /** Time to wait; undefined: for ever. */
  readonly timeoutMs: number | undefined;
  /** What was said of it when this command submitted it. */
  readonly submitted?: Readonly<Record<string, unknown>>;
}

/**
 * Tells every change on stderr, the outcome on stdout; as JSON Lines every change on stdout. Ctrl-C ends the watching, not the job.
 *
 * @throws NegativeAnswer when the job does not complete.
 * @throws Interrupted
 * @throws OutOfTime
 */
async function follow(
  { client, line }: Connection,
  { jobId, timeoutMs, submitted }: Followed,
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  const interrupted =
    `job ${jobId} goes on; follow it with \`conductor watch ${jobId}\`, end it with ` +
    `\`conductor cancel ${jobId}\``;
  const isStream = formatOf(flags) === "jsonl";
  let last: JobView | undefined;
  const isKnown = () => submitted !== undefined || last !== undefined;
  const silence = new Silence(line, { what: `job ${jobId}`, timeoutMs, isKnown });
  try {
    const reader = isStream ? terminal.out : undefined;
    const late = () => lateText(jobId, last, silence.lasts);
    await within({ timeoutMs, interrupted, late, reader }, async (signal) => {
      for await (const event of client.watch(jobId, signal, { outlasts: silence.outlasts })) {
        silence.heard();
        if (isStream) terminal.out.write(streamed(eventJson(event), "jsonl"));
        else report(event, jobId, line, last);
        if (event.kind === "state") last = event.job;
      }
    });
  } catch (failure) {
    line.clear();
    // A job that was neither submitted here nor heard of need not be there.
    const known = last !== undefined
      ? jobJson(last)
      : submitted && { id: submitted.job_id, ...submitted };
    if (known === undefined) throw failure;
    // A program goes on with the id, which it has from nowhere else.
    if (isLeft(failure) && !isStream) tell(flags, terminal, { json: known, text: () => "" });
    throw failure;
  } finally {
    line.clear();
  }
  if (last === undefined) throw new NegativeAnswer(`job ${jobId}: nothing was heard of it`);
  const job = last;
  const text = () => job.status === "completed" ? resultText(job) : "";
  if (!isStream) tell(flags, terminal, { json: jobJson(job), text });
  if (job.status === "completed") return;
  const reason = job.errorMessage === "" ? "" : `: ${printable(job.errorMessage)}`;
  throw new NegativeAnswer(`job ${jobId} ${job.status}${reason}`);
}

function eventJson(event: JobEventView): Record<string, unknown> {
  switch (event.kind) {
    case "state":
      return { event: "state", job: jobJson(event.job) };
    case "progress":
      return { event: "progress", progress: event.fraction, message: event.message };
    case "log":
      return { event: "log", lines: event.lines };
  }
}

function report(
  event: JobEventView,
  jobId: string,
  line: LiveLine,
  last: JobView | undefined,
): void {
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
      line.progress(jobId, event.fraction, progressText(event.fraction, event.message));
      return;
    case "log":
      for (const text of event.lines) {
        line.say(`${jobId}  ${line.sink.style.dim(printable(text))}`);
      }
  }
}
