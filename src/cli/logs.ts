/**
 * `conductor logs`: what a job's last attempt logged, as lines on stdout.
 *
 * @module
 */

import type { JobView } from "../rpc/mod.ts";
import { formatOf, streamed } from "./answer.ts";
import { FlagReader } from "./arguments.ts";
import { type Connection, withClient } from "./connect.ts";
import type { Flags } from "./router.ts";
import { Silence } from "./silence.ts";
import { printable, type Terminal } from "./terminal.ts";
import { lateText, within } from "./waiting.ts";

/** What is kept so far; with `--follow` also what comes until the job ends. */
export async function logs(jobId: string, flags: Flags, terminal: Terminal): Promise<void> {
  const reader = new FlagReader(flags);
  const tail = reader.integer("tail", { min: 0 }) ?? Number.POSITIVE_INFINITY;
  const timeoutMs = reader.duration("timeout");
  if (timeoutMs !== undefined && flags.follow !== true) {
    reader.fault("timeout", "it goes with --follow, which alone waits");
  }
  reader.done();
  await withClient(flags, terminal, async (connection) => {
    const { client } = connection;
    const format = formatOf(flags);
    const print = (lines: readonly string[]) => {
      for (const line of lines) {
        terminal.out.write(format === "table" ? `${printable(line)}\n` : streamed(line, format));
      }
    };
    if (flags.follow === true) {
      let last: JobView | undefined;
      const isKnown = () => last !== undefined;
      const silence = new Silence(connection.line, { what: `job ${jobId}`, timeoutMs, isKnown });
      const late = () => lateText(jobId, last, silence.lasts);
      return await within(
        { timeoutMs, late, reader: terminal.out },
        (signal) =>
          follow(connection, jobId, { tail, signal, silence }, print, (job) => last = job),
      );
    }
    const { logTail, job } = await client.getJob(jobId);
    print(lastOf(logTail, tail));
    if (logTail.length === 0) connection.line.say(`conductor: job ${jobId} ${nothingYet(job)}`);
  });
}

async function follow(
  { client, line }: Connection,
  jobId: string,
  { tail, signal, silence }: {
    readonly tail: number;
    readonly signal: AbortSignal;
    readonly silence: Silence;
  },
  print: (lines: readonly string[]) => void,
  hear: (job: JobView) => void,
): Promise<void> {
  let isFirst = true;
  let attempt = 0;
  const { outlasts } = silence;
  for await (const event of client.watch(jobId, signal, { keptLog: true, outlasts })) {
    silence.heard();
    if (event.kind === "log") print(isFirst ? lastOf(event.lines, tail) : event.lines);
    if (event.kind === "state") {
      hear(event.job);
      if (attempt > 0 && event.job.attempt > attempt) {
        line.say(`conductor: attempt ${event.job.attempt} begins`);
      }
      attempt = event.job.attempt;
    } else isFirst = false;
  }
}

function nothingYet({ status, attempt }: JobView): string {
  return attempt === 0 ? `is ${status} and has not run yet` : "has logged nothing";
}

function lastOf(lines: readonly string[], count: number): readonly string[] {
  return lines.slice(Math.max(0, lines.length - count));
}
