import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { AttemptListener, AttemptTask } from "./attempt.ts";
import { ProcessExecutor } from "./process_executor.ts";
import { residentBytesOf } from "./resident_memory.ts";

const MAIN = fileURLToPath(new URL("../../main.ts", import.meta.url));

/** Calls `use` with an executor of the handlers in `source`, and a directory of the call's own. */
async function withExecutor(
  source: string,
  use: (executor: ProcessExecutor, directory: string) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "conductor-executor-" });
  const handlers = join(directory, "handlers.js");
  await Deno.writeTextFile(handlers, source);
  const executor = new ProcessExecutor({
    command: [
      ...[Deno.execPath(), "run", "--quiet", "--no-check", "--allow-all"],
      ...["--unstable-raw-imports", MAIN, "__executor"],
    ],
    environment: {
      limits: {
        resultBytesMax: 1024,
        inputBytesMax: 1024,
        streamBytesMax: 1024,
        pixelsMax: 1024,
      },
      files: { readRoots: [], writeRoots: [] },
      fetchPolicy: {
        privateAddresses: "refuse",
        allowList: [],
        userAgent: "test",
        bodyBytesMax: 1024,
      },
    },
    handlerPaths: [handlers],
    heapMebibytesMax: 128,
    memoryMebibytesMax: 512,
    idleMax: 1,
  });
  try {
    await use(executor, directory);
  } finally {
    await executor.close();
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test({
  name: "an attempt that takes more memory than it may is ended, and the next one is well",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withExecutor(
      // Buffers lie outside of the heap that V8 limits.
      `export async function eat() {
        const held = [];
        while (true) {
          held.push(new Uint8Array(8 * 1024 * 1024).fill(1));
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
      }
      export const fine = () => "fine";`,
      async (executor, directory) => {
        const eaten = await executor.run(task(directory, "eat"), listener, never);
        assert.ok(!eaten.ok);
        assert.match(eaten.error, /was ended: it took \d+ MiB of memory, and may take 512$/);
        assert.deepEqual((await executor.run(task(directory, "fine"), listener, never)).ok, true);
      },
    ),
});

Deno.test("an attempt in a process of its own asks for what its parents left, each once", () =>
  withExecutor(
    `export async function child(_payload, context) {
      const [first] = context.parents;
      await context.parentResult(first.jobId);
      const { output, status } = await context.parentResult(first.jobId);
      const lost = await context.parentResult("lost").catch(({ message }) => message);
      const foreign = await context.parentResult("foreign").catch(({ name, message }) => name + message);
      return [status, new TextDecoder().decode(output), lost, foreign];
    }`,
    async (executor, directory) => {
      const asked: string[] = [];
      const end = await executor.run(
        {
          ...task(directory, "child"),
          parents: [{ jobId: "p1", status: "completed" }, { jobId: "lost", status: "failed" }],
        },
        {
          ...listener,
          parentResult(jobId) {
            asked.push(jobId);
            if (jobId === "lost") return Promise.reject(new Error("it is forgotten"));
            const output = new TextEncoder().encode("left");
            return Promise.resolve({ status: "completed", output, contentType: "", error: "" });
          },
        },
        never,
      );
      assert.ok(end.ok, end.ok ? "" : end.error);
      assert.deepEqual(JSON.parse(new TextDecoder().decode(end.output)), [
        "completed",
        "left",
        "it is forgotten",
        "PermanentJobErrorthis job does not depend on job foreign",
      ]);
      assert.deepEqual(asked, ["p1", "lost"]);
    },
  ));

Deno.test({
  name: "the memory of a process that is gone is not known",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const process = new Deno.Command("true").spawn();
    await process.status;
    assert.equal(await residentBytesOf(process.pid), undefined);
    const own = await residentBytesOf(Deno.pid);
    assert.ok(own !== undefined && own > 1024 * 1024, `this process takes ${own} bytes`);
  },
});

const never = new AbortController().signal;

const listener: AttemptListener = {
  progress: () => {},
  log: () => {},
  parentResult: (jobId) => Promise.reject(new Error(`nobody knows job ${jobId}`)),
};

function task(directory: string, jobType: string): AttemptTask {
  return {
    jobId: jobType,
    jobType,
    attempt: 1,
    payload: new TextEncoder().encode("{}"),
    parents: [],
    tempDir: join(directory, "attempt"),
  };
}
