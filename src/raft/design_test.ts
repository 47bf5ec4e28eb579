/** DESIGN.md is held to what it says: the files, tests and stories that it names exist. */

import assert from "node:assert/strict";

const ROOM = new URL("./", import.meta.url);
const ROOT = new URL("../../", import.meta.url);
const page = Deno.readTextFileSync(new URL("DESIGN.md", ROOM));

/** The text of a file of this room, of the simulation, or given from the root. */
function textOf(name: string): string {
  const places = [new URL(name, ROOM), new URL(`tests/simulation/${name}`, ROOT)];
  for (const place of [...places, new URL(name, ROOT)]) {
    try {
      return Deno.readTextFileSync(place);
    } catch (failure) {
      if (!(failure instanceof Deno.errors.NotFound)) throw failure;
    }
  }
  return assert.fail(`DESIGN.md names "${name}", which is nowhere`);
}

Deno.test("every file that DESIGN.md names exists", () => {
  const names = [...page.matchAll(/`([\w./]+\.(?:ts|txt))`/g)].map((match) => match[1]!);
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
  assert.ok(checked > 40, `${checked}`);
});

Deno.test("every symbol that DESIGN.md puts behind a file is in it", () => {
  for (const [, file, symbol] of page.matchAll(/`([\w./]+\.ts)` `(#?\w+)`/g)) {
    assert.ok(textOf(file!).includes(symbol!), `${file} has no ${symbol}`);
  }
});

Deno.test("every property, scenario and mutant has its line", () => {
  for (let number = 1; number <= 25; number++) {
    assert.ok(page.includes(`\n| P${number} `), `P${number}`);
  }
  const scenarios = ["elections", "logs", "membership", "reads", "jobs"]
    .map((name) => textOf(`tests/simulation/scenarios_${name}.ts`)).join("");
  for (let number = 1; number <= 20; number++) assert.ok(scenarios.includes(`"S${number}"`));
  const mutants = textOf("mutants.ts");
  for (let number = 1; number <= 24; number++) assert.ok(mutants.includes(`"M${number}"`));
});
