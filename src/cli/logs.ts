/**
 * `conductor logs`: what a job's last attempt logged, as lines on stdout.
 *
 * @module
 */

import type { JobView } from "../rpc/mod.ts";
import { FlagReader } from "./arguments.ts";
import { type Connection, withClient } from "./connect.ts";
import type { Flags } from "./router.ts";
import { printable, type Terminal } from "./terminal.ts";

/** What is kept so far; with `--follow` also what comes until the job ends. */
export async function logs(jobId: string, flags: Flags, terminal: Terminal): Promise<void> {
  const reader = new FlagReader(flags);
  const tail = reader.integer("tail", { min: 0 }) ?? Number.POSITIVE_INFINITY;
  reader.done();
  await withClient(flags, terminal, async (connection) => {
    const { client, format } = connection;
    const print = (lines: readonly string[]) => {
      for (const line of lines) terminal.out.write(`${lineText(line, format)}\n`);
    };
    if (flags.follow === true) return await follow(connection, jobId, tail, print);
    const { logTail, job } = await client.getJob(jobId);
    print(lastOf(logTail, tail));
    if (logTail.length === 0) connection.line.say(`conductor: job ${jobId} ${nothingYet(job)}`);
  });
}

async function follow(
  { client, line }: Connection,
  jobId: string,
  tail: number,
  print: (lines: readonly string[]) => void,
): Promise<void> {
  let isFirst = true;
  let attempt = 0;
  for await (const event of client.watch(jobId, undefined, { keptLog: true })) {
    if (event.kind === "log") print(isFirst ? lastOf(event.lines, tail) : event.lines);
    if (event.kind === "state") {
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

function lineText(line: string, format: string): string {
  return format === "json" ? JSON.stringify(line) : printable(line);
}
