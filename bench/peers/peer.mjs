// What every peer is put through, by the name of the part that is asked for: all, load, cycle, failover; and
// the frame of the process that works for it in a cycle.
import process from "node:process";
import { cycle, workerReporter } from "./cycle.mjs";
import { failover, TRIALS } from "./failover.mjs";
import { CONCS, FIRST, load, record } from "./lib.mjs";

const part = process.argv[2] || "all";
const isAsked = (name) => part === "all" || part === name;

/** Whether this process is the worker of a cycle, which the same script is started as. */
export const isWorker = part === "worker";
/** What distinguishes a worker, where a peer has several kinds. */
export const workerKind = process.argv[4];

/** To be called once a job's completion is acknowledged, with the ms since its submission. */
export const doneBy = () => workerReporter(JSON.parse(process.argv[3]).immediate);

/** The worker is ready, and leaves by `close` when it is told to; with its parent it ends at once. */
export function serveUntilTold(close = async () => {}) {
  process.on("message", () => {
    close().finally(() => process.exit(0));
  });
  process.on("disconnect", () => process.exit(0));
  process.send({ ready: 1, lat: [] });
}

/** Submissions alone, at each concurrency. `between` makes the peer as new, for so many lanes. */
export async function loads(peer, { test, servers, between, op }) {
  if (!isAsked("load")) return;
  if (FIRST > 0) {
    const conc = Math.max(...CONCS);
    const emptied = between && (() => between(conc));
    await load({ test, conc, servers, between: emptied, op, times: 1, secs: FIRST });
  }
  for (const conc of CONCS) {
    record(
      peer,
      await load({ test, conc, servers, between: between && (() => between(conc)), op }),
    );
  }
}

/** Full cycles through the worker process of `script`, of each kind and window. */
export async function cycles(
  peer,
  { script, kinds = [[undefined, 1], [undefined, 256]], servers, between, submit },
) {
  if (!isAsked("cycle")) return;
  for (const [kind, window] of kinds) {
    const test = kind === undefined ? "cycle" : `cycle ${kind}`;
    const args = kind === undefined ? [] : [kind];
    const anew = () => between(window);
    const worker = new URL(script).pathname;
    const asked = { test, window, args, servers, between: anew, submit, worker };
    if (FIRST > 0 && window > 1) await cycle({ ...asked, times: 1, secs: FIRST });
    record(peer, await cycle(asked));
  }
}

/** Kills of the leader, and what their clients saw; `trial` does one and gives what is to be recorded. */
export async function failovers(peer, trial) {
  if (!isAsked("failover")) return;
  for (let t = 0; t < TRIALS; t++) {
    const { leader, again, ...asked } = await trial(t);
    record(peer, { test: "failover", trial: t, leader, ...await failover(asked) });
    await again(t);
  }
}
