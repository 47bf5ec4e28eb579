// BullMQ on ONE Redis 7 (not replicated), appendonly yes + appendfsync always.
// add() at 1/16/64/256, cycle with one Worker process, concurrency 50.
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { ageMs, body, freshDir, server, sleep, stopAll } from "./lib.mjs";
import { cycles, doneBy, isWorker, loads, serveUntilTold } from "./peer.mjs";
const connection = {
  host: "127.0.0.1",
  port: 23901,
  maxRetriesPerRequest: null,
};
if (isWorker) {
  const done = doneBy();
  const w = new Worker("jobs", async () => {}, {
    connection,
    concurrency: 50,
    removeOnComplete: { count: 0 },
  });
  w.on("completed", (j) => done(ageMs(j.data.b)));
  w.on("error", (e) => console.error("worker", e.message));
  await w.waitUntilReady();
  serveUntilTold(() => w.close(true));
} else {
  const dir = freshDir("redis");
  const S = [
    server("redis-server", [
      "--bind",
      "127.0.0.1",
      "--port",
      "23901",
      "--dir",
      dir,
      "--save",
      "",
      "--appendonly",
      "yes",
      "--appendfsync",
      "always",
      "--auto-aof-rewrite-percentage",
      "0",
    ], { log: `${dir}/log` }),
  ];
  await sleep(1000);
  let Q;
  const fresh = async () => {
    if (Q) {
      await Q.close();
      const c = new Redis(connection);
      await c.flushall();
      await c.quit();
    }
    Q = new Queue("jobs", { connection });
    await Q.waitUntilReady();
  };
  const data = () => ({ b: body().slice(0, 192) }); // {"b":"..."} = 200 bytes of JSON
  const submit = () => Q.add("j", data());
  await loads("bullmq", { test: "add", servers: S, between: fresh, op: submit });
  await cycles("bullmq", { script: import.meta.url, servers: S, between: fresh, submit });
  await Q.close().catch(() => {});
  await stopAll();
  process.exit(0);
}
