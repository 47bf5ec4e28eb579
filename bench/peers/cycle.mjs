// Full cycles of jobs through a worker process.
import process from "node:process";
import { fork } from "node:child_process";
import { FIRST, Meter, procs, r3, runOf, RUNS, SECS, sleep, summarise, WARM } from "./lib.mjs";

/** Worker side of a full cycle. Call done(latMs) once the completion is acknowledged. */
export function workerReporter(immediate) {
  let lat = [];
  let tm = null;
  const flush = () => {
    tm = null;
    if (lat.length && process.connected) {
      process.send({ lat });
      lat = [];
    }
  };
  return (ms) => {
    lat.push(r3(ms));
    if (immediate) flush();
    else tm ||= setTimeout(flush, 2);
  };
}
/** Full cycle: at most `window` jobs submitted and not yet completed; a separate worker process completes them.
 *  Throughput = completions/s; latency = submit call made -> completion acknowledged at the worker. */
export async function cycle(
  { test, window, submit, worker, args = [], servers, between, times = RUNS, secs = SECS },
) {
  const runs = [];
  for (let i = 0; i < times; i++) {
    if (between) await between();
    const w = fork(worker, [
      "worker",
      JSON.stringify({ immediate: window <= 4, window }),
      ...args,
    ], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    procs.add(w);
    w.dead = new Promise((r) =>
      w.on("exit", () => {
        procs.delete(w);
        r();
      })
    );
    await new Promise((r) => w.once("message", r)); // ready
    let on = false,
      stopF = false,
      out = 0,
      n = 0,
      sub = 0,
      errors = 0,
      lastErr;
    const lat = [];
    const waiters = [];
    w.on("message", (m) => {
      out -= m.lat.length;
      if (on) {
        n += m.lat.length;
        for (const x of m.lat) lat.push(x);
      }
      let k = m.lat.length;
      while (k-- > 0 && waiters.length) waiters.shift()();
    });
    const meter = new Meter(servers, [w]);
    const lane = async (l) => {
      while (!stopF) {
        while (out >= window) {
          await new Promise((r) => waiters.push(r));
          if (stopF) return;
        }
        out++;
        try {
          await submit(l);
          if (on) sub++;
        } catch (e) {
          out--;
          errors++;
          lastErr = e;
          await sleep(5);
        }
      }
    };
    const ls = Array.from({ length: Math.min(window, 64) }, (_, l) => lane(l));
    // Each run has a worker process of its own, which is cold.
    await sleep(Math.max(WARM, FIRST / 4) * 1000);
    meter.begin();
    on = true;
    await sleep(secs * 1000);
    on = false;
    const u = meter.end();
    stopF = true;
    for (const r of waiters) r();
    await Promise.all(ls);
    const t0 = performance.now();
    while (out > 0 && performance.now() - t0 < 3000) await sleep(20);
    w.send("stop");
    await Promise.race([w.dead, sleep(3000)]);
    if (w.exitCode === null) w.kill("SIGKILL");
    if (lastErr) {
      console.error(test, "errors", errors, String(lastErr).slice(0, 200));
    }
    runs.push({ ...runOf({ n, lat, errors, u }), left: out });
    if (out) console.error(test, "jobs not completed at the end:", out);
  }
  return { ...summarise(test, window, runs), left: runs.map((r) => r.left) };
}
