// beanstalkd, ONE node (it has no replication), binlog on, -f 0 (fsync on every write). Raw socket client, one request in flight per connection.
// put at 1/16/64/256 connections; cycle: put -> reserve -> delete with one worker process, 16 connections.
import net from "node:net";
import { ageMs, bodyBuf, freshDir, server, sleep, stop, stopAll } from "./lib.mjs";
import { cycles, doneBy, isWorker, loads, serveUntilTold } from "./peer.mjs";
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
if (isWorker) {
  const done = doneBy();
  const cs = await Promise.all(Array.from({ length: 16 }, client));
  serveUntilTold();
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
  const S = [];
  let cs = [];
  const fresh = async (conc) => {
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
    cs = await Promise.all(Array.from({ length: conc }, client));
  };
  await loads("beanstalkd", { test: "put", servers: S, between: fresh, op: (l) => put(cs[l]) });
  await cycles("beanstalkd", {
    script: import.meta.url,
    servers: S,
    between: (window) => fresh(Math.min(window, 64)),
    submit: (l) => put(cs[l]),
  });
  for (const c of cs) c.s.destroy();
  await stopAll();
  process.exit(0);
}
