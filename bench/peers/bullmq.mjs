// BullMQ on ONE Redis 7 (not replicated), appendonly yes + appendfsync always.
// add() at 1/16/64/256, addBulk(100) at 1/4, cycle with one Worker process, concurrency 50.
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { cycle, workerReporter } from "./cycle.mjs";
import { ageMs, body, CONCS, freshDir, load, record, server, sleep, stopAll } from "./lib.mjs";
const connection = {
  host: "127.0.0.1",
  port: 23901,
  maxRetriesPerRequest: null,
};
if (process.argv[2] === "worker") {
  const { immediate } = JSON.parse(process.argv[3]);
  const done = workerReporter(immediate);
  const w = new Worker("jobs", async () => {}, {
    connection,
    concurrency: 50,
    removeOnComplete: { count: 0 },
  });
  w.on("completed", (j) => done(ageMs(j.data.b)));
  w.on("error", (e) => console.error("worker", e.message));
  await w.waitUntilReady();
  process.on("message", () => {
    w.close(true).finally(() => process.exit(0));
  });
  process.on("disconnect", () => process.exit(0));
  process.send({ ready: 1, lat: [] });
} else {
  const what = process.argv[2] || "all";
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
  if (what === "all" || what === "load") {
    for (const c of CONCS) {
      record(
        "bullmq",
        await load({
          test: "add",
          conc: c,
          servers: S,
          between: fresh,
          op: () => Q.add("j", data()),
        }),
      );
    }
    if (!process.env.CONCS) {
      for (const c of [1, 4]) {
        record(
          "bullmq",
          await load({
            test: "addBulk(100)",
            conc: c,
            weight: 100,
            servers: S,
            between: fresh,
            op: () =>
              Q.addBulk(
                Array.from(
                  { length: 100 },
                  () => ({ name: "j", data: data() }),
                ),
              ),
          }),
        );
      }
    }
  }
  if (what === "all" || what === "cycle") {
    for (const w of [1, 256]) {
      record(
        "bullmq",
        await cycle({
          test: "cycle",
          window: w,
          servers: S,
          between: fresh,
          submit: () => Q.add("j", data()),
          worker: new URL(import.meta.url).pathname,
        }),
      );
    }
  }
  await Q.close().catch(() => {});
  await stopAll();
  process.exit(0);
}
