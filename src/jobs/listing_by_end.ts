/**
 * Pages of finished jobs in the order in which they finished: from the store, and from memory those
 * that finished since the last flush.
 *
 * @module
 */

import type { Job } from "./job.ts";
import { isMatch } from "./job_filter.ts";
import type { JobQuery } from "./query.ts";
import type { State } from "./state.ts";
import type { FinishedPlace, JobStore } from "./store.ts";

type Order = "last_finished" | "first_finished";

/** The jobs of a page, and one more if there is one. */
export function jobsByEnd(
  state: State,
  store: JobStore,
  query: JobQuery & { readonly order: Order },
  range: { readonly offset: number; readonly limit: number },
): Job[] {
  const { order, status, deadLetter, namespaces, type, queue, worker } = query;
  const fromEnd = placeFromCursor(query.cursor);
  const compare = order === "first_finished" ? byEnd : (a: Job, b: Job) => byEnd(b, a);
  const wanted = range.offset + range.limit + 1;
  const stored = query.isFinished === false ? [] : store.listFinished({
    order,
    ...(status !== undefined && { status }),
    ...(deadLetter !== undefined && { deadLetter }),
    ...(namespaces !== undefined && { namespaces }),
    ...(type !== undefined && { type }),
    ...(queue !== undefined && { queue }),
    ...(worker !== undefined && { worker }),
    ...(fromEnd !== undefined && { fromEnd }),
    // Rows that the state does not show any more may be among them.
    limit: wanted + state.hiddenSeqs.size,
  });
  const inMemory = [...state.finished].map(({ job }) => job).filter((job) =>
    isMatch(job, query) && (fromEnd === undefined || isAfter(job, fromEnd, order))
  );
  return [...stored.filter(({ seq }) => !state.hiddenSeqs.has(seq)), ...inMemory]
    .sort(compare)
    .slice(range.offset, wanted);
}

/** Where the page after this job begins. */
export function cursorByEnd({ completedAtMs, seq }: FinishedPlace): string {
  return `${completedAtMs}-${seq}`;
}

function placeFromCursor(cursor: string | undefined): FinishedPlace | undefined {
  if (cursor === undefined) return undefined;
  const [completedAtMs, seq] = cursor.split("-");
  return { completedAtMs: Number(completedAtMs), seq: Number(seq) };
}

function isAfter(job: Job, place: FinishedPlace, order: Order): boolean {
  const difference = byEnd(job, place);
  return order === "first_finished" ? difference > 0 : difference < 0;
}

function byEnd(a: FinishedPlace, b: FinishedPlace): number {
  return a.completedAtMs - b.completedAtMs || a.seq - b.seq;
}
