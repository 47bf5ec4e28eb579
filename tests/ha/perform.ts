/**
 * One step of the demonstration: a fault under load, and what became of it.
 *
 * @module
 */

import { audit, type Evidence, type Fault, type FaultKind } from "./audit.ts";
import type { Cluster } from "./cluster.ts";
import { gather } from "./evidence.ts";
import type { History } from "./history.ts";
import { Load } from "./load.ts";
import type { Step } from "./steps.ts";

/** What is to be told of a step. */
export interface Row {
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

/** Submissions before the fault: connections stand, executors run. */
const WARM_UP = 12;
const LOST: readonly FaultKind[] = ["lost", "unfinished", "phantom"];
const DOUBLED: readonly FaultKind[] = [
  "shared",
  "doubled",
  "completed_twice",
  "ran_twice",
  "stranger",
];

/** One fault under load, then the audit of everything since the start. */
export async function perform(
  cluster: Cluster,
  history: History,
  step: Step,
  prefix: string,
): Promise<{ row: Row; found: Fault[] }> {
  const load = Load.start(cluster, { history, prefix });
  let startedMs: number;
  let remark: string;
  try {
    await load.accepts(WARM_UP);
    startedMs = performance.now();
    remark = await step.run(cluster, load);
  } finally {
    await load.stop();
  }
  const gapMs = history.longestGapMs(startedMs);
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
