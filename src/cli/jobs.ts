/**
 * `conductor status`, `list`, `cancel`, `result` and `dlq`.
 *
 * @module
 */

import { type JobPage, Refusal } from "../rpc/mod.ts";
import { integerFlag } from "./arguments.ts";
import { overviewJson, overviewText } from "./cluster.ts";
import { withClient } from "./connect.ts";
import { NegativeAnswer } from "./failure.ts";
import { detailsJson, detailsText, jobJson, jobTable } from "./present.ts";
import type { Flags } from "./router.ts";
import { type OutputFormat, printable, type Terminal } from "./terminal.ts";

/** One job in full, or the cluster as a whole. */
export async function status(
  jobId: string | undefined,
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  await withClient(flags, terminal, async (client, format) => {
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
  await withClient(flags, terminal, async (client, format) => {
    const page = await client.listJobs({
      limit: integerFlag(flags, "limit", 1) ?? 20,
      offset: integerFlag(flags, "offset", 0) ?? 0,
      ...textFlag(flags, "status"),
      ...textFlag(flags, "type"),
      ...(flags.worker === undefined ? {} : { workerId: flags.worker as string }),
      ...textFlag(flags, "cursor"),
    });
    printPage(page, format, terminal);
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
    (client, format) =>
      eachJob(jobIds, format, terminal, (id) => client.cancel(id, (flags.reason as string) ?? "")),
  );
}

/** The result's bytes as they are. */
export async function result(jobId: string, flags: Flags, terminal: Terminal): Promise<void> {
  await withClient(flags, terminal, async (client, format) => {
    const { job } = await client.getJob(jobId);
    if (format === "json") {
      terminal.out.write(`${JSON.stringify(jobJson(job).result ?? null, null, 2)}\n`);
    }
    if (job.status !== "completed") {
      const reason = job.errorMessage === "" ? "" : `: ${printable(job.errorMessage)}`;
      throw new NegativeAnswer(`job ${jobId} has no result; it is ${job.status}${reason}`);
    }
    if (format !== "json") await writeAll(job.result?.output ?? new Uint8Array(0));
  });
}

/** A page of dead letters. */
export async function listDeadLetters(flags: Flags, terminal: Terminal): Promise<void> {
  await withClient(flags, terminal, async (client, format) => {
    const page = await client.listDeadLetters({
      limit: integerFlag(flags, "limit", 1) ?? 20,
      offset: integerFlag(flags, "offset", 0) ?? 0,
    });
    printPage(page, format, terminal);
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
    (client, format) => eachJob(jobIds, format, terminal, (id) => client.retryDeadLetter(id)),
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

function printPage(page: JobPage, format: OutputFormat, terminal: Terminal): void {
  if (format === "json") {
    const { jobs, total, nextCursor } = page;
    const answer = { jobs: jobs.map(jobJson), total, next_cursor: nextCursor };
    terminal.out.write(`${JSON.stringify(answer, null, 2)}\n`);
    return;
  }
  terminal.out.write(jobTable(page.jobs, terminal.out.style));
  const hasMore = page.jobs.length < page.total;
  if (hasMore) {
    const next = page.nextCursor === "" ? "" : `; the next page: --cursor ${page.nextCursor}`;
    terminal.err.write(`${page.jobs.length} of ${page.total} jobs${next}\n`);
  }
}

async function writeAll(bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.byteLength;) {
    written += await Deno.stdout.write(bytes.subarray(written));
  }
}

function textFlag<Name extends string>(flags: Flags, name: Name): { [N in Name]?: string } {
  return flags[name] === undefined ? {} : { [name]: flags[name] } as { [N in Name]?: string };
}
