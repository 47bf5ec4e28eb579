/**
 * A look at the job state in a file: a `state.db`, or a snapshot, which is a copy of one. Nothing of
 * it is changed.
 *
 * @module
 */

import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { JOB_STATUSES, type JobStatus, type LogPosition } from "../jobs/mod.ts";
import { checkFormat, JobStoreRefused } from "./job_store_file.ts";
import { BodyRows } from "./body_rows.ts";
import { FinishedJobs } from "./finished_jobs.ts";
import { JobNames } from "./job_store_names.ts";
import { KeyRows } from "./key_rows.ts";
import { LiveJobs } from "./live_jobs.ts";
import { damageIn } from "./job_store_check.ts";

/** What a state holds. */
export interface StateReport {
  readonly format: number;
  readonly clusterId: string;
  /** The entry that it is the state of. */
  readonly applied: LogPosition;
  readonly unfinishedJobs: number;
  readonly finishedJobs: Readonly<Partial<Record<JobStatus, number>>>;
  readonly deadLetters: number;
  readonly workers: number;
  readonly payloads: number;
  readonly results: number;
  readonly idempotencyKeys: number;
  /** Schedules, settings, batches and so on, by their kind. */
  readonly records: Readonly<Record<string, number>>;
  /** "ok", or what SQLite found wrong with a row or an index. */
  readonly integrity: string;
}

/**
 * Reads the state in the file at `path`, which nobody may be writing; a -wal file beside it is not
 * looked at.
 *
 * @throws {JobStoreRefused} when it is none, or of a format that is not known
 */
export function inspectState(path: string): StateReport {
  let database: DatabaseSync | undefined;
  try {
    const url = pathToFileURL(path);
    url.searchParams.set("immutable", "1");
    database = new DatabaseSync(url, { readOnly: true });
    return reportOf(database, path);
  } catch (cause) {
    if (cause instanceof JobStoreRefused) throw cause;
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new JobStoreRefused(`Cannot read "${path}": ${detail}`, { cause });
  } finally {
    database?.close();
  }
}

function reportOf(database: DatabaseSync, path: string): StateReport {
  checkFormat(database, path);
  const row = (sql: string) => database.prepare(sql).get();
  const count = (from: string) => Number(row(`SELECT count(*) AS n FROM ${from}`)?.n ?? 0);
  const state = row("SELECT applied_index, applied_term FROM state");
  const grouped = (sql: string) =>
    database.prepare(sql).all().map(({ name, n }) => [name, Number(n)] as const);
  const has = (table: string) =>
    row(`SELECT 1 FROM sqlite_schema WHERE name = '${table}'`) !== undefined;
  // Formats up to 3 had no pages, and all payloads and results in tables of their own.
  const isPaged = has("live_pages");
  const live = isPaged
    ? new LiveJobs(database, new BodyRows(database)).count()
    : { jobs: count("live"), payloads: 0 };
  const finished = has("finished_pages") ? ofPages(database) : ofRows(database, isPaged);
  return {
    format: Number(row("PRAGMA user_version")?.user_version),
    clusterId: String(row("SELECT cluster_id FROM identity")?.cluster_id ?? ""),
    applied: { index: Number(state?.applied_index ?? 0), term: Number(state?.applied_term ?? 0) },
    unfinishedJobs: live.jobs,
    finishedJobs: Object.fromEntries(
      finished.byStatus.map(([status, n]) => [JOB_STATUSES[status] ?? `status ${status}`, n]),
    ),
    deadLetters: finished.deadLetters,
    workers: count("workers"),
    payloads: count("payloads") + live.payloads + finished.payloads,
    results: count("results") + finished.results,
    idempotencyKeys: isPaged ? new KeyRows(database).count() : count("keys"),
    // Format 1 had no such table.
    records: has("records")
      ? Object.fromEntries(
        grouped("SELECT kind AS name, count(*) AS n FROM records GROUP BY kind ORDER BY kind"),
      )
      : {},
    integrity: damageIn(database),
  };
}

/** What is said of finished jobs; payloads and results that lie with them. */
interface FinishedReport {
  readonly byStatus: readonly (readonly [status: number, jobs: number])[];
  readonly deadLetters: number;
  readonly payloads: number;
  readonly results: number;
}

function ofPages(database: DatabaseSync): FinishedReport {
  const jobs = new FinishedJobs(database, new JobNames(database));
  const byStatus = new Map<number, number>();
  let deadLetters = 0;
  for (const [number, n] of jobs.index.countsByKind()) {
    const { status, isDeadLetter } = jobs.kinds.kindOf(number);
    byStatus.set(status, (byStatus.get(status) ?? 0) + n);
    if (isDeadLetter) deadLetters += n;
  }
  return {
    byStatus: [...byStatus].sort(([a], [b]) => a - b),
    deadLetters,
    ...jobs.countBodies(),
  };
}

/** Formats up to 4 had rows alone, and those up to 3 no bodies in them. */
function ofRows(database: DatabaseSync, hasBodies: boolean): FinishedReport {
  const count = (what: string, where = "") =>
    Number(database.prepare(`SELECT count(${what}) AS n FROM finished ${where}`).get()?.n);
  const byStatus = database
    .prepare("SELECT status, count(*) AS n FROM finished GROUP BY status ORDER BY status").all();
  return {
    byStatus: byStatus.map(({ status, n }) => [Number(status), Number(n)]),
    deadLetters: count("*", "WHERE dead_letter = 1"),
    payloads: hasBodies ? count("payload") : 0,
    results: hasBodies ? count("output") : 0,
  };
}
