/**
 * What the peers' scripts write down, in the suite's words, and how this program compares.
 *
 * @module
 */

import { medianOf } from "./latency.ts";
import type { Row } from "./result.ts";

/** A line of `peers/lib.mjs`'s results. */
export type PeerRow =
  | { readonly test: "failover"; readonly gap_ms: number }
  | {
    readonly test: Exclude<string, "failover">;
    readonly conc: number;
    readonly per_s: number;
    readonly runs_per_s: readonly number[];
    readonly p50_ms: number;
    readonly p99_ms: number;
    readonly max_ms: number;
    readonly srv_cpu_ms_per_job: number;
    readonly cli_cpu_ms_per_job: number;
    readonly rss_mb: number;
    readonly gap_ms: number;
  };

/** Between two acknowledgements around the death of a leader. */
export interface Gap {
  readonly system: string;
  readonly ms: number;
}

type Measured = Exclude<PeerRow, { readonly test: "failover" }>;

export function rowOf(peer: string, found: PeerRow): Row {
  // What is no failover has all fields.
  const row = found as Measured;
  return {
    system: peer,
    what: row.test,
    inFlight: row.conc,
    perSecond: row.per_s,
    runs: row.runs_per_s,
    p50: row.p50_ms,
    p99: row.p99_ms,
    max: row.max_ms,
    serverCpuMs: row.srv_cpu_ms_per_job,
    cpuMs: { servers: row.srv_cpu_ms_per_job, clients: row.cli_cpu_ms_per_job },
    serverMebibytes: row.rss_mb,
  };
}

/** Of each measure that was taken in several rounds, the one with the middle rate; `runs` has all. */
export function middleOf(rows: readonly Row[]): Row[] {
  const measures = Map.groupBy(
    rows,
    ({ system, what, inFlight }) => `${system} ${what} ${inFlight}`,
  );
  return [...measures.values()].map((same) => ({
    ...medianOf(same, ({ perSecond }) => perSecond),
    runs: same.flatMap(({ runs }) => runs),
  }));
}

/** A measure of ours, and which of the peers' are the same. */
interface Contest {
  readonly ours: string;
  readonly masters: number;
  readonly inFlight: number;
  readonly theirs: (row: Row) => boolean;
}

const isCycle = ({ what }: Row) => what.startsWith("cycle");
/** beanstalkd, Redis and PostgreSQL are single nodes here. */
const isReplicated = ({ system }: Row) => ["etcd", "rabbitmq", "nats"].includes(system);

const CONTESTS: readonly Contest[] = [
  ...[1, 16, 64, 256].map((inFlight) => ({
    ours: "submits",
    masters: 3,
    inFlight,
    theirs: (row: Row) => isReplicated(row) && !isCycle(row) && row.inFlight === inFlight,
  })),
  ...[64, 256].map((inFlight) => ({
    ours: "submits, plain unary calls",
    masters: 3,
    inFlight,
    theirs: (row: Row) => row.system === "etcd" && row.inFlight === inFlight,
  })),
  {
    ours: "full cycles, 1 worker",
    masters: 3,
    inFlight: 256,
    theirs: (row) => isReplicated(row) && isCycle(row) && row.inFlight === 256,
  },
  {
    ours: "full cycles, 1 worker",
    masters: 1,
    inFlight: 256,
    theirs: (row) => !isReplicated(row) && isCycle(row) && row.inFlight === 256,
  },
];

/** Our rate, and processor time, as a multiple of each peer's. */
export function ratiosOf(rows: readonly Row[]): string {
  const lines = [
    "| ours | in flight | /s | beside | its /s | ratio | CPU a job, ms | its | ratio |",
    "|---|---|---|---|---|---|---|---|---|",
  ];
  for (const { ours, masters, inFlight, theirs } of CONTESTS) {
    const system = `conductor, ${masters} master${masters === 1 ? "" : "s"}`;
    const own = rows.find((row) =>
      row.system === system && row.what === ours && row.inFlight === inFlight
    );
    if (own === undefined) continue;
    for (const peer of rows.filter((row) => !row.system.startsWith("conductor") && theirs(row))) {
      lines.push(
        `| ${ours}, ${masters} | ${inFlight} | ${own.perSecond.toFixed(0)} | ${peer.system}, ` +
          `${peer.what} | ${peer.perSecond.toFixed(0)} | ` +
          `**${(own.perSecond / peer.perSecond).toFixed(2)}** | ${own.serverCpuMs.toFixed(3)} | ` +
          `${peer.serverCpuMs.toFixed(3)} | ${
            peer.serverCpuMs === 0 ? "" : (own.serverCpuMs / peer.serverCpuMs).toFixed(2)
          } |`,
      );
    }
  }
  return lines.join("\n");
}
