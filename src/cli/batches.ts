/**
 * `conductor batch`.
 *
 * @module
 */

import { v7 as uuidv7 } from "uuid";
import type { BatchItem, BatchView, JobClient, Submission } from "../rpc/mod.ts";
import { type Answer, formatOf, streamed, tell } from "./answer.ts";
import { FlagReader } from "./arguments.ts";
import { reasonOf } from "./reason.ts";
import { inCalls, type JobLine, readJobLines } from "./batch_lines.ts";
import { configFrom } from "./config_flags.ts";
import { type Connection, withClient } from "./connect.ts";
import { Misuse, NegativeAnswer } from "./failure.ts";
import { areSeveral, NAMESPACE_COLUMN, secondText, timeText } from "./present.ts";
import type { Flags } from "./router.ts";
import { renderPairs, renderTable } from "./table.ts";
import { printable, type Sheet, type Terminal } from "./terminal.ts";
import { within } from "./waiting.ts";
import { tellOrWatch } from "./watching.ts";

/** Jobs in one call: enough to make little of the way there and back, few enough to be one of many. */
const CALL_JOBS = 1_000;
/** What a call that must bring all may have: as many as a master takes. */
const CALL_JOBS_MAX = 10_000;
/** Refusals that are told one by one. */
const REFUSALS_TOLD_MAX = 20;

/** What became of the lines of a file. */
interface Submitted {
  readonly batchId: string;
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
  const how = {
    allOrNothing: flags.allOrNothing === true,
    patienceMs: reader.duration("patience") ?? 0,
  };
  const { allOrNothing } = how;
  const timeoutMs = reader.duration("waitTimeout");
  const waits = flags.wait === true || timeoutMs !== undefined;
  reader.done();
  const jobs = readJobLines(await readAll(file, terminal), batchId);
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
    const submitted: Submitted = { batchId, accepted: 0, duplicates: 0, jobs: [], refused: [] };
    const ids = new Map<string, string>();
    // The master puts parents first by itself, and names a fault by its place: that of the file.
    if (allOrNothing) calls[0]!.sort((a, b) => a.line - b.line);
    for (const call of calls) {
      await bring(client, call, how, ids, submitted);
      const { accepted, duplicates, refused } = submitted;
      const brought = accepted + duplicates + refused.length;
      line.progress("submitted", brought / jobs.length, `${brought} of ${jobs.length} jobs`);
    }
    line.clear();
    tellRefusals(submitted, terminal);
    const hasJobs = submitted.accepted + submitted.duplicates > 0;
    if (waits && hasJobs) {
      const batch = await follow(connection, batchId, "quietly", timeoutMs);
      tell(flags, terminal, {
        json: { ...submittedJson(submitted), batch: batchJson(batch) },
        text: () => batchText(batch),
      });
      failIfBad(batch, submitted.refused.length);
      return;
    }
    tell(flags, terminal, {
      json: submittedJson(submitted),
      text: () => hasJobs ? `${batchId}\n` : "",
    });
    if (submitted.refused.length > 0) throw new NegativeAnswer("");
  }, "client.submit_batch");
}

/** One call; refs of jobs that were brought before become their ids. */
async function bring(
  client: JobClient,
  call: readonly JobLine[],
  how: { readonly allOrNothing: boolean; readonly patienceMs: number },
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

/** The batches of the cluster, the latest first. */
export async function listBatches(flags: Flags, terminal: Terminal): Promise<void> {
  const reader = new FlagReader(flags);
  const limit = reader.integer("limit", { min: 1, max: 1_000 }) ?? 20;
  const cursor = reader.textOrEmpty("cursor") ?? "";
  reader.done();
  const isUnfinished = flags.unfinished === true;
  await withClient(flags, terminal, async ({ client }) => {
    await tellOrWatch(flags, terminal, async () => {
      const { batches, nextCursor } = await client.listBatches({ limit, cursor, isUnfinished });
      return {
        json: { batches: batches.map(batchJson), next_cursor: nextCursor },
        list: "batches",
        text: (sheet) => batchTable(batches, sheet),
        ...(nextCursor !== "" && { note: `the next page: --cursor ${printable(nextCursor)}` }),
      };
    });
  });
}

/** One batch. */
export async function showBatch(batchId: string, flags: Flags, terminal: Terminal): Promise<void> {
  await withClient(flags, terminal, async ({ client }) => {
    const ask = async () => batchAnswer(await client.getBatch(batchId));
    await tellOrWatch(flags, terminal, ask);
  });
}

/** Follows a batch to its end, telling its counts as they change or, when it waits, only the end. */
export async function watchBatch(
  batchId: string,
  how: "telling" | "quietly",
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  const reader = new FlagReader(flags);
  const timeoutMs = reader.duration("timeout");
  reader.done();
  await withClient(flags, terminal, async (connection) => {
    const isStream = how === "telling" && formatOf(flags) === "jsonl";
    const hear = (batch: BatchView) => {
      if (isStream) terminal.out.write(streamed(batchJson(batch), "jsonl"));
    };
    const batch = await follow(connection, batchId, how, timeoutMs, hear);
    if (!isStream) tell(flags, terminal, batchAnswer(batch));
    failIfBad(batch, 0);
  });
}

/** Cancels what is unfinished of a batch. */
export async function cancelBatch(
  batchId: string,
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  await withClient(flags, terminal, async ({ client }) => {
    const { matched, cancelled } = await client.cancelBatch(
      batchId,
      (flags.reason as string) ?? "",
    );
    tell(flags, terminal, {
      json: { batch_id: batchId, matched, cancelled },
      text: () => `${cancelled} of ${matched} unfinished jobs cancelled\n`,
    });
  });
}

/** Ctrl-C ends the watching, not the batch. */
async function follow(
  { client, line }: Connection,
  batchId: string,
  how: "telling" | "quietly",
  timeoutMs: number | undefined,
  hear: (batch: BatchView) => void = () => {},
): Promise<BatchView> {
  const goesOn = `the batch goes on; follow it with \`conductor batch watch ${batchId}\`, end it ` +
    `with \`conductor batch cancel ${batchId}\``;
  let last: BatchView | undefined;
  const late = () => {
    const where = last === undefined ? "no master told of it" : printable(countsText(last));
    return `batch ${batchId} is not at its end yet: ${where}; ${goesOn}`;
  };
  try {
    await within({ timeoutMs, interrupted: goesOn, late }, async (signal) => {
      for await (const batch of client.watchBatch(batchId, signal)) {
        last = batch;
        hear(batch);
        const text = countsText(batch);
        if (how === "telling" && !line.sink.canDraw) line.say(printable(`${batchId}  ${text}`));
        else line.progress(batchId, finishedOf(batch) / Math.max(1, batch.total), text);
      }
    });
  } finally {
    line.clear();
  }
  if (last === undefined) throw new NegativeAnswer(`batch ${batchId}: nothing was heard of it`);
  return last;
}

/** @throws NegativeAnswer unless every job completed */
function failIfBad({ byStatus }: BatchView, refused: number): void {
  const { failed, cancelled } = byStatus;
  if (failed + cancelled + refused === 0) return;
  const parts = [
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(cancelled > 0 ? [`${cancelled} cancelled`] : []),
    ...(refused > 0 ? [`${refused} refused`] : []),
  ];
  throw new NegativeAnswer(`not every job completed: ${parts.join(", ")}`);
}

/** "3 of 10 finished (1 failed), 2 running". */
function countsText(batch: BatchView): string {
  const { total, byStatus: { failed, cancelled, assigned, running } } = batch;
  const bad = [
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(cancelled > 0 ? [`${cancelled} cancelled`] : []),
  ];
  const how = bad.length === 0 ? "" : ` (${bad.join(", ")})`;
  const now = assigned + running === 0 ? "" : `, ${assigned + running} running`;
  return `${finishedOf(batch)} of ${total} finished${how}${now}`;
}

function finishedOf({ byStatus: { completed, failed, cancelled } }: BatchView): number {
  return completed + failed + cancelled;
}

function submittedJson({ batchId, accepted, duplicates, jobs, refused }: Submitted) {
  const inOrder = jobs.toSorted((a, b) => a.line - b.line);
  return { batch_id: batchId, accepted, duplicates, refused, jobs: inOrder };
}

function batchJson(batch: BatchView) {
  const { id, namespace, createdAtMs, submittedBy, total, byStatus, isFinished } = batch;
  return {
    id,
    namespace,
    created_at: timeText(createdAtMs),
    submitted_by: submittedBy === "" ? null : submittedBy,
    total,
    ...byStatus,
    finished: isFinished,
  };
}

function batchAnswer(batch: BatchView): Answer {
  return { json: batchJson(batch), text: () => batchText(batch) };
}

function batchText(batch: BatchView): string {
  const { id, createdAtMs, submittedBy, total, byStatus } = batch;
  return renderPairs([
    ["Batch", printable(id)],
    ["Created", secondText(createdAtMs)],
    ...(submittedBy === "" ? [] : [["Submitted by", printable(submittedBy)] as const]),
    ["Jobs", `${total}`],
    ...Object.entries(byStatus).filter(([, count]) => count > 0).map(([status, count]) =>
      [`  ${status}`, `${count}`] as const
    ),
  ]);
}

function batchTable(batches: readonly BatchView[], sheet: Sheet): string {
  const isMixed = areSeveral(batches);
  return renderTable(
    [
      "BATCH",
      ...(isMixed ? [NAMESPACE_COLUMN] : []),
      { title: "CREATED", rank: 3 },
      { title: "BY", cutTo: 8, rank: 4 },
      "JOBS",
      { title: "WAITING", rank: 2 },
      { title: "RUNNING", rank: 1 },
      { title: "COMPLETED", rank: 1 },
      "FAILED",
      { title: "CANCELLED", rank: 2 },
    ],
    batches.map(({ id, namespace, createdAtMs, submittedBy, total, byStatus }) => [
      printable(id),
      ...(isMixed ? [printable(namespace)] : []),
      secondText(createdAtMs),
      printable(submittedBy),
      `${total}`,
      `${byStatus.waiting + byStatus.pending}`,
      `${byStatus.assigned + byStatus.running}`,
      `${byStatus.completed}`,
      `${byStatus.failed}`,
      `${byStatus.cancelled}`,
    ]),
    sheet,
  );
}

async function readAll(file: string, { err }: Terminal): Promise<string> {
  if (file === "-") {
    if (Deno.stdin.isTerminal()) {
      err.write("conductor: reading jobs from the terminal, one a line; Ctrl-D ends them\n");
    }
    return await new Response(Deno.stdin.readable).text();
  }
  try {
    return await Deno.readTextFile(file);
  } catch (cause) {
    throw new Misuse(`cannot read jobs from ${file}: ${reasonOf(cause)}`, { cause });
  }
}
