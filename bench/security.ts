/**
 * `deno task bench:security`: what protection costs. Two clusters stand beside each other, one with mutual
 * TLS on every channel, tokens, roles, limits and the audit log, one with nothing of that, and
 * submissions go to one and the other in turn, so that both meet the same machine. Beside their rate
 * stands the processor time of each: it says the same on a machine that is busy with other things.
 *
 * @module
 */

import process from "node:process";
import { parseArgs } from "node:util";
import type { JobClient } from "../src/rpc/mod.ts";
import { ComparedMasters } from "./security/masters.ts";

/** What came of one turn. */
interface Turn {
  readonly perSecond: number;
  readonly p50Ms: number;
  /** Processor time of the masters, and of this client, for one submission, in microseconds. */
  readonly mastersUs: number;
  readonly clientUs: number;
}

/** Medians of all turns of one measure. */
interface Row {
  readonly what: string;
  readonly off: Turn;
  readonly on: Turn;
}

const LANES = [1, 64];
const BATCH = 100;
const JOB = { type: "bench", payload: new Uint8Array(200), priority: 5 };

interface Measure {
  readonly what: string;
  readonly lanes: number;
  readonly jobs: number;
  submit(client: JobClient): Promise<unknown>;
}

const MEASURES: readonly Measure[] = [
  ...LANES.map((lanes) => ({
    what: `single submits, ${lanes} in flight`,
    lanes,
    jobs: 1,
    submit: (client: JobClient) => client.submit(JOB),
  })),
  {
    what: `submits in batches of ${BATCH}, 4 in flight`,
    lanes: 4,
    jobs: BATCH,
    submit: (client) => client.submitBatch(Array.from({ length: BATCH }, () => JOB)),
  },
];

async function turn(masters: ComparedMasters, measure: Measure, turnMs: number): Promise<Turn> {
  const tookMs: number[] = [];
  const [masterMs, clientMs, startedMs] = [masters.cpuMs(), ownCpuMs(), performance.now()];
  await Promise.all(Array.from({ length: measure.lanes }, async () => {
    while (performance.now() - startedMs < turnMs) {
      const beforeMs = performance.now();
      await measure.submit(masters.client);
      tookMs.push(performance.now() - beforeMs);
    }
  }));
  const seconds = (performance.now() - startedMs) / 1_000;
  const jobs = tookMs.length * measure.jobs;
  return {
    perSecond: jobs / seconds,
    p50Ms: median(tookMs),
    mastersUs: (masters.cpuMs() - masterMs) * 1_000 / jobs,
    clientUs: (ownCpuMs() - clientMs) * 1_000 / jobs,
  };
}

async function compare(size: number, turns: number, turnMs: number): Promise<readonly Row[]> {
  await using off = await ComparedMasters.start(size, false);
  await using on = await ComparedMasters.start(size, true);
  const rows: Row[] = [];
  for (const measure of MEASURES) {
    const seen: { off: Turn; on: Turn }[] = [];
    for (let each = 0; each <= turns; each++) {
      const pair = {
        off: await turn(off, measure, turnMs),
        on: await turn(on, measure, turnMs),
      };
      if (each > 0) seen.push(pair); // the first warms up
    }
    const row = {
      what: `${size} master${size === 1 ? "" : "s"}, ${measure.what}`,
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

function medianTurn(turns: readonly Turn[]): Turn {
  const of = (name: keyof Turn) => median(turns.map((each) => each[name]));
  return {
    perSecond: of("perSecond"),
    p50Ms: of("p50Ms"),
    mastersUs: of("mastersUs"),
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

function tableOf(rows: readonly Row[]): string {
  const cells = ({ what, off, on }: Row) => [
    what,
    off.perSecond.toFixed(0),
    on.perSecond.toFixed(0),
    (on.perSecond / off.perSecond).toFixed(2),
    off.p50Ms.toFixed(2),
    on.p50Ms.toFixed(2),
    `${off.mastersUs.toFixed(0)} / ${on.mastersUs.toFixed(0)}`,
    `${off.clientUs.toFixed(0)} / ${on.clientUs.toFixed(0)}`,
  ];
  return [
    "| | off, /s | on, /s | ratio | p50 off, ms | p50 on, ms | masters' CPU a job, µs off / on | client's |",
    "|---|---|---|---|---|---|---|---|",
    ...rows.map((row) => `| ${cells(row).join(" | ")} |`),
  ].join("\n");
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      masters: { type: "string", multiple: true, default: ["1", "3"] },
      turns: { type: "string", default: "7" },
      seconds: { type: "string", default: "2" },
    },
  });
  const load = Deno.loadavg()[0]?.toFixed(2);
  const rows: Row[] = [];
  for (const size of values.masters.map(Number)) {
    rows.push(...await compare(size, Number(values.turns), Number(values.seconds) * 1_000));
  }
  const cores = navigator.hardwareConcurrency;
  console.log(`${cores} cores, Deno ${Deno.version.deno}, load before ${load}\n`);
  console.log(tableOf(rows));
}
