/**
 * Two clusters beside each other, loaded in turns, so that both meet the same machine. Beside their rate
 * stands the processor time of each: it says the same on a machine that is busy with other things.
 *
 * @module
 */

import process from "node:process";
import type { JobClient } from "../../src/rpc/mod.ts";

/** One of the two. */
export interface Compared extends AsyncDisposable {
  readonly client: JobClient;
  /** Processor time that its processes have used, in ms. */
  cpuMs(): number;
}

/** What came of one turn. */
export interface Turn {
  readonly perSecond: number;
  readonly p50Ms: number;
  /** Processor time of the processes, and of this client, for one job, in microseconds. */
  readonly processesUs: number;
  readonly clientUs: number;
}

/** Medians of all turns of one measure. */
export interface Row {
  readonly what: string;
  readonly off: Turn;
  readonly on: Turn;
}

/** What is done again and again. */
export interface Measure {
  readonly what: string;
  readonly lanes: number;
  readonly jobs: number;
  submit(client: JobClient): Promise<unknown>;
}

/**
 * Measures each of `measures` on both, `turns` times a turn of `turnMs`.
 *
 * @param name what stands before each measure in the rows
 */
export async function compareInTurns(
  { off, on }: { readonly off: Compared; readonly on: Compared },
  measures: readonly Measure[],
  { name, turns, turnMs }: {
    readonly name: string;
    readonly turns: number;
    readonly turnMs: number;
  },
): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const measure of measures) {
    const seen: { off: Turn; on: Turn }[] = [];
    for (let each = 0; each <= turns; each++) {
      const pair = {
        off: await turn(off, measure, turnMs),
        on: await turn(on, measure, turnMs),
      };
      if (each > 0) seen.push(pair); // the first warms up
    }
    const row = {
      what: `${name}, ${measure.what}`,
      off: medianTurn(seen.map((pair) => pair.off)),
      on: medianTurn(seen.map((pair) => pair.on)),
    };
    console.error(
      `  ${row.what}: ${row.off.perSecond.toFixed(0)} and ${row.on.perSecond.toFixed(0)}/s`,
    );
    rows.push(row);
  }
  return rows;
}

async function turn(compared: Compared, measure: Measure, turnMs: number): Promise<Turn> {
  const tookMs: number[] = [];
  const [processesMs, clientMs, startedMs] = [compared.cpuMs(), ownCpuMs(), performance.now()];
  await Promise.all(Array.from({ length: measure.lanes }, async () => {
    while (performance.now() - startedMs < turnMs) {
      const beforeMs = performance.now();
      await measure.submit(compared.client);
      tookMs.push(performance.now() - beforeMs);
    }
  }));
  const seconds = (performance.now() - startedMs) / 1_000;
  const jobs = tookMs.length * measure.jobs;
  return {
    perSecond: jobs / seconds,
    p50Ms: median(tookMs),
    processesUs: (compared.cpuMs() - processesMs) * 1_000 / jobs,
    clientUs: (ownCpuMs() - clientMs) * 1_000 / jobs,
  };
}

function medianTurn(turns: readonly Turn[]): Turn {
  const of = (name: keyof Turn) => median(turns.map((each) => each[name]));
  return {
    perSecond: of("perSecond"),
    p50Ms: of("p50Ms"),
    processesUs: of("processesUs"),
    clientUs: of("clientUs"),
  };
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
}

function ownCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** The table that the README quotes. */
export function tableOf(rows: readonly Row[]): string {
  const cells = ({ what, off, on }: Row) => [
    what,
    off.perSecond.toFixed(0),
    on.perSecond.toFixed(0),
    (on.perSecond / off.perSecond).toFixed(2),
    off.p50Ms.toFixed(2),
    on.p50Ms.toFixed(2),
    `${off.processesUs.toFixed(0)} / ${on.processesUs.toFixed(0)}`,
    `${off.clientUs.toFixed(0)} / ${on.clientUs.toFixed(0)}`,
  ];
  return [
    "| | off, /s | on, /s | ratio | p50 off, ms | p50 on, ms | nodes' CPU a job, µs off / on | client's |",
    "|---|---|---|---|---|---|---|---|",
    ...rows.map((row) => `| ${cells(row).join(" | ")} |`),
  ].join("\n");
}
