/**
 * A digest of everything that replicas must have alike, whether it is in memory or in the store.
 *
 * @module
 */

import { digest, hashBytes32 } from "./digest.ts";
import { JobRecord } from "./job_record.ts";
import type { State } from "./state.ts";
import type { JobStore, StoredJob, StoredKey } from "./store.ts";

export function hashOf(state: State, store: JobStore): string {
  state.backlog.save(state.records);
  const parts = [
    canonical(state.scalars),
    canonical(state.counters.all()),
    canonical(state.records.sorted()),
    canonical([...state.workers.all].map((worker) => worker.stored).sort(byId)),
    ...allJobs(state, store).map((job) => jobPart(job, store)),
    ...allKeys(state, store).map(canonical),
  ];
  return digest(parts.join("\n"));
}

function allJobs(state: State, store: JobStore): StoredJob[] {
  const stored = [...store.scanFinished()].filter(({ job }) => !state.hiddenSeqs.has(job.seq));
  return [...stored, ...state.table.all.oldest()].sort((a, b) => a.job.seq - b.job.seq);
}

function allKeys(state: State, store: JobStore): StoredKey[] {
  const unflushed = [...state.keys.unflushed];
  const replaced = new Set(unflushed.map(({ key }) => key));
  return [...[...store.scanKeys()].filter(({ key }) => !replaced.has(key)), ...unflushed]
    .filter((key) => state.keys.isLive(key, state.nowMs))
    .sort((a, b) => a.keySeq - b.keySeq);
}

function jobPart(stored: StoredJob, store: JobStore): string {
  const { job, attempts, history } = stored;
  const record = stored instanceof JobRecord ? stored : undefined;
  const payload = record?.payload ?? store.payload(job.seq) ?? new Uint8Array(0);
  const result = record?.result ?? store.result(job.seq);
  return canonical({
    job,
    attempts,
    history,
    payload: hashBytes32(payload),
    output: hashBytes32(result?.output ?? new Uint8Array(0)),
    logTail: result?.logTail ?? [],
  });
}

/** JSON with the keys of every object in order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner !== "object" || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(
      Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)),
    );
  });
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : 1;
}
