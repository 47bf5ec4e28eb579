// etcd: 3-node loopback cluster, defaults (fsync on). Put 200 B at concurrency 1/16/64/256; failover x3.
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";
import { bodyBuf, freshDir, server, sleep, stopAll } from "./lib.mjs";
import { failovers, loads } from "./peer.mjs";
const dir = freshDir("etcd");
const B = 23790;
const url = (n, k) => `http://127.0.0.1:${B + n * 10 + k}`;
const start = (n, state = "new") =>
  server("etcd", [
    "--name",
    "n" + n,
    "--data-dir",
    `${dir}/n${n}`,
    "--listen-client-urls",
    url(n, 0),
    "--advertise-client-urls",
    url(n, 0),
    "--listen-peer-urls",
    url(n, 1),
    "--initial-advertise-peer-urls",
    url(n, 1),
    "--initial-cluster",
    [0, 1, 2].map((i) => `n${i}=${url(i, 1)}`).join(","),
    "--initial-cluster-state",
    state,
    "--initial-cluster-token",
    "peers",
    "--log-level",
    "error",
  ], { log: `${dir}/n${n}.log`, env: { ETCD_LOGGER: "zap" } });
const S = [0, 1, 2].map((n) => start(n));
const pb = grpc.loadPackageDefinition(
  loader.loadSync(new URL("etcd-subset.proto", import.meta.url).pathname, {
    longs: String,
    keepCase: true,
  }),
).etcdserverpb;
const opts = {
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 500,
};
const kv = [0, 1, 2].map((n) =>
  new pb.KV(`127.0.0.1:${B + n * 10}`, grpc.credentials.createInsecure(), opts)
);
const mt = [0, 1, 2].map((n) =>
  new pb.Maintenance(
    `127.0.0.1:${B + n * 10}`,
    grpc.credentials.createInsecure(),
    opts,
  )
);
const call = (c, m, r, ms = 5000) =>
  new Promise((ok, no) => c[m](r, { deadline: Date.now() + ms }, (e, v) => e ? no(e) : ok(v)));
let seq = 0;
const put = (ep, ms) =>
  call(kv[ep], "Put", {
    key: Buffer.from(`/jobs/${String(seq++).padStart(12, "0")}`),
    value: bodyBuf(),
  }, ms);
async function leader() {
  for (let i = 0; i < 3; i++) {
    try {
      const s = await call(mt[i], "Status", {}, 1000);
      if (s.leader !== "0") {
        for (let j = 0; j < 3; j++) {
          try {
            const t = await call(mt[j], "Status", {}, 1000);
            if (t.header.member_id === s.leader) return j;
          } catch { /* not yet */ }
        }
      }
    } catch { /* not yet */ }
  }
  return -1;
}
async function ready() {
  for (let i = 0; i < 60; i++) {
    try {
      for (const e of [0, 1, 2]) await put(e, 2000);
      if (await leader() >= 0) return;
    } catch { /* not yet */ }
    await sleep(500);
  }
  throw new Error("cluster not ready");
}
await ready();
await loads("etcd", { test: "put", servers: S, op: (l) => put(l % 3) });
await failovers("etcd", async () => {
  await ready();
  await sleep(1000);
  const killed = await leader();
  return {
    leader: killed,
    write: (_l, ep) => put(ep, 500),
    kill: () => S[killed].kill("SIGKILL"),
    async again() {
      await S[killed].dead;
      S[killed] = start(killed, "existing");
    },
  };
});
await stopAll();
process.exit(0);
