/**
 * `conductor status` and `result`.
 *
 * @module
 */

import type { JobDetails, JobView } from "../rpc/mod.ts";
import { type Answer, formatOf, tell } from "./answer.ts";
import { FlagReader } from "./arguments.ts";
import { reasonOf } from "./reason.ts";
import { overviewAnswer } from "./cluster.ts";
import { type Connection, withClient } from "./connect.ts";
import { NegativeAnswer } from "./failure.ts";
import { detailsJson, detailsText, jobJson, textOf } from "./present.ts";
import { sealedNote } from "./present_sealed.ts";
import type { Flags } from "./router.ts";
import { Silence } from "./silence.ts";
import { printable, printableLines, type Terminal, writeBytes } from "./terminal.ts";
import { lateText, within } from "./waiting.ts";
import { tellOrWatch } from "./watching.ts";

/** One job in full, or the cluster as a whole. */
export async function status(
  jobId: string | undefined,
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  await withClient(flags, terminal, async ({ client }) => {
    const ask = async () =>
      jobId === undefined
        ? overviewAnswer(await client.clusterHealth())
        : detailsAnswer(await client.getJob(jobId, { stale: flags.stale === true }));
    await tellOrWatch(flags, terminal, ask);
  });
}

/** A job in full. */
export function detailsAnswer(details: JobDetails): Answer {
  return { json: detailsJson(details), text: (sheet) => detailsText(details, sheet) };
}

/** The result's bytes as they are. */
export async function result(jobId: string, flags: Flags, terminal: Terminal): Promise<void> {
  const reader = new FlagReader(flags);
  const timeoutMs = reader.duration("timeout");
  reader.done();
  await withClient(flags, terminal, async (connection) => {
    const { client } = connection;
    const format = formatOf(flags);
    if (flags.wait === true || timeoutMs !== undefined) {
      await untilEnd(connection, jobId, timeoutMs);
    }
    const { job } = await client.getJob(jobId);
    if (format !== "table" && flags.file === undefined) {
      tell(flags, terminal, { json: jobJson(job).result ?? null, text: () => "" });
    }
    if (job.status !== "completed") {
      const reason = job.errorMessage === "" ? "" : `: ${printable(job.errorMessage)}`;
      throw new NegativeAnswer(`job ${jobId} has no result; it is ${job.status}${reason}`);
    }
    const { file } = flags;
    const sealed = sealedNote(job.result?.output ?? new Uint8Array(0));
    if (sealed !== undefined && (format === "table" || flags.file !== undefined)) {
      throw new NegativeAnswer(`the result of job ${jobId} is ${sealed}`);
    }
    if (typeof file === "string") await writeTo(file, job);
    else if (format === "table") await writeResult(job, terminal);
  });
}

/** @throws OutOfTime */
async function untilEnd(
  { client, line }: Connection,
  jobId: string,
  timeoutMs: number | undefined,
): Promise<void> {
  let last: JobView | undefined;
  const isKnown = () => last !== undefined;
  const silence = new Silence(line, { what: `job ${jobId}`, timeoutMs, isKnown });
  const { outlasts } = silence;
  const late = () => lateText(jobId, last, silence.lasts);
  await within({ timeoutMs, late }, async (signal) => {
    for await (const event of client.watch(jobId, signal, { outlasts })) {
      silence.heard();
      if (event.kind === "state") last = event.job;
    }
  });
}

async function writeTo(file: string, { result }: JobView): Promise<void> {
  try {
    await Deno.writeFile(file, result?.output ?? new Uint8Array(0));
  } catch (cause) {
    throw new NegativeAnswer(`cannot write ${printable(file)}: ${reasonOf(cause)}`, { cause });
  }
}

/** The bytes and nothing else; to a terminal only text, and it ends with a new line. */
async function writeResult(job: JobView, { out }: Terminal): Promise<void> {
  const { output = new Uint8Array(0), contentType = "" } = job.result ?? {};
  if (!out.isTerminal) return await writeBytes(output);
  const text = textOf(output);
  if (text === undefined) {
    throw new NegativeAnswer(
      `the result is ${output.byteLength} bytes of ${contentType || "no known type"}, which a ` +
        `terminal cannot show; use \`conductor result ${job.id} > FILE\``,
    );
  }
  const shown = printableLines(text);
  out.write(shown.endsWith("\n") || shown === "" ? shown : `${shown}\n`);
}
