// Shared harness: server processes, CPU/RSS accounting, closed-loop load, full-cycle load, failover.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { execFileSync, spawn } from "node:child_process";

export const SECS = +(process.env.SECS || 5),
  WARM = +(process.env.WARM || 1.5),
  // before the first run of a load, unmeasured: clients and servers have compiled what they compile
  FIRST = +(process.env.FIRST || 0),
  RUNS = +(process.env.RUNS || 3);
export const CONCS = (process.env.CONCS || "1,16,64,256").split(",").map(
  Number,
);
export const TMP = process.env.PEERS_TMP ||
  fs.mkdtempSync(path.join(os.tmpdir(), "peers-"));
fs.mkdirSync(path.join(TMP, "results"), { recursive: true });
export const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
export const med = (a) => {
  const s = [...a].sort((x, y) => x - y);
  return s[s.length >> 1];
};
const q = (s, p) => s.length ? s[Math.min(s.length - 1, Math.floor(p * s.length))] : NaN;
export const r3 = (x) => +(+x).toFixed(3);
export const PAYLOAD = 200;
// a 200-byte body that starts with a CLOCK_MONOTONIC timestamp (comparable across processes)
const PAD = "x".repeat(PAYLOAD);
export const body = () => (process.hrtime.bigint().toString() + " " + PAD).slice(0, PAYLOAD);
export const bodyBuf = () => Buffer.from(body());
export const ageMs = (s) =>
  Number(
    process.hrtime.bigint() -
      BigInt(String(s).slice(0, String(s).indexOf(" "))),
  ) / 1e6;

/** Folder of a Debian package's binary (newest installed package that matches the pattern). */
export function debBin(pattern, file) {
  const pkgs = execFileSync(
    "dpkg-query",
    ["-W", "-f", "${Package}\n", pattern],
    { encoding: "utf8" },
  ).trim().split("\n").sort().reverse();
  for (const p of pkgs) {
    try {
      const l = execFileSync("dpkg", ["-L", p], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      }).split("\n").find((x) => x.endsWith("/bin/" + file));
      if (l) return path.dirname(l);
    } catch { /* known but not installed */ }
  }
  throw new Error(`${file} not found in ${pattern}`);
}
export function freshDir(name) {
  const d = path.join(TMP, name);
  fs.rmSync(d, { recursive: true, force: true });
  fs.mkdirSync(d, { recursive: true });
  return d;
}
export const procs = new Set();
export function server(cmd, args, opt = {}) {
  const log = fs.openSync(opt.log || "/dev/null", "a");
  const p = spawn(cmd, args, {
    cwd: opt.cwd,
    env: { ...process.env, ...opt.env },
    uid: opt.uid,
    gid: opt.gid,
    stdio: ["ignore", log, log],
  });
  fs.closeSync(log);
  p.dead = new Promise((r) =>
    p.on("exit", (c, s) => {
      procs.delete(p);
      r(s || c);
    })
  );
  p.on("error", (e) => console.error("spawn failed", cmd, e.message));
  procs.add(p);
  return p;
}
export async function stop(p, ms = 8000) {
  if (p.exitCode !== null || p.signalCode) return;
  p.kill("SIGTERM");
  await Promise.race([p.dead, sleep(ms)]);
  if (p.exitCode === null && !p.signalCode) {
    for (const d of tree(p.pid)) {
      try {
        process.kill(d, "SIGKILL");
      } catch { /* it has ended */ }
    }
    await p.dead;
  }
}
export async function stopAll() {
  await Promise.all([...procs].map((p) => stop(p)));
}
process.on("exit", () => {
  for (const p of procs) {
    for (const d of tree(p.pid)) {
      try {
        process.kill(d, "SIGKILL");
      } catch { /* it has ended */ }
    }
  }
});
for (const s of ["SIGINT", "SIGTERM"]) process.on(s, () => process.exit(1));
process.on("unhandledRejection", (e) => {
  console.error("unhandled", e);
  process.exit(2);
});

function stat(pid) {
  try {
    const t = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
    const f = t.slice(t.lastIndexOf(")") + 2).split(" ");
    return { ppid: +f[1], cpu: (+f[11] + +f[12] + +f[13] + +f[14]) / 100 };
  } catch {
    return null;
  }
}
export function tree(root) { // root + all live descendants
  const kids = {};
  for (const d of fs.readdirSync("/proc")) {
    if (/^\d+$/.test(d)) {
      const s = stat(d);
      if (s) (kids[s.ppid] ||= []).push(+d);
    }
  }
  const out = [];
  const st = [root];
  while (st.length) {
    const x = st.pop();
    out.push(x);
    st.push(...(kids[x] || []));
  }
  return out;
}
function usage(ps) {
  let cpu = 0, rss = 0, pss = 0;
  for (const p of ps) {
    for (const pid of tree(p.pid)) {
      const s = stat(pid);
      if (s) cpu += s.cpu;
      try {
        const t = fs.readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
        rss += +/^Rss:\s+(\d+)/m.exec(t)[1];
        pss += +/^Pss:\s+(\d+)/m.exec(t)[1];
      } catch { /* it has ended */ }
    }
  }
  return { cpu, rss: rss / 1024, pss: pss / 1024 };
}
function machine() {
  const f = fs.readFileSync("/proc/stat", "utf8").split("\n")[0].trim().split(
    /\s+/,
  ).slice(1, 9).map(Number);
  return { idle: f[3] + f[4], steal: f[7], tot: f.reduce((a, b) => a + b) };
}

export function record(peer, rows) {
  const f = path.join(TMP, "results", peer + ".jsonl");
  for (const r of [].concat(rows)) {
    const l = JSON.stringify({ peer, ...r });
    fs.appendFileSync(f, l + "\n");
    console.log(l);
  }
}
export class Meter {
  constructor(servers, extra = []) {
    this.s = servers;
    this.x = extra;
  }
  begin() {
    this.u = usage(this.s);
    this.xu = usage(this.x);
    this.c = process.cpuUsage();
    this.m = machine();
    this.t = performance.now();
  }
  end() {
    const el = (performance.now() - this.t) / 1000,
      u = usage(this.s),
      xu = usage(this.x),
      c = process.cpuUsage(this.c),
      m = machine();
    const dt = m.tot - this.m.tot;
    return {
      el,
      srv_cpu_s: u.cpu - this.u.cpu,
      cli_cpu_s: (c.user + c.system) / 1e6 + xu.cpu - this.xu.cpu,
      rss_mb: u.rss,
      pss_mb: u.pss,
      idle_pct: 100 * (m.idle - this.m.idle) / dt,
      steal_pct: 100 * (m.steal - this.m.steal) / dt,
    };
  }
}
/** One run: what was counted, how long each took, and what was used meanwhile. */
export function runOf({ n, lat, errors, u }) {
  lat.sort((a, b) => a - b);
  return {
    per_s: n / u.el,
    p50: q(lat, .5),
    p99: q(lat, .99),
    max: lat.at(-1) ?? NaN,
    errors,
    ...u,
  };
}
export function summarise(test, conc, runs) {
  const m = (k) => r3(med(runs.map((r) => r[k])));
  return {
    test,
    conc,
    per_s: +med(runs.map((r) => r.per_s)).toFixed(0),
    runs_per_s: runs.map((r) => +r.per_s.toFixed(0)),
    p50_ms: m("p50"),
    p99_ms: m("p99"),
    max_ms: r3(Math.max(...runs.map((r) => r.max))),
    errors: runs.reduce((a, r) => a + r.errors, 0),
    srv_cpu_s: m("srv_cpu_s"),
    cli_cpu_s: m("cli_cpu_s"),
    run_s: m("el"),
    srv_cpu_ms_per_job: r3(
      med(runs.map((r) => 1000 * r.srv_cpu_s / (r.per_s * r.el))),
    ),
    cli_cpu_ms_per_job: r3(
      med(runs.map((r) => 1000 * r.cli_cpu_s / (r.per_s * r.el))),
    ),
    rss_mb: +m("rss_mb").toFixed(0),
    pss_mb: +m("pss_mb").toFixed(0),
    idle_pct: +m("idle_pct").toFixed(1),
    steal_pct: +m("steal_pct").toFixed(1),
  };
}
/** Closed loop: `conc` lanes, each awaiting op(lane) before the next. */
export async function load({ test, conc, op, servers, between, times = RUNS, secs = SECS }) {
  const runs = [];
  for (let i = 0; i < times; i++) {
    if (between) await between();
    let on = false, stopF = false, n = 0, errors = 0, lastErr;
    const lat = [];
    const meter = new Meter(servers);
    const lane = async (l) => {
      while (!stopF) {
        const t = performance.now();
        try {
          await op(l);
        } catch (e) {
          errors++;
          lastErr = e;
          await sleep(5);
          continue;
        }
        if (on) {
          n++;
          lat.push(performance.now() - t);
        }
      }
    };
    const ls = Array.from({ length: conc }, (_, l) => lane(l));
    await sleep(WARM * 1000);
    if (process.env.MARK) console.error("MARK measuring");
    meter.begin();
    on = true;
    await sleep(secs * 1000);
    on = false;
    const u = meter.end();
    stopF = true;
    await Promise.all(ls);
    if (lastErr) {
      console.error(
        test,
        conc,
        "errors",
        errors,
        String(lastErr).slice(0, 200),
      );
    }
    runs.push(runOf({ n, lat, errors, u }));
  }
  return summarise(test, conc, runs);
}
