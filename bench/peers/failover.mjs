// The gap that clients see when the leader is killed.
import process from "node:process";
import { sleep } from "./lib.mjs";

/** Kills of a leader. */
export const TRIALS = Number(process.env.TRIALS || 3);

const timeout = (p, ms) => {
  let t;
  return Promise.race([
    p,
    new Promise((_, j) => {
      t = setTimeout(() => j(new Error("client timeout")), ms);
    }),
  ]).finally(() => clearTimeout(t));
};
/** Failover: `conc` lanes over `eps` endpoints, rotate on error/timeout; kill() SIGKILLs the leader. Longest ack-to-ack gap. */
export async function failover(
  { conc = 16, eps = 3, write, kill, pre = 3, post = 12, tmo = 500 },
) {
  let stopF = false, errors = 0;
  const acks = [];
  const errs = {};
  const lane = async (l) => {
    let ep = l % eps;
    while (!stopF) {
      try {
        await timeout(write(l, ep), tmo);
        acks.push(performance.now());
      } catch (e) {
        errors++;
        const k = String(e?.message || e).slice(0, 60);
        errs[k] = (errs[k] || 0) + 1;
        ep = (ep + 1) % eps;
        await sleep(10);
      }
    }
  };
  const ls = Array.from({ length: conc }, (_, l) => lane(l));
  await sleep(pre * 1000);
  const tk = performance.now();
  await kill();
  await sleep(post * 1000);
  stopF = true;
  await Promise.all(ls);
  let gap = 0, at = 0, base = 0;
  for (let i = 1; i < acks.length; i++) {
    const g = acks[i] - acks[i - 1];
    if (acks[i] > tk) {
      if (g > gap) {
        gap = g;
        at = acks[i - 1] - tk;
      }
    } else if (acks[i - 1] > tk - (pre - 1) * 1000) base = Math.max(base, g);
  }
  const tail = performance.now() - acks.at(-1); // never came back?
  return {
    gap_ms: +gap.toFixed(0),
    gap_starts_ms_after_kill: +at.toFixed(0),
    max_gap_before_ms: +base.toFixed(0),
    errors,
    errs,
    recovered: tail < 2000,
    rate_before: +(acks.filter((t) => t < tk && t > tk - 2000).length / 2)
      .toFixed(0),
    rate_after: +(acks.filter((t) => t > tk + (post - 2) * 1000).length / 2)
      .toFixed(0),
  };
}
