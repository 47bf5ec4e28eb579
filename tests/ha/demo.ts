/**
 * `deno task ha-demo`: three masters and two workers on loopback under a stream of submissions, and
 * one fault after the other. After each one everything that clients were told is compared with what
 * every node holds and with what really ran. Exits with 0 only if all of it is right.
 *
 * @module
 */

import { describeFaults, type Fault } from "./audit.ts";
import { Cluster } from "./cluster.ts";
import { History } from "./history.ts";
import { untilInterrupted } from "./interrupt.ts";
import { perform, type Row } from "./perform.ts";
import { STEPS } from "./steps.ts";

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
