// beanstalkd, ONE node (it has no replication), binlog on, -f 0 (fsync on every write). Raw socket client, one request in flight per connection.
// put at 1/16/64/256 connections; cycle: put -> reserve -> delete with one worker process, 16 connections.
import net from "node:net";
import { cycle, workerReporter } from "./cycle.mjs";
import {
  ageMs,
  bodyBuf,
  CONCS,
  freshDir,
  load,
  record,
  server,
  sleep,
  stop,
  stopAll,
} from "./lib.mjs";
const PORT = 23911;
function client() {
  return new Promise((ok, no) => {
    const s = net.connect(PORT, "127.0.0.1");
    s.setNoDelay(true);
    let buf = Buffer.alloc(0);
    const w = [];
    s.on("connect", () =>
      ok({
        s,
        req: (b) =>
          new Promise((r, j) => {
            w.push([r, j]);
            s.write(b);
          }),
      }));
    s.on("error", (e) => {
      no(e);
      for (const [, j] of w.splice(0)) j(e);
    });
    s.on("data", (d) => {
      buf = buf.length ? Buffer.concat([buf, d]) : d;
      for (;;) {
        const i = buf.indexOf("\r\n");
        if (i < 0) return;
        const line = buf.toString("latin1", 0, i);
        if (line.startsWith("RESERVED")) {
          const [, id, n] = line.split(" ");
          if (buf.length < i + 4 + +n) return;
          const data = buf.subarray(i + 2, i + 2 + +n);
          buf = buf.subarray(i + 4 + +n);
          w.shift()[0]({ line, id, data });
        } else {
          buf = buf.subarray(i + 2);
          w.shift()[0]({ line });
        }
      }
    });
  });
}
const put = (c) =>
  c.req(
    Buffer.concat([
      Buffer.from("put 1024 0 60 200\r\n"),
      bodyBuf(),
      Buffer.from("\r\n"),
    ]),
  ).then((r) => {
    if (!r.line.startsWith("INSERTED")) throw new Error(r.line);
  });
if (process.argv[2] === "worker") {
  const { immediate } = JSON.parse(process.argv[3]);
  const done = workerReporter(immediate);
  const cs = await Promise.all(Array.from({ length: 16 }, client));
  process.on("message", () => process.exit(0));
  process.on("disconnect", () => process.exit(0));
  process.send({ ready: 1, lat: [] });
  for (const c of cs) {
    (async () => {
      for (;;) {
        const r = await c.req("reserve\r\n");
        const t = r.data.toString("latin1", 0, 40);
        const d = await c.req(`delete ${r.id}\r\n`);
        if (d.line !== "DELETED") throw new Error(d.line);
        done(ageMs(t));
      }
    })();
  }
} else {
  const what = process.argv[2] || "all";
  const S = [];
  let cs = [];
  const fresh = (n) => async () => {
    for (const c of cs) c.s.destroy();
    if (S[0]) await stop(S[0]);
    const d = freshDir("beanstalkd");
    S[0] = server("beanstalkd", [
      "-l",
      "127.0.0.1",
      "-p",
      String(PORT),
      "-b",
      d,
      "-f",
      "0",
    ]);
    await sleep(500);
    cs = await Promise.all(Array.from({ length: n }, client));
  };
  if (what === "all" || what === "load") {
    for (const c of CONCS) {
      record(
        "beanstalkd",
        await load({
          test: "put",
          conc: c,
          servers: S,
          between: fresh(c),
          op: (l) => put(cs[l]),
        }),
      );
    }
  }
  if (what === "all" || what === "cycle") {
    for (const w of [1, 256]) {
      record(
        "beanstalkd",
        await cycle({
          test: "cycle",
          window: w,
          servers: S,
          between: fresh(Math.min(w, 64)),
          submit: (l) => put(cs[l]),
          worker: new URL(import.meta.url).pathname,
        }),
      );
    }
  }
  for (const c of cs) c.s.destroy();
  await stopAll();
  process.exit(0);
}
