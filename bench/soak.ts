/**
 * `deno task bench:soak`: whether memory and the log stay flat. Three masters and a worker bear a
 * moderate load for an hour, while what each process holds in memory and on disk is written down.
 * Finished jobs are kept, so `state.db` grows with them; `raft.db` must not. Now and then a backup is
 * taken, and what submissions took near it, and near compactions of the log, is held against the rest.
 *
 *     deno task bench:soak --minutes 60 --rate 120 --every 30 --backup-every 5
 *
 * @module
 */

import { statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { JobClient } from "../src/rpc/mod.ts";
import { untilInterrupted } from "../tests/ha/interrupt.ts";
import { pause } from "../tests/ha/wait.ts";
import { Masters } from "./masters.ts";
import type { Latency } from "./suite/latency.ts";
import { residentMebibytesOf } from "./suite/meter.ts";
import { type NearAndFar, UpkeepWatch } from "./suite/upkeep_watch.ts";

/** What was seen at one moment: figures by the name of their column. */
interface Sample {
  readonly atMinutes: number;
  readonly finished: number;
  /** Of submissions since the sample before, from when each was due. */
  readonly submitMs: Latency;
  readonly mebibytes: Readonly<Record<string, number>>;
}

const LANES = 8;
const ROWS_MAX = 16;
const MEBIBYTE = 1024 * 1024;

/** Submits `perSecond` jobs a second in all until told to stop; resolves to how many were taken. */
async function load(
  client: JobClient,
  perSecond: number,
  watch: UpkeepWatch,
  signal: AbortSignal,
): Promise<number> {
  const betweenMs = LANES * 1_000 / perSecond;
  let accepted = 0;
  await Promise.all(Array.from({ length: LANES }, async (_, lane) => {
    let dueMs = performance.now() + lane * betweenMs / LANES;
    while (!signal.aborted) {
      await pause(Math.max(0, dueMs - performance.now()));
      await client.submit({ type: "noop", payload: new Uint8Array(200), priority: 5 });
      watch.called(dueMs, performance.now() - dueMs);
      accepted++;
      // A lane that was held up goes on at its pace: it does not make good what it missed.
      dueMs = Math.max(dueMs + betweenMs, performance.now() - betweenMs);
    }
  }));
  return accepted;
}

async function sample(
  masters: Masters,
  client: JobClient,
  startedMs: number,
  submitMs: Latency,
): Promise<Sample> {
  const mebibytes: Record<string, number> = {};
  const processes = [...masters.all, ...masters.workers].map(({ process }) => process);
  for (const { name, pid } of processes) {
    if (pid === undefined) throw new Error(`${name} has ended`);
    mebibytes[`${name} memory`] = residentMebibytesOf(pid);
  }
  mebibytes["client memory"] = residentMebibytesOf(Deno.pid);
  for (const [column, path] of [["raft.db", "raft/raft.db"], ["state.db", "state.db"]] as const) {
    for (const { name, directory } of masters.all) {
      mebibytes[`${name} ${column}`] = databaseBytes(join(directory, path)) / MEBIBYTE;
    }
  }
  const { total } = await client.listJobs({ status: "completed", limit: 1 });
  const atMinutes = (performance.now() - startedMs) / 60_000;
  return { atMinutes, finished: total, submitMs, mebibytes };
}

/** A database that is not there is a mistake; its write-ahead log comes and goes. */
function databaseBytes(path: string): number {
  return statSync(path).size + (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0);
}

/** The slope of the line through the samples by least squares, in MiB an hour. */
function perHour(samples: readonly Sample[], column: string): number {
  const mean = (values: readonly number[]) =>
    values.reduce((sum, each) => sum + each, 0) / values.length;
  const hours = samples.map((each) => each.atMinutes / 60);
  const sizes = samples.map((each) => each.mebibytes[column] ?? NaN);
  const [meanHours, meanSize] = [mean(hours), mean(sizes)];
  const covariance = mean(hours.map((hour, at) => (hour - meanHours) * (sizes[at]! - meanSize)));
  return covariance / mean(hours.map((hour) => (hour - meanHours) ** 2));
}

function table(samples: readonly Sample[]): string {
  const columns = Object.keys(samples[0]!.mebibytes);
  const stride = Math.ceil(samples.length / ROWS_MAX);
  const shown = samples.filter((_, at) => at % stride === 0 || at === samples.length - 1);
  const secondHalf = samples.slice(Math.floor(samples.length / 2));
  return [
    ["minute", "jobs finished", "submit, ms", ...columns],
    ["", "", ...columns, ""].map(() => "---"),
    ...shown.map(({ atMinutes, finished, submitMs, mebibytes }) => [
      atMinutes.toFixed(1),
      finished.toFixed(0),
      latencyText(submitMs),
      ...columns.map((each) => mebibytes[each]!.toFixed(1)),
    ]),
    ["an hour", "", "", ...columns.map((each) => perHour(secondHalf, each).toFixed(1))],
  ].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

/** What a reader is to judge by: growth over the second half, when caches and pools are filled. */
function verdict(samples: readonly Sample[]): string {
  const secondHalf = samples.slice(Math.floor(samples.length / 2));
  const columns = Object.keys(samples[0]!.mebibytes);
  const slopes = (ending: string) =>
    columns.filter((each) => each.endsWith(ending))
      .map((each) => `${each.replace(` ${ending}`, "")} ${perHour(secondHalf, each).toFixed(1)}`)
      .join(", ");
  const finished = samples.at(-1)!.finished - secondHalf[0]!.finished;
  return `Growth over the second half, MiB an hour: memory: ${slopes("memory")}; ` +
    `raft.db: ${slopes("raft.db")}; state.db: ${slopes("state.db")}, ` +
    `which holds ${finished} more finished jobs.`;
}

function latencyText({ p50, p99, max }: Latency): string {
  return `${p50.toFixed(1)} / ${p99.toFixed(1)} / ${max.toFixed(0)}`;
}

function upkeepText({ moments, near, far }: NearAndFar): string {
  return `Submissions, p50 / p99 / max in ms: ${
    latencyText(near)
  } (${near.calls} of them) within ` +
    `0.3 s of ${moments} checkpoints, compactions and backups, ${
      latencyText(far)
    } (${far.calls}) otherwise.`;
}

/** Has the leader copy its state for a backup, which goes nowhere. */
async function backUp(masters: Masters, watch: UpkeepWatch): Promise<void> {
  const beganMs = performance.now();
  const client = masters.memberClient(await masters.leader());
  try {
    for await (const _ of client.backup({ stale: false })) { /* only counted by its time */ }
  } finally {
    client.close();
  }
  watch.went(beganMs, performance.now());
}

interface Wish {
  readonly minutes: number;
  readonly rate: number;
  readonly everyMs: number;
  /** 0: none are taken. */
  readonly backupEveryMs: number;
}

async function soak(masters: Masters, { minutes, rate, everyMs, backupEveryMs }: Wish) {
  masters.startWorker("w1", "--concurrency=64");
  const client = masters.client();
  const ending = new AbortController();
  const watch = new UpkeepWatch(masters.all);
  const loading = load(client, rate, watch, ending.signal);
  const startedMs = performance.now();
  const samples: Sample[] = [];
  let sampledMs = startedMs;
  const backingUp = async () => {
    for (let dueMs = backupEveryMs; dueMs > 0 && dueMs < minutes * 60_000; dueMs += backupEveryMs) {
      await pause(Math.max(0, startedMs + dueMs - performance.now()));
      if (ending.signal.aborted) return;
      await backUp(masters, watch);
    }
  };
  const backups = backingUp();
  const sampling = async () => {
    for (let dueMs = 0; dueMs <= minutes * 60_000; dueMs += everyMs) {
      await pause(Math.max(0, startedMs + dueMs - performance.now()));
      const submitMs = watch.latencySince(sampledMs);
      sampledMs = performance.now();
      const taken = await sample(masters, client, startedMs, submitMs);
      samples.push(taken);
      console.error(
        JSON.stringify(
          taken,
          (_, value) => typeof value === "number" ? Math.round(value * 100) / 100 : value,
        ),
      );
    }
  };
  await Promise.race([Promise.all([sampling(), backups]), loading]);
  ending.abort();
  const accepted = await loading;
  const nearAndFar = watch.stop();
  client.close();
  console.log(`${accepted} jobs accepted in ${samples.at(-1)!.atMinutes.toFixed(1)} minutes\n`);
  console.log(`MiB\n\n${table(samples)}\n\n${verdict(samples)}`);
  console.log(upkeepText(nearAndFar));
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      minutes: { type: "string", default: "60" },
      rate: { type: "string", default: "120" },
      every: { type: "string", default: "30" },
      "backup-every": { type: "string", default: "5" },
    },
  });
  const masters = await Masters.start(3);
  await untilInterrupted(
    () =>
      soak(masters, {
        minutes: Number(values.minutes),
        rate: Number(values.rate),
        everyMs: Number(values.every) * 1_000,
        backupEveryMs: Number(values["backup-every"]) * 60_000,
      }),
    () => masters[Symbol.asyncDispose](),
  );
}
