// graphile-worker on ONE PostgreSQL (not replicated), fsync on, synchronous_commit on.
// addJob at 1/16/64/256 (pool <= 64 connections), cycle with one runner process, concurrentJobs 50 (plain, and tuned = local queue + batched completion).
import { Logger, makeWorkerUtils, run } from "graphile-worker";
import pg from "pg";
import fs from "node:fs";
import { execFileSync } from "node:child_process";
import { ageMs, body, debBin, freshDir, server, sleep, stopAll } from "./lib.mjs";
import { cycles, doneBy, isWorker, loads, serveUntilTold, workerKind } from "./peer.mjs";
const PORT = 23921;
const BIN = process.env.PG_BIN || debBin("postgresql-[0-9]*", "initdb");
const url = `postgres://postgres@127.0.0.1:${PORT}/postgres`;
const logger = new Logger(() => () => {});
const pool = (max) => {
  const p = new pg.Pool({ connectionString: url, max });
  p.on("error", () => {});
  p.on("connect", (c) => c.on("error", () => {}));
  return p;
};
if (isWorker) {
  const tuned = workerKind === "tuned";
  const done = doneBy();
  const p = pool(20);
  const runner = await run({
    pgPool: p,
    noHandleSignals: true,
    logger,
    taskList: { j: async () => {} },
    preset: {
      worker: {
        concurrentJobs: 50,
        maxPoolSize: 20,
        ...(tuned
          ? {
            localQueue: { size: 100, refetchDelay: { durationMs: 5 } },
            completeJobBatchDelay: 0,
          }
          : {}),
      },
    },
  });
  runner.events.on("job:complete", ({ job, error }) => {
    if (error) console.error(error);
    else done(ageMs(job.payload.b));
  });
  serveUntilTold(() => Promise.race([runner.stop(), sleep(2_000)]));
  await runner.promise;
} else {
  const dir = freshDir("pg");
  const id = (f) => +execFileSync("id", [f, "postgres"], { encoding: "utf8" });
  const uid = id("-u"), gid = id("-g");
  fs.chownSync(dir, uid, gid);
  execFileSync(`${BIN}/initdb`, [
    "-D",
    `${dir}/d`,
    "-A",
    "trust",
    "-U",
    "postgres",
    "-E",
    "UTF8",
    "--locale=C.UTF-8",
  ], { uid, gid, cwd: dir });
  const S = [
    server(`${BIN}/postgres`, [
      "-D",
      `${dir}/d`,
      "-p",
      String(PORT),
      "-c",
      "listen_addresses=127.0.0.1",
      "-c",
      `unix_socket_directories=${dir}`,
      "-c",
      "max_connections=300",
      "-c",
      "shared_buffers=512MB",
      "-c",
      "max_wal_size=4GB",
      "-c",
      "fsync=on",
      "-c",
      "synchronous_commit=on",
    ], { uid, gid, cwd: dir, log: `${dir}/log` }),
  ];
  await sleep(2500);
  const P = pool(64);
  const U = await makeWorkerUtils({ pgPool: P, logger });
  await U.migrate();
  const fresh = async () => {
    await P.query("truncate graphile_worker._private_jobs");
    await P.query("checkpoint");
  };
  const data = () => ({ b: body().slice(0, 192) });
  const submit = () => U.addJob("j", data());
  await loads("postgres", { test: "addJob", servers: S, between: fresh, op: submit });
  await cycles("postgres", {
    script: import.meta.url,
    kinds: [["plain", 1], ["plain", 256], ["tuned", 256]],
    servers: S,
    between: fresh,
    submit,
  });
  await U.release();
  await P.end().catch(() => {});
  await stopAll();
  process.exit(0);
}
