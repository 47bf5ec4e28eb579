/**
 * What a run of the suite found, as a table and as JSON.
 *
 * @module
 */

import { parseArgs } from "node:util";
import type { Run } from "./closed_loop.ts";
import { medianOf } from "./latency.ts";

/** One measure of one system: the median of its runs by rate. */
export interface Row {
  /** Such as "conductor, 3 masters". */
  readonly system: string;
  readonly what: string;
  /** Calls, or jobs, on the way at a time; of an open loop, what is offered, in % of the maximum. */
  readonly inFlight: number;
  readonly perSecond: number;
  /** The rate of every run. */
  readonly runs: readonly number[];
  /** In ms. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** Processor time for each job of all servers together, in ms. */
  readonly serverCpuMs: number;
  /** The same of each process, clients and workers too. */
  readonly cpuMs: Readonly<Record<string, number>>;
  /** Resident memory of the servers together at the end. */
  readonly serverMebibytes: number;
}

export interface Report {
  readonly at: string;
  readonly cores: number;
  readonly deno: string;
  /** Of the machine, before and after. */
  readonly load: readonly [number, number];
  readonly payloadBytes: number;
  readonly measuredMs: number;
  readonly runs: number;
  readonly rows: readonly Row[];
}

/** How long and how often is measured. */
export interface Settings {
  readonly measuredMs: number;
  /** Before each run. */
  readonly warmUpMs: number;
  /** Before the first run of a load: what a runtime compiles, it has compiled by then. */
  readonly firstMs: number;
  readonly runs: number;
  readonly inFlight: readonly number[];
  readonly workers: readonly number[];
}

const SETTINGS: Readonly<Record<"full" | "quick" | "short", Settings>> = {
  full: {
    measuredMs: 4_000,
    warmUpMs: 1_000,
    firstMs: 8_000,
    runs: 3,
    inFlight: [1, 16, 64, 256],
    workers: [1, 4, 16],
  },
  quick: {
    measuredMs: 2_000,
    warmUpMs: 500,
    firstMs: 1_000,
    runs: 1,
    inFlight: [1, 16, 64, 256],
    workers: [1, 4],
  },
  short: {
    measuredMs: 250,
    warmUpMs: 50,
    firstMs: 50,
    runs: 1,
    inFlight: [1, 16],
    workers: [1],
  },
};

/** Of `--quick`, `--short` (that it runs, not how fast) or neither, changed by `--seconds` and `--runs`. */
export function settingsFrom(args: string[]): Settings & { readonly values: Flags } {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: "boolean", default: false },
      short: { type: "boolean", default: false },
      seconds: { type: "string" },
      runs: { type: "string" },
      rounds: { type: "string" },
      masters: { type: "string" },
      stored: { type: "string", default: "0" },
      json: { type: "string" },
      only: { type: "string" },
    },
  });
  const base = SETTINGS[values.short ? "short" : values.quick ? "quick" : "full"];
  return {
    ...base,
    ...(values.seconds !== undefined && { measuredMs: secondsFrom(values.seconds) * 1_000 }),
    ...(values.runs !== undefined && { runs: countFrom("runs", values.runs) }),
    values,
  };
}

/** @throws Error where nothing could be measured so many times */
export function countFrom(flag: string, text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1) return count;
  throw new Error(`--${flag} is ${text}, and has to be a whole number from 1 on`);
}

function secondsFrom(text: string): number {
  const seconds = Number(text);
  if (seconds > 0 && seconds < Infinity) return seconds;
  throw new Error(`--seconds is ${text}, and has to be a number above 0`);
}

export interface Flags {
  readonly quick: boolean;
  readonly runs?: string | undefined;
  readonly rounds?: string | undefined;
  readonly short: boolean;
  readonly masters?: string | undefined;
  readonly stored: string;
  readonly json?: string | undefined;
  readonly only?: string | undefined;
}

/** Runs a measure as often as is asked for, and says how it went. */
export async function measured(
  { runs }: Settings,
  { system, what, inFlight }: Pick<Row, "system" | "what" | "inFlight">,
  run: () => Promise<Run>,
): Promise<Row> {
  const all: Run[] = [];
  for (let time = 0; time < runs; time++) all.push(await run());
  const { perSecond, latency, usages, jobs } = medianOf(all, (each) => each.perSecond);
  const cpuMs: Record<string, number> = {};
  for (const usage of usages) {
    cpuMs[usage.name] = (cpuMs[usage.name] ?? 0) + usage.cpuMs / Math.max(1, jobs);
  }
  const servers = usages.filter(({ name }) => isServer(name));
  const row = {
    ...{ system, what, inFlight, perSecond },
    runs: all.map((each) => Math.round(each.perSecond)),
    ...latency,
    serverCpuMs: servers.reduce((sum, each) => sum + each.cpuMs, 0) / Math.max(1, jobs),
    cpuMs,
    serverMebibytes: servers.reduce((sum, each) => sum + each.mebibytes, 0),
  };
  console.error(lineOf(row));
  return row;
}

function isServer(name: string): boolean {
  return name === "leader" || name === "follower" || name === "server";
}

const HEAD =
  "| system | what | in flight | /s | p50, ms | p99, ms | max, ms | CPU a job, servers, ms | " +
  "by process | servers, MiB |\n|---|---|---|---|---|---|---|---|---|---|";

function lineOf(row: Row): string {
  const parts = Object.entries(row.cpuMs).map(([name, ms]) => `${name} ${ms.toFixed(3)}`);
  return `| ${row.system} | ${row.what} | ${row.inFlight} | ${row.perSecond.toFixed(0)} | ` +
    `${row.p50.toFixed(2)} | ${row.p99.toFixed(2)} | ${row.max.toFixed(1)} | ` +
    `${row.serverCpuMs.toFixed(3)} | ${parts.join(", ")} | ${row.serverMebibytes.toFixed(0)} |`;
}

function tableOf(rows: readonly Row[]): string {
  return [HEAD, ...rows.map(lineOf)].join("\n");
}

/** Prints the report, and keeps it as JSON if a file is named. */
export async function conclude(
  { measuredMs, runs }: Settings,
  { rows, loadBefore, json }: {
    readonly rows: readonly Row[];
    readonly loadBefore: number;
    readonly json: string | undefined;
  },
): Promise<void> {
  const report: Report = {
    at: new Date().toISOString(),
    cores: navigator.hardwareConcurrency,
    deno: Deno.version.deno,
    load: [loadBefore, Deno.loadavg()[0] ?? 0],
    payloadBytes: PAYLOAD_BYTES,
    ...{ measuredMs, runs, rows },
  };
  console.log(
    `${report.cores} cores, Deno ${report.deno}, load ${
      report.load.map((each) => each.toFixed(1))
        .join(" to ")
    }; ${PAYLOAD_BYTES}-byte payloads, median of ${runs} runs of ${measuredMs / 1_000} s\n`,
  );
  console.log(tableOf(rows));
  if (json === undefined) return;
  await Deno.writeTextFile(json, `${JSON.stringify(report, undefined, 2)}\n`);
  console.log(`\nas JSON in ${json}`);
}

/** Of every job of every system. */
export const PAYLOAD_BYTES = 200;
