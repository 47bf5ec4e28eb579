/**
 * `deno task bench:failover`: how long a client that submits without pause waits when the leader of
 * three masters dies (kill -9), falls silent (SIGSTOP) or is told to stop (SIGTERM). The gap is the
 * longest time between two accepted submissions around the fault, through the client library.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { Masters } from "./masters.ts";

/** What happens to the leader. */
export type Fault = "kill -9" | "SIGSTOP" | "SIGTERM";

/** Gaps of one kind of fault, in ms. */
export interface Gaps {
  readonly fault: Fault;
  readonly trials: number;
  readonly medianMs: number;
  readonly worstMs: number;
  readonly eachMs: readonly number[];
}

/** Submissions before the fault and after the gap, so that the gap lies between accepted ones. */
const SUBMISSIONS_AROUND = 20;
const LANES = 4;
const payload = new Uint8Array(200);

/** Causes each fault `trials` times on one cluster. */
export async function measureFailover(trials: number): Promise<Gaps[]> {
  await using masters = await Masters.start(3);
  const results: Gaps[] = [];
  for (const fault of ["kill -9", "SIGSTOP", "SIGTERM"] as const) {
    const eachMs: number[] = [];
    for (let trial = 0; trial < trials; trial++) {
      eachMs.push(await gapOf(masters, fault));
      console.error(`${fault}, trial ${trial + 1}: ${eachMs.at(-1)!.toFixed(0)} ms`);
    }
    const sorted = [...eachMs].sort((a, b) => a - b);
    results.push({
      fault,
      trials,
      medianMs: sorted[Math.floor(trials / 2)]!,
      worstMs: sorted.at(-1)!,
      eachMs: eachMs.map((each) => Math.round(each)),
    });
  }
  return results;
}

async function gapOf(masters: Masters, fault: Fault): Promise<number> {
  const leader = await masters.leader();
  const client = masters.client();
  const acceptedMs: number[] = [];
  let isSubmitting = true;
  const lane = async () => {
    while (isSubmitting) {
      await client.submit({ type: "bench", payload, priority: 5 });
      acceptedMs.push(performance.now());
    }
  };
  const lanes = Promise.all(Array.from({ length: LANES }, lane));
  await accepted(acceptedMs, SUBMISSIONS_AROUND);
  const faultMs = performance.now();
  const { process } = leader;
  const ended = fault === "SIGSTOP"
    ? process.freeze()
    : fault === "SIGTERM"
    ? process.terminate()
    : process.kill();
  // All lanes must have been through the fault: what is accepted right after it may have been on
  // its way before.
  while (performance.now() - faultMs < 3_000) await accepted(acceptedMs, acceptedMs.length + 1);
  isSubmitting = false;
  await lanes;
  client.close();
  await ended;
  if (fault === "SIGSTOP") process.thaw();
  else process.start();
  await masters.ready();
  acceptedMs.sort((a, b) => a - b);
  const before = acceptedMs.filter((each) => each <= faultMs).at(-1) ?? faultMs;
  const after = acceptedMs.filter((each) => each > faultMs);
  return Math.max(...[before, ...after].map((each, at, all) => each - (all[at - 1] ?? each)));
}

async function accepted(acceptedMs: readonly number[], count: number): Promise<void> {
  while (acceptedMs.length < count) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** The table that the README quotes. */
export function failoverTable(gaps: readonly Gaps[]): string {
  const rows = gaps.map(({ fault, trials, medianMs, worstMs }) =>
    `| ${fault} | ${trials} | ${medianMs.toFixed(0)} | ${worstMs.toFixed(0)} |`
  );
  return ["| the leader | trials | median gap, ms | worst gap, ms |", "|---|---|---|---|", ...rows]
    .join("\n");
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { trials: { type: "string", default: "20" } } });
  const gaps = await measureFailover(Number(values.trials));
  console.log(failoverTable(gaps));
  console.log(JSON.stringify(gaps));
}
