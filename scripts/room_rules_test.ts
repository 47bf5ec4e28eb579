import assert from "node:assert/strict";
import plugin from "./room_rules.ts";

function messagesFor(file: string, source: string): string[] {
  return Deno.lint.runPlugin(plugin, `/repo/src/${file}`, source).map((each) => each.message);
}

Deno.test("a room may not import a room above it", () => {
  assert.deepEqual(messagesFor("jobs/machine.ts", `import { x } from "../rpc/mod.ts";`), [
    "src/jobs may not import src/rpc",
  ]);
});

Deno.test("a room is entered by its mod.ts", () => {
  assert.deepEqual(messagesFor("rpc/server.ts", `import { x } from "../jobs/job.ts";`), [
    "src/jobs is entered by its mod.ts",
  ]);
  assert.deepEqual(messagesFor("rpc/server.ts", `import { x } from "../jobs/mod.ts";`), []);
});

Deno.test("a pure room imports no library", () => {
  const found = messagesFor("raft/core.ts", `import { z } from "zod";`);
  assert.deepEqual(found, ["src/raft is pure and imports no library (zod)"]);
});

Deno.test("a pure room reads no clock and rolls no dice", () => {
  const source = `
    const a = Date.now();
    const b = new Date();
    const c = Math.random();
    setTimeout(() => {}, 1);
    const d = Math.max(1, 2);
  `;
  assert.equal(messagesFor("raft/core.ts", source).length, 4);
  assert.equal(messagesFor("storage/raft_log.ts", source).length, 0);
  assert.equal(messagesFor("raft/core_test.ts", source).length, 0);
});

Deno.test("a room that is embedded in other programs enters by light doors", () => {
  assert.deepEqual(messagesFor("sdk/client.ts", `import { x } from "../rpc/mod.ts";`), [
    "src/sdk enters src/rpc by its light.ts",
  ]);
  assert.deepEqual(messagesFor("sdk/client.ts", `import { x } from "../rpc/light.ts";`), []);
  assert.deepEqual(messagesFor("sdk/client.ts", `import { x } from "../jobs/mod.ts";`), []);
});

Deno.test("nothing imports what is embedded", () => {
  assert.deepEqual(messagesFor("worker/worker.ts", `import { x } from "../sdk/client.ts";`), [
    "src/worker may not import src/sdk",
  ]);
});
