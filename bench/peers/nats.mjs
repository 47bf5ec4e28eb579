// NATS JetStream: 3-node loopback cluster, stream R3, file storage, work-queue retention.
// load: publish+ack at 1/16/64/256; cycle: publish -> pull consumer -> ack (plain and double ack); failover x3 (kill -9 stream leader).
// DURABILITY: 2.9.x never fsyncs on the ack path (see README): not comparable with the fsync-per-commit systems.
import { AckPolicy, connect, nanos, RetentionPolicy, StorageType } from "nats";
import fs from "node:fs";
import { cycle, workerReporter } from "./cycle.mjs";
import { failover, TRIALS } from "./failover.mjs";
import { ageMs, bodyBuf, CONCS, freshDir, load, record, server, sleep, stopAll } from "./lib.mjs";
const B = 23820;
const port = (n) => B + n;
const ST = "JOBS", SUB = "jobs.q", DUR = "w";
const conn = (n, o = {}) =>
  connect({
    servers: `127.0.0.1:${port(n)}`,
    ignoreClusterUpdates: true,
    reconnect: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 100,
    ...o,
  });
const dec = new TextDecoder();
if (process.argv[2] === "worker") {
  const { immediate } = JSON.parse(process.argv[3]);
  const dbl = process.argv[4] === "double";
  const done = workerReporter(immediate);
  const nc = await conn(1);
  const c = await nc.jetstream().consumers.get(ST, DUR);
  const it = await c.consume({ max_messages: 100 });
  process.on("message", () => {
    it.stop?.();
    nc.close().finally(() => process.exit(0));
  });
  process.on("disconnect", () => process.exit(0));
  process.send({ ready: 1, lat: [] });
  for await (const m of it) {
    const s = dec.decode(m.data.subarray(0, 40));
    if (dbl) {
      m.ackAck({ timeout: 5000 }).then((ok) => {
        if (ok) done(ageMs(s));
        else console.error("ackAck not confirmed");
      }, (e) => console.error("ackAck", e.message));
    } else {
      m.ack();
      done(ageMs(s));
    }
  }
} else {
  const what = process.argv[2] || "all";
  const dir = freshDir("nats");
  const start = (n) => {
    const f = `${dir}/n${n}.conf`;
    fs.writeFileSync(
      f,
      `server_name: n${n}\nhost: 127.0.0.1\nport: ${port(n)}\njetstream { store_dir: "${
        process.env.NATS_STORE || dir
      }/js${n}", max_mem: 1G, max_file: 8G }\ncluster { name: peers, host: 127.0.0.1, port: ${
        B + 20 + n
      }, routes: [${[0, 1, 2].map((i) => `"nats://127.0.0.1:${B + 20 + i}"`).join(", ")}] }\n`,
    );
    return server("nats-server", ["-c", f, "-l", `${dir}/n${n}.log`]);
  };
  const S = [0, 1, 2].map(start);
  await sleep(1500);
  const N = await Promise.all(
    [0, 1, 2].map((n) => conn(n, { waitOnFirstConnect: true })),
  );
  const J = N.map((c) => c.jetstream({ timeout: 5000 }));
  const jm = [];
  for (let i = 0;; i++) {
    try {
      jm[0] = await N[0].jetstreamManager({ timeout: 5000 });
      jm[1] = await N[1].jetstreamManager({ timeout: 5000 });
      jm[2] = await N[2].jetstreamManager({ timeout: 5000 });
      await jm[0].streams.add({
        name: ST,
        subjects: [SUB],
        retention: RetentionPolicy.Workqueue,
        storage: StorageType.File,
        num_replicas: 3,
      });
      break;
    } catch (e) {
      if (i > 40) throw e;
      await sleep(1000);
    }
  }
  await jm[0].consumers.add(ST, {
    durable_name: DUR,
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(30000),
    max_ack_pending: 1000,
  });
  const info = async () => {
    for (const j of jm) {
      try {
        const i = await j.streams.info(ST);
        if (i.cluster?.leader) return i;
      } catch { /* not yet */ }
    }
    return null;
  };
  const purge = async () => {
    for (let i = 0; i < 20; i++) {
      try {
        await jm[i % 3].streams.purge(ST);
        break;
      } catch {
        await sleep(500);
      }
    }
    await sleep(500);
  };
  const pub = (n, ms = 5000) => J[n].publish(SUB, bodyBuf(), { timeout: ms, retries: 0 });
  console.error(JSON.stringify((await info()).cluster));
  const tag = process.env.NATS_TAG ? " " + process.env.NATS_TAG : "";
  const peer = "nats" + tag;
  const me = new URL(import.meta.url).pathname;
  if (what === "all" || what === "load") {
    for (const c of CONCS) {
      record(
        peer,
        await load({
          test: "publish+ack",
          conc: c,
          servers: S,
          between: purge,
          op: (l) => pub(l % 3),
        }),
      );
    }
  }
  if (what === "all" || what === "cycle") {
    for (const [k, w] of [["double", 1], ["double", 256], ["plain", 256]]) {
      record(
        peer,
        await cycle({
          test: "cycle " + k + "-ack",
          window: w,
          args: [k],
          servers: S,
          between: purge,
          submit: (l) => pub(l % 3),
          worker: me,
        }),
      );
    }
  }
  if (what === "all" || what === "failover") {
    for (let t = 0; t < TRIALS; t++) {
      await purge();
      let i;
      for (let k = 0; k < 60; k++) {
        i = await info();
        if (
          i && i.cluster.replicas?.length === 2 &&
          i.cluster.replicas.every((r) => r.current && !r.offline)
        ) break;
        await sleep(1000);
      }
      const L = +i.cluster.leader.slice(1);
      await sleep(1000);
      record(peer, {
        test: "failover",
        trial: t,
        leader: L,
        ...await failover({
          post: 20,
          write: (_l, ep) => N[ep].isClosed() ? Promise.reject(new Error("closed")) : pub(ep, 500),
          kill: () => {
            S[L].kill("SIGKILL");
          },
        }),
      });
      await S[L].dead;
      S[L] = start(L);
      await sleep(5000);
    }
  }
  for (const c of N) c.close().catch(() => {});
  await stopAll();
  process.exit(0);
}
