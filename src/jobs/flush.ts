/**
 * From what changed in memory to one batch for the store, and back to a clean slate.
 *
 * @module
 */

import { invariant } from "./invariant.ts";
import { isTerminal, type LogPosition } from "./job.ts";
import type { JobRecord } from "./job_record.ts";
import type { State } from "./state.ts";
import type { LiveJob, StoreBatch } from "./store.ts";

/** Everything that the store does not know yet, as the state at `applied`. */
export function batchOf(state: State, applied: LogPosition): StoreBatch {
  state.backlog.save(state.records);
  const live: LiveJob[] = [];
  const finished: JobRecord[] = [];
  const liveRemoved: number[] = [];
  const revived: number[] = [];
  const payloads: { seq: number; bytes: Uint8Array }[] = [];
  const results: StoreBatch["results"][number][] = [];
  for (const record of state.dirtyJobs) {
    const { id, seq, common } = record;
    if (state.table.get(id) !== record) continue;
    if (record.finishedStored) revived.push(seq);
    if (isTerminal(common.status)) {
      finished.push(record);
      if (record.liveStored) liveRemoved.push(seq);
    } else {
      live.push(record);
    }
    if (!record.payloadStored && record.payloadBytes > 0) {
      const bytes = record.payload;
      // Better to stop here than to say on disk that the job has none.
      invariant(
        bytes !== undefined,
        () => `the payload of job ${id} was lost before it was stored`,
      );
      payloads.push({ seq, bytes });
    }
    if (record.result !== undefined && isWorthStoring(record)) {
      results.push({ seq, result: record.result });
    }
  }
  return {
    applied,
    scalars: state.scalars,
    live,
    finished,
    liveRemoved,
    revived,
    pruned: [...state.pruned.values()].flat(),
    payloads,
    results,
    keys: state.keys.unflushed,
    keysExpired: { keySeq: state.keys.expiredKeySeq, atMs: state.nowMs },
    workers: state.workers.dirty(),
    workersRemoved: state.workers.removed(),
    counts: state.counters.dirty(),
    ...state.records.changes(),
  };
}

/** Notes that the store has the batch: finished jobs leave memory, payloads beyond the budget too. */
export function markFlushed(state: State): void {
  for (const record of state.dirtyJobs) {
    record.dirty = false;
    if (state.table.get(record.id) !== record) continue;
    if (isTerminal(record.common.status)) {
      state.forget(record);
      continue;
    }
    record.liveStored = true;
    record.finishedStored = false;
    record.resultStored ||= record.result !== undefined;
    record.result = undefined;
    if (record.payloadStored) continue;
    record.payloadStored = true;
    state.payloads.settle(record);
  }
  state.payloads.markFlushed();
  state.dirtyJobs.length = 0;
  state.finished.clear();
  state.pruned.clear();
  state.hiddenSeqs.clear();
  state.keys.markFlushed();
  state.workers.markFlushed();
  state.counters.markFlushed();
  state.records.markFlushed();
}

/** An empty result is only worth a row when it covers one of an earlier attempt. */
function isWorthStoring(record: JobRecord): boolean {
  const { output, logTail } = record.result!;
  return output.byteLength > 0 || logTail.length > 0 || record.resultStored;
}
