/**
 * `deno task bench:soak`: whether memory and the log stay flat. Three masters and a worker bear a
 * moderate load for an hour, while what each process holds in memory and on disk is written down.
 * Finished jobs are kept, so `state.db` grows with them; `raft.db` must not.
 *
 *     deno task bench:soak --minutes 60 --rate 120 --every 30
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

/** What was seen at one moment: figures by the name of their column. */
interface Sample {
  readonly atMinutes: number;
  readonly finished: number;
  readonly mebibytes: Readonly<Record<string, number>>;
}

const LANES = 8;
const ROWS_MAX = 16;
const MEBIBYTE = 1024 * 1024;

/** Submits `perSecond` jobs a second in all until told to stop; resolves to how many were taken. */
async function load(client: JobClient, perSecond: number, signal: AbortSignal): Promise<number> {
  const betweenMs = LANES * 1_000 / perSecond;
  let accepted = 0;
  await Promise.all(Array.from({ length: LANES }, async (_, lane) => {
    let dueMs = performance.now() + lane * betweenMs / LANES;
    while (!signal.aborted) {
      await pause(Math.max(0, dueMs - performance.now()));
      await client.submit({ type: "noop", payload: new Uint8Array(200), priority: 5 });
      accepted++;
      // A lane that was held up goes on at its pace: it does not make good what it missed.
      dueMs = Math.max(dueMs + betweenMs, performance.now() - betweenMs);
    }
  }));
  return accepted;
}

async function sample(masters: Masters, client: JobClient, startedMs: number): Promise<Sample> {
  const mebibytes: Record<string, number> = {};
  const processes = [...masters.all, ...masters.workers].map(({ process }) => process);
  for (const { name, pid } of processes) {
    if (pid === undefined) throw new Error(`${name} has ended`);
    mebibytes[`${name} memory`] = residentBytes(pid) / MEBIBYTE;
  }
  mebibytes["client memory"] = residentBytes(Deno.pid) / MEBIBYTE;
  for (const [column, path] of [["raft.db", "raft/raft.db"], ["state.db", "state.db"]] as const) {
    for (const { name, directory } of masters.all) {
      mebibytes[`${name} ${column}`] = databaseBytes(join(directory, path)) / MEBIBYTE;
    }
  }
  const { total } = await client.listJobs({ status: "completed", limit: 1 });
  return { atMinutes: (performance.now() - startedMs) / 60_000, finished: total, mebibytes };
}

function residentBytes(pid: number): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
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
    ["minute", "jobs finished", ...columns],
    ["", ...columns, ""].map(() => "---"),
    ...shown.map(({ atMinutes, finished, mebibytes }) => [
      atMinutes.toFixed(1),
      finished.toFixed(0),
      ...columns.map((each) => mebibytes[each]!.toFixed(1)),
    ]),
    ["an hour", "", ...columns.map((each) => perHour(secondHalf, each).toFixed(1))],
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

async function soak(masters: Masters, minutes: number, rate: number, everyMs: number) {
  masters.startWorker("w1", "--concurrency=64");
  const client = masters.client();
  const ending = new AbortController();
  const loading = load(client, rate, ending.signal);
  const startedMs = performance.now();
  const samples: Sample[] = [];
  const sampling = async () => {
    for (let dueMs = 0; dueMs <= minutes * 60_000; dueMs += everyMs) {
      await pause(Math.max(0, startedMs + dueMs - performance.now()));
      const taken = await sample(masters, client, startedMs);
      samples.push(taken);
      console.error(
        JSON.stringify(
          taken,
          (_, value) => typeof value === "number" ? Math.round(value * 100) / 100 : value,
        ),
      );
    }
  };
  await Promise.race([sampling(), loading]);
  ending.abort();
  const accepted = await loading;
  client.close();
  console.log(`${accepted} jobs accepted in ${samples.at(-1)!.atMinutes.toFixed(1)} minutes\n`);
  console.log(`MiB\n\n${table(samples)}\n\n${verdict(samples)}`);
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      minutes: { type: "string", default: "60" },
      rate: { type: "string", default: "120" },
      every: { type: "string", default: "30" },
    },
  });
  const masters = await Masters.start(3);
  await untilInterrupted(
    () => soak(masters, Number(values.minutes), Number(values.rate), Number(values.every) * 1_000),
    () => masters[Symbol.asyncDispose](),
  );
}
