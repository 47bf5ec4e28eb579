/**
 * `deno task ha-demo`: three masters and two workers on loopback under a stream of submissions, and
 * one fault after the other. After each one everything that clients were told is compared with what
 * every node holds and with what really ran. Exits with 0 only if all of it is right.
 *
 * @module
 */

import { audit, describeFaults, type Evidence, type Fault, type FaultKind } from "./audit.ts";
import { Cluster } from "./cluster.ts";
import { gather } from "./evidence.ts";
import { History } from "./history.ts";
import { untilInterrupted } from "./interrupt.ts";
import { Load } from "./load.ts";
import { type Step, STEPS } from "./demo_steps.ts";

interface Row {
  readonly title: string;
  readonly submitted: number;
  readonly accepted: number;
  readonly finished: number;
  readonly lost: number;
  readonly doubled: number;
  readonly stale: number;
  readonly gapMs: number;
  readonly remark: string;
  readonly isRight: boolean;
}

const COLUMNS = [
  "",
  "submitted",
  "accepted",
  "finished",
  "lost",
  "doubled",
  "stale",
  "gap",
  "as it was",
];

const LOST: readonly FaultKind[] = ["lost", "unfinished", "phantom"];
const DOUBLED: readonly FaultKind[] = [
  "shared",
  "doubled",
  "completed_twice",
  "ran_twice",
  "stranger",
];

async function demo(cluster: Cluster): Promise<boolean> {
  console.log("Three masters and two workers are starting ...");
  await cluster.start();
  for (const { name, grpcAddress, httpUrl } of cluster.masters) {
    console.log(`  ${name}: gRPC ${grpcAddress}, HTTP ${httpUrl}`);
  }
  const history = new History();
  const rows: Row[] = [];
  const faults: Fault[] = [];
  for (const [position, step] of STEPS.entries()) {
    console.log(`${step.title} ...`);
    const { row, found } = await perform(cluster, history, step, `${position}/`);
    rows.push(row);
    faults.push(...found);
  }
  console.log(`\n${table(rows)}`);
  describeFaults(faults).forEach((line) => console.log(line));
  return rows.every((row) => row.isRight);
}

/** One fault under load, then the audit of everything since the start. */
async function perform(
  cluster: Cluster,
  history: History,
  step: Step,
  prefix: string,
): Promise<{ row: Row; found: Fault[] }> {
  const load = Load.start(cluster, { history, prefix });
  const startedMs = performance.now();
  let remark: string;
  try {
    remark = await step.run(cluster, load);
  } finally {
    await load.stop();
  }
  const gapMs = history.longestGapMs(startedMs, performance.now());
  const evidence = await gather(cluster, history);
  const found = audit(evidence);
  return { row: { ...counted(evidence, prefix, found), title: step.title, gapMs, remark }, found };
}

function counted(evidence: Evidence, prefix: string, faults: readonly Fault[]) {
  const { history, replicas } = evidence;
  const mine = history.submissions.filter((each) => each.id.startsWith(prefix));
  const accepted = mine.filter((each) => each.jobId !== undefined);
  const completed = [...replicas.values()].map((records) =>
    new Set(records.filter((each) => each.status === "completed").map((each) => each.id))
  );
  const finished = accepted.filter(({ jobId = "" }) => completed.every((ids) => ids.has(jobId)));
  const count = (kinds: readonly FaultKind[]) =>
    faults.filter((each) => kinds.includes(each.kind)).length;
  const isWhole = mine.length === accepted.length && accepted.length === finished.length;
  return {
    submitted: mine.length,
    accepted: accepted.length,
    finished: finished.length,
    lost: count(LOST),
    doubled: count(DOUBLED),
    stale: count(["stale"]),
    isRight: mine.length > 0 && isWhole && faults.length === 0,
  };
}

function table(rows: readonly Row[]): string {
  const lines = [
    COLUMNS,
    ...rows.map((row) => [
      `${row.isRight ? "✓" : "✗"} ${row.title}`,
      ...[row.submitted, row.accepted, row.finished, row.lost, row.doubled, row.stale].map(String),
      `${Math.round(row.gapMs)} ms`,
      row.remark,
    ]),
  ];
  const widths = COLUMNS.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  const isText = (column: number) => column === 0 || column === COLUMNS.length - 1;
  return lines.map((line) =>
    line.map((cell, column) =>
      isText(column) ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)
    ).join("  ").trimEnd()
  ).join("\n");
}

if (import.meta.main) {
  const startedMs = performance.now();
  const cluster = new Cluster();
  const isRight = await untilInterrupted(() => demo(cluster), () => cluster.stop());
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(0);
  console.log(
    isRight
      ? `\nNothing lost, nothing doubled, nothing stale; everything was stopped after ${seconds} s.`
      : `\nNot everything was right (${seconds} s).`,
  );
  Deno.exit(isRight ? 0 : 1);
}
