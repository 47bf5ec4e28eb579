// RabbitMQ: 3-node loopback cluster, one quorum queue (group size 3), publisher confirms.
// load: publish+confirm at 1/16/64/256; cycle: publish -> consume (prefetch 100) -> ack; failover x3 (kill -9 queue leader).
import amqp from "amqplib";
import fs from "node:fs";
import { execFileSync } from "node:child_process";
import { TRIALS } from "./failover.mjs";
import { ageMs, bodyBuf, debBin, freshDir, server, sleep, stopAll } from "./lib.mjs";
import { cycles, doneBy, failovers, isWorker, loads, serveUntilTold } from "./peer.mjs";
const B = 23720, Q = "jobs";
const port = (n) => B + n;
const BIN = process.env.RABBIT_BIN ||
  debBin("rabbitmq-server", "rabbitmq-server");
const connect = (n) =>
  amqp.connect(`amqp://guest:guest@127.0.0.1:${port(n)}?heartbeat=0`, {
    noDelay: true,
  });
if (isWorker) {
  const done = doneBy();
  const c = await connect(1);
  c.on("error", () => {});
  const ch = await c.createChannel();
  await ch.prefetch(100);
  await ch.consume(Q, (m) => {
    if (!m) return;
    ch.ack(m);
    done(ageMs(m.content.toString("latin1", 0, 40)));
  }, { noAck: false });
  serveUntilTold(() => c.close());
} else {
  const dir = freshDir("rabbit");
  const name = (n) => `peer${n}@localhost`;
  fs.writeFileSync(`${dir}/.erlang.cookie`, "PEERSBENCH");
  fs.chmodSync(`${dir}/.erlang.cookie`, 0o400);
  const env = (n) => ({
    HOME: dir,
    ERL_EPMD_ADDRESS: "127.0.0.1",
    ERL_EPMD_PORT: String(B + 50),
    RABBITMQ_NODENAME: name(n),
    RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
    RABBITMQ_NODE_PORT: String(port(n)),
    RABBITMQ_DIST_PORT: String(B + 20 + n),
    RABBITMQ_MNESIA_BASE: `${dir}/mnesia`,
    RABBITMQ_LOG_BASE: `${dir}/log`,
    RABBITMQ_PID_FILE: `${dir}/${n}.pid`,
    RABBITMQ_ENABLED_PLUGINS_FILE: `${dir}/plugins`,
    RABBITMQ_CONFIG_FILE: `${dir}/rabbit`,
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "-kernel inet_dist_use_interface {127,0,0,1}",
    RABBITMQ_CTL_ERL_ARGS: "-kernel inet_dist_use_interface {127,0,0,1}",
    LC_ALL: "C.UTF-8",
  });
  fs.writeFileSync(`${dir}/plugins`, "[].");
  fs.mkdirSync(`${dir}/log`, { recursive: true });
  fs.writeFileSync(
    `${dir}/rabbit.conf`,
    [
      "cluster_formation.peer_discovery_backend = classic_config",
      ...[0, 1, 2].map((n) => `cluster_formation.classic_config.nodes.${n + 1} = ${name(n)}`),
      "log.file.level = warning",
      "log.console = false",
    ].join("\n") + "\n",
  );
  server("epmd", [
    "-address",
    "127.0.0.1",
    "-port",
    String(B + 50),
  ], { env: { HOME: dir } });
  await sleep(500);
  const start = (n) =>
    server(`${BIN}/rabbitmq-server`, [], {
      env: env(n),
      log: `${dir}/n${n}.out`,
      cwd: dir,
    });
  const ctl = (...a) =>
    execFileSync(`${BIN}/rabbitmqctl`, ["-n", name(1), "-q", ...a], {
      env: {
        ...process.env,
        ...env(1),
        RABBITMQ_PID_FILE: "",
        RABBITMQ_DIST_PORT: "",
      },
      encoding: "utf8",
      cwd: dir,
    });
  const up = async (n, ms = 90000) => {
    const t = performance.now();
    for (;;) {
      try {
        const c = await connect(n);
        c.on("error", () => {});
        await c.close();
        return;
      } catch (e) {
        if (performance.now() - t > ms) throw e;
        await sleep(500);
      }
    }
  };
  const S = [start(0)];
  await sleep(3000);
  S.push(start(1), start(2));
  for (const n of [0, 1, 2]) await up(n);
  for (let i = 0; i < 40; i++) {
    const r = ctl("eval", "length(rabbit_nodes:all_running()).").trim();
    if (r === "3") break;
    if (i === 39) throw new Error("cluster size " + r);
    await sleep(1000);
  }
  // one confirm channel per node; lanes go round robin
  const C = [];
  const chan = async (n) => {
    const c = await connect(n);
    c.on("error", () => {});
    const ch = await c.createConfirmChannel();
    ch.on("error", () => {});
    const x = { ch, dead: false, fails: new Set() };
    c.on("close", () => {
      x.dead = true;
      for (const f of x.fails) f(new Error("connection closed"));
      x.fails.clear();
    });
    return x;
  };
  const get = (n) => {
    const p = C[n];
    if (p && !p.v?.dead) return p.p;
    const e = { p: chan(n) };
    C[n] = e;
    e.p.then((v) => {
      e.v = v;
    }, () => {
      e.v = { dead: true };
    });
    return e.p;
  };
  const pub = async (n) => {
    const x = await get(n);
    return new Promise((ok, no) => {
      if (x.dead) return no(new Error("dead"));
      x.fails.add(no);
      try {
        x.ch.publish("", Q, bodyBuf(), { persistent: true }, (e) => {
          x.fails.delete(no);
          e ? no(e) : ok();
        });
      } catch (e) {
        x.fails.delete(no);
        no(e);
      }
    });
  };
  {
    const { ch } = await get(0);
    await ch.assertQueue(Q, {
      durable: true,
      arguments: { "x-queue-type": "quorum", "x-quorum-initial-group-size": 3 },
    });
  }
  const info = () => ctl("list_queues", "name", "type", "leader", "members", "online").trim();
  console.error(info());
  const purge = async () => {
    const { ch } = await get(0);
    await ch.purgeQueue(Q);
    await sleep(500);
  };
  const submit = (l) => pub(l % 3);
  await loads("rabbitmq", { test: "publish+confirm", servers: S, between: purge, op: submit });
  await cycles("rabbitmq", { script: import.meta.url, servers: S, between: purge, submit });
  await failovers("rabbitmq", async () => {
    await purge();
    for (const n of [0, 1, 2]) await up(n);
    for (let i = 0; i < 30; i++) {
      if ((info().match(/peer\d@localhost/g) || []).length >= 7) break;
      await sleep(1000);
    }
    const leader = +/quorum\s+peer(\d)@/.exec(info())[1];
    for (const n of [0, 1, 2]) await get(n);
    const pid = +fs.readFileSync(`${dir}/${leader}.pid`, "utf8");
    return {
      leader,
      write: (_l, ep) => pub(ep),
      kill: () => process.kill(pid, "SIGKILL"),
      // The last one is left as it is: a node takes a minute to come back.
      async again(trial) {
        if (trial === TRIALS - 1) return;
        await S[leader].dead;
        S[leader] = start(leader);
        await up(leader);
        await sleep(3000);
      },
    };
  });
  await stopAll();
  process.exit(0);
}
