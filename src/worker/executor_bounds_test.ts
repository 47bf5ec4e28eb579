/** What an attempt may take of memory, processes and disk, and what becomes of who takes more. */

import assert from "node:assert/strict";
import { never, processesWith, silent, taskOf, withExecutor } from "./executor_test_support.ts";

const ON_LINUX = { ignore: Deno.build.os !== "linux" };

Deno.test({
  name: "an attempt that takes more memory than it may is ended, and the next one is well",
  ...ON_LINUX,
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
        const eaten = await executor.run(taskOf(directory, "eat"), silent, never);
        assert.ok(!eaten.ok);
        assert.match(eaten.error, /was ended: it took \d+ MiB of memory, and may take 512$/);
        assert.deepEqual((await executor.run(taskOf(directory, "fine"), silent, never)).ok, true);
      },
    ),
});

Deno.test({
  name: "a process that keeps much of what its attempt took is not given another one",
  ...ON_LINUX,
  fn: () =>
    withExecutor(
      `const kept = [];
      export const pid = () => Deno.pid;
      export function keep() {
        kept.push(new Uint8Array(300 * 1024 * 1024).fill(1));
        return Deno.pid;
      }`,
      async (executor, directory) => {
        const pids: unknown[] = [];
        for (const jobType of ["pid", "keep", "pid"]) {
          const end = await executor.run(taskOf(directory, jobType), silent, never);
          assert.ok(end.ok, end.ok ? "" : end.error);
          pids.push(JSON.parse(new TextDecoder().decode(end.output)));
        }
        assert.equal(pids[0], pids[1]);
        assert.notEqual(pids[1], pids[2]);
      },
    ),
});

Deno.test({
  name: "whoever starts more processes than it may is ended with all of them",
  ...ON_LINUX,
  fn: () => {
    const word = crypto.randomUUID();
    return withExecutor(
      `export async function many() {
        const script = "for i in $(seq 40); do setsid sh -c 'sleep 1000 # ${word}; true' & done; wait";
        await new Deno.Command("sh", { args: ["-c", script] }).output();
      }`,
      async (executor, directory) => {
        const end = await executor.run(taskOf(directory, "many"), silent, never);
        assert.ok(!end.ok);
        assert.match(end.error, /was ended: it had more than the 16 processes that it may have$/);
        assert.equal(end.fault, "processes");
        assert.deepEqual(processesWith(word), []);
      },
    );
  },
});

Deno.test({
  name: "the memory of what an attempt started counts as its own",
  ...ON_LINUX,
  fn: () =>
    withExecutor(
      // The program of tail keeps what it has read until it knows the end.
      `export async function child() {
        const script = "tail -c 2000000000 /dev/zero";
        await new Deno.Command("sh", { args: ["-c", script] }).output();
      }`,
      async (executor, directory) => {
        const end = await executor.run(taskOf(directory, "child"), silent, never);
        assert.ok(!end.ok);
        assert.match(end.error, /was ended: it took \d+ MiB of memory/);
        assert.equal(end.fault, "memory");
      },
    ),
});

Deno.test({
  name: "the system itself refuses memory to who takes it faster than anybody looks",
  ...ON_LINUX,
  fn: () =>
    withExecutor(
      `export function take() { const held = []; for (;;) held.push(new Uint8Array(32 << 20).fill(1)); }`,
      async (executor, directory) => {
        const end = await executor.run(taskOf(directory, "take"), silent, never);
        assert.ok(!end.ok);
        assert.match(end.error, /^Array buffer allocation failed$/);
      },
      {
        bounds: { memoryMebibytesMax: 1e6, processesMax: 16, diskMebibytesMax: 64 },
        dataBytesMax: 256 * 1024 * 1024,
      },
    ),
});

Deno.test({
  name: "whoever fills its directory is ended, and the directory is gone",
  ...ON_LINUX,
  fn: () =>
    withExecutor(
      `export async function fill(_payload, context) {
        const file = await Deno.create(context.tempDir + "/much");
        for (;;) {
          await file.write(new Uint8Array(1024 * 1024).fill(1));
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      }`,
      async (executor, directory) => {
        const task = taskOf(directory, "fill");
        const end = await executor.run(task, silent, never);
        assert.ok(!end.ok);
        assert.match(end.error, /it has 1 files with \d+ MiB in its directory/);
        assert.equal(end.fault, "disk");
        await assert.rejects(Deno.stat(task.tempDir), Deno.errors.NotFound);
      },
    ),
});

Deno.test("an executor runs under its worker's flags of V8, and the limit of its heap", () =>
  withExecutor(
    `import { getHeapStatistics } from "node:v8";
    export const flags = () => [typeof globalThis.gc, getHeapStatistics().heap_size_limit];`,
    async (executor, directory) => {
      const end = await executor.run(taskOf(directory, "flags"), silent, never);
      assert.ok(end.ok, end.ok ? "" : end.error);
      const [gc, limitBytes] = JSON.parse(new TextDecoder().decode(end.output));
      assert.equal(gc, "function");
      assert.ok(limitBytes < 512 * 1024 * 1024, `the heap may take ${limitBytes} bytes`);
    },
    { v8Flags: "--expose-gc" },
  ));
