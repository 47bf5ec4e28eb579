import assert from "node:assert/strict";
import plugin, { ROOM_IMPORTS } from "./room_rules.ts";

const ROOT = new URL("../", import.meta.url);

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

Deno.test("what is imported when it is needed is held to the same", () => {
  const source = `const { x } = await import("../rpc/mod.ts"); await import("zod");`;
  assert.deepEqual(messagesFor("raft/core.ts", source), [
    "src/raft may not import src/rpc",
    "src/raft is pure and imports no library (zod)",
  ]);
  assert.deepEqual(messagesFor("cli/mod.ts", `await import("../worker/attempt.ts");`), [
    "src/worker is entered by its mod.ts",
  ]);
  assert.deepEqual(messagesFor("cli/mod.ts", `await import("../worker/executor_process.ts");`), []);
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

Deno.test("every folder of src is a room with a rule, and stands on the map with what it may import", async () => {
  const folders = [...Deno.readDirSync(new URL("src/", ROOT))].map(({ name }) => name);
  assert.deepEqual(folders.sort(), Object.keys(ROOM_IMPORTS).sort());
  const map = await Deno.readTextFile(new URL("ARCHITECTURE.md", ROOT));
  const rows = map.matchAll(/^\| `([a-z_]+)\/`[ ◆]* \| [^|]+ \| ([^|]+) \|$/gm);
  const shown = new Map(Array.from(rows, ([, room = "", imports = ""]) => [room, imports.trim()]));
  for (const [room, imports] of Object.entries(ROOM_IMPORTS)) {
    const text = shown.get(room);
    assert.ok(text !== undefined, `${room} is not on the map of ARCHITECTURE.md`);
    // Two rows say it in other words.
    if (room === "master" || room === "sdk") continue;
    const said = text.startsWith("nothing") ? [] : text.split(", ");
    assert.deepEqual(said.sort(), [...imports].sort(), `what ${room} may import`);
  }
});

Deno.test("the door of each room says what the room is for", async () => {
  for (const room of Object.keys(ROOM_IMPORTS)) {
    // The SDK has a door for each of what it is entered for.
    const doors = room === "sdk" ? ["client.ts", "worker.ts"] : ["mod.ts"];
    for (const door of doors) {
      const text = await Deno.readTextFile(new URL(`src/${room}/${door}`, ROOT));
      assert.match(text, /^\/\*\*\n(?: \*[^\n]*\n)+ \* @module\n \*\//, `src/${room}/${door}`);
    }
  }
});

Deno.test("every package that the code imports is in a table of ARCHITECTURE.md, with what it is for", async () => {
  const manifest = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const map = await Deno.readTextFile(new URL("ARCHITECTURE.md", ROOT));
  const tables = map.slice(map.indexOf("## The card's packages, and ours"))
    .split("\n").filter((line) => line.startsWith("| "));
  // A folder of a package, and a file in one, are the package's.
  const packages = Object.values<string>(manifest.imports)
    .map((target) => /^npm:\/?((?:@[^@/]+\/)?[^@/]+)@/.exec(target)?.[1] ?? assert.fail(target));
  const isNamed = (name: string) =>
    tables.some((row) => row.includes(name) || row.includes(`${name.split("/")[0]}/*`));
  assert.ok(packages.length > 30);
  assert.deepEqual([...new Set(packages)].filter((name) => !isNamed(name)), []);
});
