// NATS JetStream: 3-node loopback cluster, stream R3, file storage, work-queue retention.
// load: publish+ack at 1/16/64/256; cycle: publish -> pull consumer -> ack (plain and double ack); failover x3 (kill -9 stream leader).
// DURABILITY: 2.9.x never fsyncs on the ack path (verify-fsync.sh shows it): not comparable with the fsync-per-commit systems.
import { AckPolicy, connect, nanos, RetentionPolicy, StorageType } from "nats";
import fs from "node:fs";
import { ageMs, bodyBuf, freshDir, server, sleep, stopAll } from "./lib.mjs";
import { cycles, doneBy, failovers, isWorker, loads, serveUntilTold, workerKind } from "./peer.mjs";
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
if (isWorker) {
  const dbl = workerKind === "double-ack";
  const done = doneBy();
  const nc = await conn(1);
  const c = await nc.jetstream().consumers.get(ST, DUR);
  const it = await c.consume({ max_messages: 100 });
  serveUntilTold(() => {
    it.stop?.();
    return nc.close();
  });
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
  const submit = (l) => pub(l % 3);
  await loads("nats", { test: "publish+ack", servers: S, between: purge, op: submit });
  await cycles("nats", {
    script: import.meta.url,
    kinds: [["double-ack", 1], ["double-ack", 256], ["plain-ack", 256]],
    servers: S,
    between: purge,
    submit,
  });
  await failovers("nats", async () => {
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
    const leader = +i.cluster.leader.slice(1);
    await sleep(1000);
    return {
      leader,
      post: 20,
      write: (_l, ep) => N[ep].isClosed() ? Promise.reject(new Error("closed")) : pub(ep, 500),
      kill: () => S[leader].kill("SIGKILL"),
      async again() {
        await S[leader].dead;
        S[leader] = start(leader);
        await sleep(5000);
      },
    };
  });
  for (const c of N) c.close().catch(() => {});
  await stopAll();
  process.exit(0);
}
