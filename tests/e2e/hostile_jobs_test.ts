import assert from "node:assert/strict";
import { join } from "node:path";
import { processesWith } from "../../src/worker/executor_test_support.ts";
import type { JobClient, JobView, Submission } from "../../src/rpc/mod.ts";
import { end, Host, until } from "./support.ts";

/** Far beyond what any of the jobs takes, also where a gigabyte goes through a busy machine. */
const JOB_MS_MAX = 300_000;
/** In the command line of what the jobs start, and so what it is found by. */
const WORD = crypto.randomUUID();
const WORKER_ID = "hostile";

const HANDLERS = `
export function crash() { Deno.exit(7); }
export function loop() { for (;;); }
export function heap() { const held = []; for (;;) held.push({ some: [Math.random()] }); }
export async function buffers() {
  const held = [];
  for (;;) {
    held.push(new Uint8Array(4 << 20).fill(1));
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
export async function wasm() {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536 });
  for (;;) {
    memory.grow(64);
    new Uint8Array(memory.buffer, memory.buffer.byteLength - (4 << 20)).fill(1);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
export function print() {
  const text = new Uint8Array(1 << 20).fill(120);
  for (let i = 0; i < 1024; i++) {
    Deno.stdout.writeSync(text);
    if (i % 4 === 0) console.log("a line of the log, which is number " + i);
  }
  return "printed";
}
export async function fork(_payload, context) {
  const script = "for i in 1 2 3; do setsid sh -c 'sleep 1000 # ${WORD}; true' & done";
  await new Deno.Command("sh", { args: ["-c", script], stdout: "null" }).spawn().status;
  await Deno.writeTextFile(context.tempDir + "/left", "");
  return context.tempDir;
}
export async function hang(_payload, context) {
  new Deno.Command("setsid", { args: ["sh", "-c", "sleep 1000 # ${WORD}; true"] }).spawn();
  await Deno.writeTextFile(context.tempDir + "/left", "");
  context.progress(0.5, "hanging");
  await new Promise(() => {});
}
export const fine = () => "fine";
`;

Deno.test({
  name: "bad jobs hurt nobody",
  ignore: Deno.build.os !== "linux",
  fn: async (t) => {
    const host = new Host();
    using clients = new DisposableStack();
    const handlers = join(host.directory, "handlers.js");
    await Deno.writeTextFile(handlers, HANDLERS);
    const flags = [
      `--handlers=${handlers}`,
      "--set=worker.executor_memory=300MiB",
      "--set=worker.executor_heap=64MiB",
      "--set=worker.kill_grace=200ms",
      "--allow-exec=sh=/bin/sh",
      "--allow-exec=cat=/bin/cat",
    ];
    try {
      await host.startMaster();
      const client = clients.adopt(host.library(), (each) => each.close());
      let worker = host.startWorker(WORKER_ID, ...flags);
      const errors: readonly [type: string, error: RegExp, timeoutMs?: number][] = [
        ["crash", /^the executor process exited with code 7$/],
        ["loop", /timed out after 500 ms/, 500],
        ["heap", /ran out of memory; its JavaScript heap may take 64 MiB/],
        ["buffers", /was ended: it took \d+ MiB of memory, and may take 300/],
        ["wasm", /was ended: it took \d+ MiB of memory, and may take 300/],
      ];
      for (const [type, error, timeoutMs = JOB_MS_MAX] of errors) {
        await t.step(`a job of type ${type} fails with the right error`, async () => {
          const job = await ended(client, { type, timeoutMs });
          assert.equal(job.status, "failed");
          assert.match(job.errorMessage, error);
        });
      }

      await t.step("a gigabyte on stdout fills nothing and breaks nothing", async () => {
        const before = residentMebibytes(worker.pid);
        const job = await ended(client, { type: "print" });
        assert.equal(job.status, "completed", job.errorMessage);
        const grown = residentMebibytes(worker.pid) - before;
        assert.ok(grown < 250, `the worker grew by ${grown} MiB`);
      });

      await t.step("a gigabyte from a command is read, and its ends are kept", async () => {
        const script = "echo first; head -c 1073741824 /dev/zero; echo; echo last";
        const payload = { command: "sh", args: ["-c", script], output_bytes_max: 100 };
        const job = await ended(client, { type: "exec", payload });
        assert.equal(job.status, "completed", job.errorMessage);
        const { stdout, stdout_bytes, truncated } = resultOf(job);
        assert.ok(stdout.startsWith("first\n") && stdout.endsWith("\nlast\n"), stdout);
        assert.equal(stdout_bytes, 6 + 2 ** 30 + 6);
        assert.equal(truncated, true);
      });

      await t.step(
        "what a job started is gone when it has ended, and its directory too",
        async () => {
          const job = await ended(client, { type: "fork" });
          assert.equal(job.status, "completed", job.errorMessage);
          assert.deepEqual(processesWith(WORD), []);
          await until("the directory is gone", () => isGone(resultOf(job)));
        },
      );

      await t.step("what a killed worker left is put away by its next life", async () => {
        const { jobId } = await client.submit(submission({ type: "hang" }));
        await until("the job hangs", () => Promise.resolve(processesWith(WORD).length > 0));
        const sleeper = `${WORD.slice(1)} sleeps`;
        const payload = { command: "sh", args: ["-c", `sleep 1000 # ${sleeper}\n true`] };
        const { jobId: commandId } = await client.submit(submission({ type: "exec", payload }));
        await until("the command runs", () => Promise.resolve(processesWith(sleeper).length > 0));
        await end(worker, "SIGKILL");
        // Nobody shall run them again.
        await client.cancel(jobId);
        await client.cancel(commandId);
        // Commands end with their worker, whoever comes after it.
        await until("the command ends", () => Promise.resolve(processesWith(sleeper).length === 0));
        worker = host.startWorker(WORKER_ID, ...flags);
        await until(
          "its processes are ended",
          () => Promise.resolve(processesWith(WORD).length === 0),
        );
        const attempts = join(host.directory, "worker", WORKER_ID, "attempts");
        await until(
          "its files are removed",
          () =>
            Promise.resolve(
              [...Deno.readDirSync(attempts)].every(({ name }) => !name.includes(jobId)),
            ),
        );
      });

      await t.step(
        "the worker lives, good jobs run, and a stopped worker leaves nothing",
        async () => {
          assert.equal(resultOf(await ended(client, { type: "fine" })), "fine");
          const fed = await host.finished("exec", { command: "cat", stdin: "to and fro" });
          assert.equal(fed.result.output.stdout, "to and fro");
          const table = await host.finished("data_analysis", { data: [{ a: 1 }, { a: 2 }] });
          assert.equal(table.status, "completed");
          assert.deepEqual(grantsOf(host), [
            // Of the handlers, whose permissions are theirs to say.
            ["--allow-all"],
            // Of built-in types: the network, and their directories.
            ["--allow-ffi", "--allow-net", "--allow-read", "--allow-write", "--ignore-env"],
            // Of commands.
            ["--allow-ffi", "--allow-read", "--allow-run", "--allow-write", "--ignore-env"],
          ]);
          await end(worker, "SIGTERM");
          await until("no executor is left", () => Promise.resolve(executorsOf(host).length === 0));
        },
      );
    } finally {
      await host.stop();
    }
  },
});

interface Asked {
  readonly type: string;
  readonly payload?: unknown;
  readonly timeoutMs?: number;
}

function submission({ type, payload = {}, timeoutMs = JOB_MS_MAX }: Asked): Submission {
  const bytes = new TextEncoder().encode(JSON.stringify(payload));
  return { type, payload: bytes, priority: 5, maxRetries: 0, timeoutMs };
}

async function ended(client: JobClient, asked: Asked) {
  const { jobId } = await client.submit(submission(asked));
  return await client.waitFor(jobId, AbortSignal.timeout(JOB_MS_MAX));
}

function resultOf({ result }: JobView) {
  return JSON.parse(new TextDecoder().decode(result?.output));
}

async function isGone(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => false, (failure) => {
    if (failure instanceof Deno.errors.NotFound) return true;
    throw failure;
  });
}

function residentMebibytes(pid: number): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

/** The permissions with which the kinds of executor processes were started, what they list aside. */
function grantsOf(host: Host): string[][] {
  const kinds = executorsOf(host).flatMap((pid) => {
    const words = readOf(pid, "cmdline").split("\0");
    if (words.length === 1) return []; // gone meanwhile
    return [
      words.filter((word) => /^--(allow|ignore)-/.test(word))
        .map((word) => word.replace(/=.*/, "")).sort(),
    ];
  });
  return [...new Map(kinds.map((kind) => [kind.join(), kind])).values()].sort();
}

/** Executor processes carry their worker's directory in their environment. */
function executorsOf(host: Host): number[] {
  return processesWith("__executor").filter((pid) =>
    readOf(pid, "environ").includes(host.directory)
  );
}

/** What the system says of a process; "" when it is gone. */
function readOf(pid: number, what: "cmdline" | "environ"): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/${what}`);
  } catch (failure) {
    // A process that is just ending has its directory still, and answers ESRCH.
    const isGone = failure instanceof Deno.errors.NotFound ||
      (failure as { code?: string }).code === "ESRCH";
    if (isGone) return "";
    throw failure;
  }
}
