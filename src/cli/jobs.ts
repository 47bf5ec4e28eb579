/**
 * `conductor status`, `list`, `cancel`, `result` and `dlq`.
 *
 * @module
 */

import { type JobPage, type JobView, Refusal } from "../rpc/mod.ts";
import { FlagReader } from "./arguments.ts";
import { overviewJson, overviewText } from "./cluster.ts";
import { withClient } from "./connect.ts";
import { NegativeAnswer } from "./failure.ts";
import { detailsJson, detailsText, jobJson, jobTable, textOf } from "./present.ts";
import type { Flags } from "./router.ts";
import { type OutputFormat, printable, printableLines, type Terminal } from "./terminal.ts";

/** Jobs in a page that was not told how many. */
const PAGE_JOBS_DEFAULT = 20;
/** The master gives no longer pages. */
const PAGE_JOBS_MAX = 1_000;

/** One job in full, or the cluster as a whole. */
export async function status(
  jobId: string | undefined,
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  await withClient(flags, terminal, async ({ client, format }) => {
    if (jobId === undefined) {
      const health = await client.clusterHealth();
      terminal.out.write(format === "json" ? overviewJson(health) : overviewText(health));
      return;
    }
    const details = await client.getJob(jobId, { stale: flags.stale === true });
    terminal.out.write(
      format === "json"
        ? `${JSON.stringify(detailsJson(details), null, 2)}\n`
        : detailsText(details, terminal.out),
    );
  });
}

/** A page of jobs. */
export async function list(flags: Flags, terminal: Terminal): Promise<void> {
  const reader = new FlagReader(flags);
  const pages = pageFlags(reader);
  const query = {
    status: reader.text("status"),
    type: reader.text("type"),
    workerId: reader.text("worker"),
    cursor: reader.text("cursor"),
  };
  reader.done();
  await withClient(flags, terminal, async ({ client, format }) => {
    const page = await client.listJobs({ ...pages, ...query });
    const next = page.nextCursor === "" ? "" : `--cursor ${page.nextCursor}`;
    printPage(page, next, format, terminal);
  });
}

/** Cancels jobs one by one; says of each what came of it, and fails if one could not be. */
export async function cancel(
  jobIds: readonly string[],
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  await withClient(
    flags,
    terminal,
    ({ client, format }) =>
      eachJob(jobIds, format, terminal, (id) => client.cancel(id, (flags.reason as string) ?? "")),
  );
}

/** The result's bytes as they are. */
export async function result(jobId: string, flags: Flags, terminal: Terminal): Promise<void> {
  await withClient(flags, terminal, async ({ client, format }) => {
    const { job } = await client.getJob(jobId);
    if (format === "json") {
      terminal.out.write(`${JSON.stringify(jobJson(job).result ?? null, null, 2)}\n`);
    }
    if (job.status !== "completed") {
      const reason = job.errorMessage === "" ? "" : `: ${printable(job.errorMessage)}`;
      throw new NegativeAnswer(`job ${jobId} has no result; it is ${job.status}${reason}`);
    }
    if (format !== "json") await writeResult(job, terminal);
  });
}

/** The bytes and nothing else; to a terminal only text, and it ends with a new line. */
async function writeResult(job: JobView, { out }: Terminal): Promise<void> {
  const { output = new Uint8Array(0), contentType = "" } = job.result ?? {};
  if (!out.isTerminal) return await writeAll(output);
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

/** A page of dead letters. */
export async function listDeadLetters(flags: Flags, terminal: Terminal): Promise<void> {
  const reader = new FlagReader(flags);
  const pages = pageFlags(reader);
  reader.done();
  await withClient(flags, terminal, async ({ client, format }) => {
    const page = await client.listDeadLetters(pages);
    const shown = pages.offset + page.jobs.length;
    printPage(page, shown < page.total ? `--offset ${shown}` : "", format, terminal);
  });
}

/** Puts dead letters back; fails if one could not be. */
export async function retryDeadLetters(
  jobIds: readonly string[],
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  await withClient(
    flags,
    terminal,
    ({ client, format }) => eachJob(jobIds, format, terminal, (id) => client.retryDeadLetter(id)),
  );
}

async function eachJob(
  jobIds: readonly string[],
  format: OutputFormat,
  terminal: Terminal,
  act: (jobId: string) => Promise<string>,
): Promise<void> {
  const results: { job_id: string; success: boolean; message: string }[] = [];
  for (const jobId of jobIds) {
    try {
      results.push({ job_id: jobId, success: true, message: await act(jobId) });
    } catch (failure) {
      const isAboutTheJob = failure instanceof Refusal &&
        (failure.reason === "not_found" || failure.reason === "failed_precondition");
      if (!isAboutTheJob) throw failure;
      results.push({ job_id: jobId, success: false, message: failure.message });
    }
  }
  if (format === "json") terminal.out.write(`${JSON.stringify(results, null, 2)}\n`);
  for (const { success, message } of results) {
    if (!success) terminal.err.write(`conductor: ${printable(message)}\n`);
    else if (format === "table") terminal.out.write(`${printable(message)}\n`);
  }
  if (results.some((each) => !each.success)) throw new NegativeAnswer("");
}

function printPage(
  page: JobPage,
  next: string,
  format: OutputFormat,
  terminal: Terminal,
): void {
  if (format === "json") {
    const { jobs, total, nextCursor } = page;
    const answer = { jobs: jobs.map(jobJson), total, next_cursor: nextCursor };
    terminal.out.write(`${JSON.stringify(answer, null, 2)}\n`);
    return;
  }
  terminal.out.write(jobTable(page.jobs, terminal.out.style));
  if (page.jobs.length === page.total) return;
  const more = next === "" ? "" : `; the next page: ${next}`;
  terminal.err.write(`${page.jobs.length} of ${page.total} jobs${more}\n`);
}

async function writeAll(bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.byteLength;) {
    written += await Deno.stdout.write(bytes.subarray(written));
  }
}

function pageFlags(reader: FlagReader): { readonly limit: number; readonly offset: number } {
  return {
    limit: reader.integer("limit", { min: 1, max: PAGE_JOBS_MAX }) ?? PAGE_JOBS_DEFAULT,
    offset: reader.integer("offset", { min: 0, max: 2 ** 31 - 1 }) ?? 0,
  };
}
