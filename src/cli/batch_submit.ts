/**
 * `conductor batch submit`.
 *
 * @module
 */

import { v7 as uuidv7 } from "uuid";
import { type BatchItem, type JobClient, newIdempotencyKey, type Submission } from "../rpc/mod.ts";
import { tell, tellMade } from "./answer.ts";
import { FlagReader } from "./arguments.ts";
import { inCalls, type JobLine, readJobLines, textOfLines } from "./batch_lines.ts";
import { batchJson, batchText, failIfBad, follow } from "./batches.ts";
import { configFrom } from "./config_flags.ts";
import { withClient } from "./connect.ts";
import { Misuse, NegativeAnswer } from "./failure.ts";
import { reasonOf } from "./reason.ts";
import type { Flags } from "./router.ts";
import { printable, type Terminal } from "./terminal.ts";
import { isLeft, sayingHowToGoOn } from "./waiting.ts";

/** Jobs in one call: enough to make little of the way there and back, few enough to be one of many. */
const CALL_JOBS = 1_000;
/** What a call that must bring all may have: as many as a master takes. */
const CALL_JOBS_MAX = 10_000;
/** Refusals that are told one by one. */
const REFUSALS_TOLD_MAX = 20;

/** What became of the lines of a file. */
interface Submitted {
  readonly batchId: string;
  /** With the number of a line it is the key of a job that has none of its own. */
  readonly idempotencyKey: string;
  accepted: number;
  duplicates: number;
  /** What there is now, and what was refused, by the lines of the file. */
  readonly jobs: { readonly line: number; readonly job_id: string; readonly duplicate: boolean }[];
  readonly refused: { readonly line: number; readonly error: string }[];
}

/** Submits every job of a file as one batch; prints the batch's id. */
export async function submitBatch(file: string, flags: Flags, terminal: Terminal): Promise<void> {
  const reader = new FlagReader(flags);
  const batchId = reader.text("batch") ?? `batch-${uuidv7()}`;
  const idempotencyKey = reader.text("idempotencyKey") ?? newIdempotencyKey();
  const how = {
    allOrNothing: flags.allOrNothing === true,
    patienceMs: reader.duration("patience") ?? 0,
  };
  const { allOrNothing } = how;
  const timeoutMs = reader.duration("waitTimeout");
  const waits = flags.wait === true || timeoutMs !== undefined;
  reader.done();
  const jobs = readJobLines(await readAll(file, terminal), batchId)
    .map((job) => withKey(job, idempotencyKey));
  const { maxMsgSizeBytes } = configFrom(flags, "client").config.grpc;
  const calls = inCalls(jobs, {
    jobsMax: allOrNothing ? CALL_JOBS_MAX : CALL_JOBS,
    bytesMax: maxMsgSizeBytes * (allOrNothing ? 0.9 : 0.25),
  });
  if (allOrNothing && calls.length > 1) {
    throw new Misuse(
      `--all-or-nothing is for what one call can bring, which is ${CALL_JOBS_MAX} jobs and ` +
        `nine tenths of grpc.max_msg_size; these ${jobs.length} jobs are more`,
    );
  }
  await withClient(flags, terminal, async (connection) => {
    const { client, line } = connection;
    const submitted: Submitted = {
      ...{ batchId, idempotencyKey, accepted: 0, duplicates: 0, jobs: [], refused: [] },
    };
    const hasJobs = () => submitted.jobs.length > 0;
    const tellWhatIsThere = () => {
      const text = () => hasJobs() ? `${batchId}\n` : "";
      const made = `batch ${printable(batchId)} has ${submitted.jobs.length} of the jobs`;
      tellMade(flags, terminal, { json: submittedJson(submitted), text }, made);
    };
    const ids = new Map<string, string>();
    // The master puts parents first by itself, and names a fault by its place: that of the file.
    if (allOrNothing) calls[0]!.sort((a, b) => a.line - b.line);
    const again = () => againText(submitted, jobs.length);
    await sayingHowToGoOn({ again, isBegun: hasJobs }, async (signal) => {
      for (const call of calls) {
        await bring(client, call, { ...how, signal }, ids, submitted);
        const brought = submitted.jobs.length + submitted.refused.length;
        line.progress("submitted", brought / jobs.length, `${brought} of ${jobs.length} jobs`);
      }
    }).catch((failure) => {
      line.clear();
      tellRefusals(submitted, terminal);
      if (hasJobs()) tellWhatIsThere();
      throw failure;
    });
    line.clear();
    tellRefusals(submitted, terminal);
    if (waits && hasJobs()) {
      const followed = { batchId, how: "quietly", timeoutMs, isSubmitted: true } as const;
      const batch = await follow(connection, followed).catch((failure) => {
        // A program goes on with the ids, which it has from nowhere else.
        const json = submittedJson(submitted);
        if (isLeft(failure)) tell(flags, terminal, { json, text: () => "" });
        throw failure;
      });
      tell(flags, terminal, {
        json: { ...submittedJson(submitted), batch: batchJson(batch) },
        text: () => batchText(batch),
      });
      failIfBad(batch, submitted.refused.length);
      return;
    }
    tellWhatIsThere();
    if (submitted.refused.length > 0) throw new NegativeAnswer("");
  }, "client.submit_batch");
}

/** What was submitted before under the same key, by the same line, is the same job. */
function withKey({ line, submission }: JobLine, key: string): JobLine {
  return { line, submission: { idempotencyKey: `${key}:${line}`, ...submission } };
}

function againText({ batchId, idempotencyKey, jobs }: Submitted, total: number): string {
  const done = jobs.length === 0
    ? "some of the jobs may have been submitted"
    : `${jobs.length} of ${total} jobs are submitted, and more may be`;
  return `${done}: the same command with --batch ${printable(batchId)} --idempotency-key ` +
    `${printable(idempotencyKey)} submits the rest, and none of them twice`;
}

/** One call; refs of jobs that were brought before become their ids. */
async function bring(
  client: JobClient,
  call: readonly JobLine[],
  how: {
    readonly allOrNothing: boolean;
    readonly patienceMs: number;
    readonly signal: AbortSignal;
  },
  ids: Map<string, string>,
  submitted: Submitted,
): Promise<void> {
  const own = new Set(call.map(({ submission }) => submission.ref));
  const isOrphan = ({ submission }: JobLine) =>
    submission.options?.dependsOn?.some(({ ref }) =>
      ref !== undefined && !own.has(ref) && !ids.has(ref)
    ) === true;
  for (const { line } of call.filter(isOrphan)) {
    submitted.refused.push({ line, error: "a job that it depends on was refused" });
  }
  const jobs = call.filter((each) => !isOrphan(each));
  // Who depends on an orphan of the same call is refused by the master, which names the ref.
  const known = new Set(jobs.map(({ submission }) => submission.ref));
  const able = jobs.filter(({ line, submission }) => {
    const lost = submission.options?.dependsOn?.find(({ ref }) =>
      ref !== undefined && own.has(ref) && !known.has(ref)
    );
    if (lost === undefined) return true;
    submitted.refused.push({ line, error: `it depends on "${lost.ref}", which was refused` });
    return false;
  });
  if (able.length === 0) return;
  const outcomes: BatchItem[] = await client.submitBatch(
    able.map(({ submission }) => withIds(submission, ids)),
    how,
  );
  outcomes.forEach((outcome, position) => {
    const { line, submission } = able[position]!;
    if ("error" in outcome) {
      submitted.refused.push({ line, error: outcome.error });
      return;
    }
    submitted.jobs.push({ line, job_id: outcome.jobId, duplicate: outcome.duplicate });
    if (outcome.duplicate) submitted.duplicates++;
    else submitted.accepted++;
    if (submission.ref !== undefined) ids.set(submission.ref, outcome.jobId);
  });
}

function withIds(submission: Submission, ids: ReadonlyMap<string, string>): Submission {
  const { options } = submission;
  if (options?.dependsOn === undefined) return submission;
  const dependsOn = options.dependsOn.map((each) => {
    const jobId = each.ref === undefined ? undefined : ids.get(each.ref);
    return jobId === undefined ? each : { jobId, on: each.on };
  });
  return { ...submission, options: { ...options, dependsOn } };
}

function tellRefusals({ refused }: Submitted, { err }: Terminal): void {
  for (const { line, error } of refused.slice(0, REFUSALS_TOLD_MAX)) {
    err.write(`conductor: line ${line}: ${printable(error)}\n`);
  }
  const more = refused.length - REFUSALS_TOLD_MAX;
  if (more > 0) err.write(`conductor: ${more} more were refused\n`);
}

function submittedJson(submitted: Submitted) {
  const { batchId, idempotencyKey, accepted, duplicates, jobs, refused } = submitted;
  return {
    batch_id: batchId,
    idempotency_key: idempotencyKey,
    accepted,
    duplicates,
    refused,
    jobs: jobs.toSorted((a, b) => a.line - b.line),
  };
}

async function readAll(file: string, { err }: Terminal): Promise<string> {
  if (file === "-") {
    if (Deno.stdin.isTerminal()) {
      err.write("conductor: reading jobs from the terminal, one a line; Ctrl-D ends them\n");
    }
    return textOfLines(await new Response(Deno.stdin.readable).bytes());
  }
  let bytes: Uint8Array;
  try {
    bytes = await Deno.readFile(file);
  } catch (cause) {
    throw new Misuse(`cannot read jobs from ${file}: ${reasonOf(cause)}`, { cause });
  }
  return textOfLines(bytes);
}
