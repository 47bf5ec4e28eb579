/**
 * `conductor batch`, but for what submits one.
 *
 * @module
 */

import type { BatchView } from "../rpc/mod.ts";
import { type Answer, formatOf, streamed, tell } from "./answer.ts";
import { FlagReader } from "./arguments.ts";
import { type Connection, withClient } from "./connect.ts";
import { NegativeAnswer } from "./failure.ts";
import { areSeveral, NAMESPACE_COLUMN, secondText, timeText } from "./present.ts";
import type { Flags } from "./router.ts";
import { Silence } from "./silence.ts";
import { renderPairs, renderTable } from "./table.ts";
import { printable, type Sheet, type Terminal } from "./terminal.ts";
import { isLeft, within } from "./waiting.ts";
import { tellOrWatch } from "./watching.ts";

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
    let last: BatchView | undefined;
    const hear = (batch: BatchView) => {
      last = batch;
      if (isStream) terminal.out.write(streamed(batchJson(batch), "jsonl"));
    };
    const batch = await follow(connection, { batchId, how, timeoutMs }, hear).catch((failure) => {
      const left = isLeft(failure) && !isStream ? last : undefined;
      if (left !== undefined) tell(flags, terminal, { json: batchJson(left), text: () => "" });
      throw failure;
    });
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

/** What becomes of a batch that nobody waits for any more. */
function goesOnText(batchId: string): string {
  return `the batch goes on; follow it with \`conductor batch watch ${batchId}\`, end it with ` +
    `\`conductor batch cancel ${batchId}\``;
}

/** What is followed, and how. */
interface Followed {
  readonly batchId: string;
  readonly how: "telling" | "quietly";
  /** Time to wait; undefined: for ever. */
  readonly timeoutMs: number | undefined;
  /** This command submitted it, so that it is there. */
  readonly isSubmitted?: boolean;
}

/** Until the end of a batch. Ctrl-C ends the watching, not the batch. */
export async function follow(
  { client, line }: Connection,
  { batchId, how, timeoutMs, isSubmitted = false }: Followed,
  hear: (batch: BatchView) => void = () => {},
): Promise<BatchView> {
  const goesOn = goesOnText(batchId);
  let last: BatchView | undefined;
  const isKnown = () => isSubmitted || last !== undefined;
  const silence = new Silence(line, { what: `batch ${batchId}`, timeoutMs, isKnown });
  const late = () => {
    const counts = last === undefined ? "no master told of it" : printable(countsText(last));
    if (silence.lasts) {
      return `batch ${batchId} was not at its end when a master last told of it, and none answers now: ` +
        `${counts}; ${goesOn}`;
    }
    return `batch ${batchId} is not at its end yet: ${counts}; ${goesOn}`;
  };
  try {
    await within({ timeoutMs, interrupted: goesOn, late }, async (signal) => {
      for await (const batch of client.watchBatch(batchId, signal, silence)) {
        silence.heard();
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
export function failIfBad({ byStatus }: BatchView, refused: number): void {
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

export function batchJson(batch: BatchView) {
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

export function batchText(batch: BatchView): string {
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
