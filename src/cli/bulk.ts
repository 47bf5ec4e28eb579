/**
 * `conductor list`, `cancel` and `dlq`: what is about many jobs.
 *
 * @module
 */

import { type BulkAnswer, type JobClient, type JobPage, Refusal } from "../rpc/mod.ts";
import { type Answer, formatOf, tell } from "./answer.ts";
import { FlagReader } from "./arguments.ts";
import { withClient } from "./connect.ts";
import { Misuse, NegativeAnswer } from "./failure.ts";
import { filterFrom, isEmptyFilter, JOB_STATUSES, UNFINISHED_STATUSES } from "./job_filter.ts";
import { detailsAnswer } from "./jobs.ts";
import { deadLetterTable, jobJson, jobTable } from "./present.ts";
import type { Flags } from "./router.ts";
import { printable, type Terminal } from "./terminal.ts";
import { tellOrWatch } from "./watching.ts";

/** Jobs in a page that was not told how many. */
const PAGE_JOBS_DEFAULT = 20;
/** The master gives no longer pages. */
const PAGE_JOBS_MAX = 1_000;
/** Orders of a list, and what the master calls them. */
const SORTS = {
  "newest": "newest",
  "oldest": "oldest",
  "last-finished": "last_finished",
  "first-finished": "first_finished",
} as const;

/** A page of jobs. */
export async function list(flags: Flags, terminal: Terminal): Promise<void> {
  const reader = new FlagReader(flags);
  const query = {
    ...pageFlags(reader),
    ...filterFrom(reader, JOB_STATUSES),
    ...(flags.deadLetters === true && { deadLetter: true }),
    stale: flags.stale === true,
  };
  reader.done();
  await withClient(flags, terminal, async ({ client }) => {
    await tellOrWatch(flags, terminal, async () => pageAnswer(await client.listJobs(query)));
  });
}

/** A page of dead letters. */
export async function listDeadLetters(flags: Flags, terminal: Terminal): Promise<void> {
  const reader = new FlagReader(flags);
  const query = { ...pageFlags(reader), ...filterFrom(reader, []) };
  reader.done();
  await withClient(flags, terminal, async ({ client }) => {
    await tellOrWatch(
      flags,
      terminal,
      async () => pageAnswer(await client.listDeadLetters(query), deadLetterTable),
    );
  });
}

/** One dead letter in full; another job is none. */
export async function showDeadLetter(
  jobId: string,
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  await withClient(flags, terminal, async ({ client }) => {
    const details = await client.getJob(jobId);
    if (!details.job.deadLetter) {
      throw new NegativeAnswer(`job ${jobId} is ${details.job.status} and not a dead letter`);
    }
    tell(flags, terminal, detailsAnswer(details));
  });
}

/** Cancels jobs one by one, and fails if one could not be; or all of a filter. */
export async function cancel(
  jobIds: readonly string[],
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  const reason = (flags.reason as string | undefined) ?? "";
  const { filter } = chosen(jobIds, flags, UNFINISHED_STATUSES);
  if (jobIds.length > 0) {
    return await eachJob(jobIds, flags, terminal, (client, id) => client.cancel(id, reason));
  }
  if (isEmptyFilter(filter)) {
    throw new Misuse("name jobs by their ids, or by --status, --type, --label and so on");
  }
  const dryRun = flags.dryRun === true;
  await withClient(flags, terminal, async ({ client }) => {
    const answer = await client.cancelJobs(filter, { reason, dryRun });
    tell(flags, terminal, bulkAnswer(answer, { done: "cancelled", dryRun }));
  });
}

/** Puts dead letters back one by one, and fails if one could not be; or all of a filter. */
export async function retryDeadLetters(
  jobIds: readonly string[],
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  const { which } = chosen(jobIds, flags, []);
  if (which === undefined) {
    return await eachJob(jobIds, flags, terminal, (client, id) => client.retryDeadLetter(id));
  }
  const dryRun = flags.dryRun === true;
  await withClient(flags, terminal, async ({ client }) => {
    const answer = await client.retryDeadLetters(which, { dryRun });
    tell(flags, terminal, bulkAnswer(answer, { done: "retried", dryRun }));
  });
}

/** Forgets dead letters, if `--yes` says so. */
export async function purgeDeadLetters(
  jobIds: readonly string[],
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  const which = chosen(jobIds, flags, []).which ?? { jobIds };
  const dryRun = flags.dryRun === true;
  await withClient(flags, terminal, async ({ client }) => {
    if (!dryRun && flags.yes !== true) {
      const { matched } = await client.purgeDeadLetters(which, { dryRun: true });
      throw new Misuse(
        `this would forget ${counted(matched, "dead letter")} for ever; say --yes if you mean it`,
      );
    }
    const answer = await client.purgeDeadLetters(which, { dryRun });
    tell(flags, terminal, bulkAnswer(answer, { done: "purged", dryRun }));
  });
}

/** What the command is about: `which` is undefined for jobs named by their ids. */
function chosen(
  jobIds: readonly string[],
  flags: Flags,
  statuses: readonly (typeof JOB_STATUSES)[number][],
) {
  const reader = new FlagReader(flags);
  const filter = filterFrom(reader, statuses);
  reader.done();
  const ways = [jobIds.length > 0, !isEmptyFilter(filter), flags.all === true];
  if (ways.filter((way) => way).length > 1) {
    throw new Misuse("name jobs by their ids, or by flags such as --type, or --all: only one way");
  }
  if (jobIds.length > 0) {
    if (flags.dryRun === true) throw new Misuse("--dry-run goes with flags such as --type");
    return { filter, which: undefined };
  }
  if (flags.all === true) return { filter, which: "all" as const };
  if (!isEmptyFilter(filter) || statuses.length > 0) return { filter, which: filter };
  throw new Misuse("name dead letters by their ids, by --type, --label and so on, or say --all");
}

async function eachJob(
  jobIds: readonly string[],
  flags: Flags,
  terminal: Terminal,
  act: (client: JobClient, jobId: string) => Promise<string>,
): Promise<void> {
  await withClient(flags, terminal, async ({ client }) => {
    const results: { job_id: string; success: boolean; message: string }[] = [];
    let broken: { readonly failure: unknown } | undefined;
    for (const jobId of jobIds) {
      try {
        results.push({ job_id: jobId, success: true, message: await act(client, jobId) });
      } catch (failure) {
        const isAboutTheJob = failure instanceof Refusal &&
          (failure.reason === "not_found" || failure.reason === "failed_precondition");
        if (!isAboutTheJob) {
          broken = { failure };
          break;
        }
        results.push({ job_id: jobId, success: false, message: failure.message });
      }
    }
    // What was done before is told, even if no master answers any more.
    if (broken !== undefined && results.length === 0) throw broken.failure;
    // On a terminal that shows both streams, what went well and what did not stand in their order.
    for (const { success, message } of results) {
      if (!success) terminal.err.write(`conductor: ${printable(message)}\n`);
      else if (formatOf(flags) === "table") terminal.out.write(`${printable(message)}\n`);
    }
    tell(flags, terminal, { json: { results }, list: "results", text: () => "" });
    if (broken !== undefined) throw broken.failure;
    if (results.some((each) => !each.success)) throw new NegativeAnswer("");
  });
}

function bulkAnswer(
  { matched, changed }: BulkAnswer,
  { done, dryRun }: { readonly done: string; readonly dryRun: boolean },
): Answer {
  const others = matched - changed;
  const rest = others === 0 ? "" : `; ${others} had moved on, or are still needed`;
  return {
    json: { matched, [done]: changed, dry_run: dryRun },
    text: () =>
      dryRun
        ? `${counted(matched, "job")} would be ${done}\n`
        : `${counted(changed, "job")} ${done}${rest}\n`,
  };
}

function pageAnswer(page: JobPage, table: typeof jobTable = jobTable): Answer {
  const { jobs, total, totalIsExact, nextCursor } = page;
  const json = {
    jobs: jobs.map(jobJson),
    total,
    total_is_exact: totalIsExact,
    next_cursor: nextCursor,
  };
  const answer: Answer = { json, list: "jobs", text: (sheet) => table(jobs, sheet) };
  if (jobs.length === total) return answer;
  const more = nextCursor === "" ? "" : `; the next page: --cursor ${nextCursor}`;
  const all = totalIsExact ? String(total) : `more than ${total}`;
  return { ...answer, note: `${jobs.length} of ${all} jobs${more}` };
}

function pageFlags(reader: FlagReader) {
  const sort = reader.choice("sort", Object.keys(SORTS) as (keyof typeof SORTS)[]);
  const cursor = reader.textOrEmpty("cursor");
  return {
    limit: reader.integer("limit", { min: 1, max: PAGE_JOBS_MAX }) ?? PAGE_JOBS_DEFAULT,
    offset: reader.integer("offset", { min: 0, max: 2 ** 31 - 1 }) ?? 0,
    ...(cursor !== undefined && { cursor }),
    ...(sort !== undefined && { order: SORTS[sort] }),
  };
}

function counted(count: number, what: string): string {
  return count === 1 ? `1 ${what}` : `${count} ${what}s`;
}
