import assert from "node:assert/strict";
import { processUsageMeter } from "./process_usage.ts";

/** A process that starts another, which computes; both end when their stdin does. */
const PARENT = `const child = new Deno.Command(Deno.execPath(), {
  args: ["eval", "const held = new Uint8Array(64 * 1024 * 1024).fill(1); for (;;) held[0]++;"],
  stdin: "null", stdout: "null", stderr: "null",
}).spawn();
for await (const _ of Deno.stdin.readable);
child.kill("SIGKILL");
await child.status;`;

Deno.test({
  name: "what the processes below a process use is seen at any depth, and gone with them",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    let nowMs = 0;
    // Below a shell: other tests of this process have children as well.
    const parent = new Deno.Command("sh", {
      args: ["-c", '"$0" eval "$1"; exit', Deno.execPath(), PARENT],
      stdin: "piped",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const usage = processUsageMeter(() => nowMs, parent.pid);
    const look = () => {
      nowMs += 2_000;
      return usage();
    };
    try {
      await until(() => {
        const { executorProcesses, executorsCpu, executorsMemoryBytes } = look();
        return executorProcesses === 2 && executorsCpu > 0 &&
          executorsMemoryBytes > 64 * 1024 * 1024;
      });
    } finally {
      await parent.stdin.close();
      await parent.status;
    }
    await until(() => look().executorProcesses === 0);
    const { executorsCpu, executorsMemoryBytes, workerMemoryBytes } = usage();
    assert.deepEqual([executorsCpu, executorsMemoryBytes], [0, 0]);
    assert.ok(workerMemoryBytes > 10 * 1024 * 1024);
  },
});

Deno.test("looks that follow each other closely give the numbers of the last one", () => {
  let nowMs = 0;
  const usage = processUsageMeter(() => nowMs);
  nowMs += 2_000;
  const first = usage();
  nowMs += 1_999;
  assert.equal(usage(), first);
  nowMs += 1;
  assert.notEqual(usage(), first);
});

async function until(holds: () => boolean): Promise<void> {
  const endMs = performance.now() + 60_000;
  while (performance.now() < endMs) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("it did not come true within 60 s");
}
