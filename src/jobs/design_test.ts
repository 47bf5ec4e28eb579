/** DESIGN.md is held to what it says: the files, symbols and tests that it names exist. */

import assert from "node:assert/strict";

const ROOM = new URL("./", import.meta.url);
const ROOT = new URL("../../", import.meta.url);
const page = Deno.readTextFileSync(new URL("DESIGN.md", ROOM));

/** The text of a file of this room, of the simulation, of the sources, or given from the root. */
function textOf(name: string): string {
  const places = [
    new URL(name, ROOM),
    new URL(`tests/simulation/${name}`, ROOT),
    new URL(`src/${name}`, ROOT),
    new URL(name, ROOT),
  ];
  for (const place of places) {
    try {
      return Deno.readTextFileSync(place);
    } catch (failure) {
      if (!(failure instanceof Deno.errors.NotFound)) throw failure;
    }
  }
  return assert.fail(`DESIGN.md names "${name}", which is nowhere`);
}

Deno.test("every file that DESIGN.md names exists", () => {
  const names = [...page.matchAll(/`([\w./]+\.(?:ts|md))`/g)].map((match) => match[1]!);
  assert.ok(names.length > 50);
  for (const name of new Set(names)) textOf(name);
});

Deno.test("every test that DESIGN.md names is in the file it names", () => {
  let checked = 0;
  for (const [, file, quotes] of page.matchAll(/`([\w./]+\.ts)` ((?:"[^"]+"(?:, )?)+)/g)) {
    const text = textOf(file!);
    for (const [, quoted] of quotes!.matchAll(/"([^"]+)"/g)) {
      assert.ok(text.includes(quoted!), `${file} has no "${quoted}"`);
      checked++;
    }
  }
  assert.ok(checked > 10, `${checked}`);
});

Deno.test("every number of a promise that tests name has its line", async () => {
  const judges = ["job_oracle.ts", "job_history.ts", "job_actors.ts"].map(textOf).join("");
  let texts = judges;
  for await (const { name } of Deno.readDir(ROOM)) {
    if (name.endsWith("_test.ts")) texts += textOf(name);
  }
  const named = new Set(texts.match(/\bJ[0-9]+\b/g));
  assert.ok(named.size > 5);
  for (const each of named) assert.ok(page.includes(`\n| ${each} `), each);
});
