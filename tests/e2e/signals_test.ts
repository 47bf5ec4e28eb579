/** What SIGINT and SIGTERM do to each kind of process, and with which exit code it ends. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { end, type Host, onHost, until } from "./support.ts";
import { MAIN, RUNTIME_ENVIRONMENT } from "../program.ts";

const SIGNALS = [["SIGINT", 130], ["SIGTERM", 143]] as const;

/** A command that waits, once it has said something. */
async function waiting(host: Host, ...args: string[]) {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", "-A", MAIN, ...args, `--addr=${host.grpcAddress}`],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env: RUNTIME_ENVIRONMENT,
  }).spawn();
  const said = { out: "", err: "" };
  const read = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>, kind: "out" | "err") => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) said[kind] += text;
  };
  const ended = Promise.all([read(process.stdout, "out"), read(process.stderr, "err")]);
  await until("it has begun", () => Promise.resolve(said.out + said.err !== ""));
  return {
    async end(signal: Deno.Signal) {
      process.kill(signal);
      const status = await process.status;
      await ended;
      return { ...status, ...said };
    },
  };
}

Deno.test("a client that waits ends with 130 or 143, and says that its job goes on", () =>
  onHost(async (host) => {
    await host.startMaster();
    for (const [signal, code] of SIGNALS) {
      const submit = await waiting(host, "submit", "--type=noop", "--payload={}", "--wait");
      const { code: ended, err } = await submit.end(signal);
      assert.equal(ended, code, err);
      const [, id] = /job (\S+) goes on; follow it with `conductor watch/.exec(err) ?? [];
      const watch = await waiting(host, "watch", id!);
      const watched = await watch.end(signal);
      assert.equal(watched.code, code, watched.err);
      const polled = await (await waiting(host, "status", id!, "--watch")).end(signal);
      // It has nothing to put in order, so it leaves that to the system: a shell says 130 or 143.
      assert.equal(polled.code, code);
      assert.equal(polled.signal, signal);
      const status = JSON.parse((await host.client("status", id!, "-o", "json")).stdout);
      assert.equal(status.status, "pending", "nothing was done to the job");
    }
  }));

Deno.test("a node ends in order with 0 when told once, at once with 130 or 143 when told twice", () =>
  onHost(async (host) => {
    for (const [signal, code] of SIGNALS) {
      const master = await host.startMaster();
      const worker = host.startWorker("w1", "--set=worker.drain_timeout=60s");
      const client = host.library();
      try {
        const { stdout } = await host.client(
          ...["submit", "--type=test_sleep", '--payload={"duration":"60s"}'],
        );
        const id = stdout.trim();
        await until("it runs", async () => (await client.getJob(id)).job.status === "running");
        worker.kill(signal);
        await until("it drains", async () => {
          return (await client.getWorker("w1")).worker.status === "draining";
        });
        assert.equal(await end(worker, signal), code, "told twice");
        assert.equal(await end(master, signal), 0, "told once");
      } finally {
        client.close();
      }
      const log = await Deno.readTextFile(join(host.directory, "master.log"));
      assert.match(log, /"msg":"master stopped"\}\n$/);
    }
  }));
