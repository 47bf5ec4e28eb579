/** The rooms' DESIGN.md are held to what they say: the files, symbols, tests and stories that they name exist. */

import assert from "node:assert/strict";
import { ROOT } from "./pages.ts";

/** Rooms that have such a page. */
const ROOMS = ["raft", "jobs"] as const;
type Room = (typeof ROOMS)[number];

function pageOf(room: Room): string {
  return Deno.readTextFileSync(new URL(`src/${room}/DESIGN.md`, ROOT));
}

/** The text of a file of the room, of the simulation, of the sources, or given from the root. */
function textOf(room: Room, name: string): string {
  for (const folder of [`src/${room}/`, "tests/simulation/", "src/", ""]) {
    try {
      return Deno.readTextFileSync(new URL(folder + name, ROOT));
    } catch (failure) {
      if (!(failure instanceof Deno.errors.NotFound)) throw failure;
    }
  }
  return assert.fail(`src/${room}/DESIGN.md names "${name}", which is nowhere`);
}

for (const room of ROOMS) {
  const page = pageOf(room);

  Deno.test(`every file that the page of ${room} names exists`, () => {
    const names = [...page.matchAll(/`([\w./]+\.(?:ts|txt|md))`/g)].map((match) => match[1]!);
    assert.ok(names.length > 50);
    for (const name of new Set(names)) textOf(room, name);
  });

  Deno.test(`every test that the page of ${room} names is in the file it names`, () => {
    let checked = 0;
    for (const [, file, quotes] of page.matchAll(/`([\w./]+\.ts)` ((?:"[^"]+"(?:, )?)+)/g)) {
      const text = textOf(room, file!);
      for (const [, quoted] of quotes!.matchAll(/"([^"]+)"/g)) {
        assert.ok(text.includes(quoted!), `${file} has no "${quoted}"`);
        checked++;
      }
    }
    assert.ok(checked > (room === "raft" ? 40 : 10), `${checked}`);
  });

  Deno.test(`every symbol that the page of ${room} puts behind a file is in it`, () => {
    for (const [, file, symbol] of page.matchAll(/`([\w./]+\.ts)` `(#?\w+)`/g)) {
      assert.ok(textOf(room, file!).includes(symbol!), `${file} has no ${symbol}`);
    }
  });
}

Deno.test("every property of consensus, every scenario and mutant has its line", () => {
  const page = pageOf("raft");
  for (let number = 1; number <= 25; number++) {
    assert.ok(page.includes(`\n| P${number} `), `P${number}`);
  }
  const scenarios = ["elections", "logs", "membership", "reads", "jobs"]
    .map((name) => textOf("raft", `scenarios_${name}.ts`)).join("");
  for (let number = 1; number <= 22; number++) assert.ok(scenarios.includes(`"S${number}"`));
  const mutants = textOf("raft", "mutants.ts");
  for (let number = 1; number <= 49; number++) assert.ok(mutants.includes(`"M${number}"`));
});

Deno.test("every number of a promise about jobs that tests and judges name has its line", async () => {
  const page = pageOf("jobs");
  const judges = ["job_oracle.ts", "job_history.ts", "job_actors.ts"];
  let texts = judges.map((name) => textOf("jobs", name)).join("");
  for await (const { name } of Deno.readDir(new URL("src/jobs/", ROOT))) {
    if (name.endsWith("_test.ts")) texts += textOf("jobs", name);
  }
  const named = new Set(texts.match(/\bJ[0-9]+\b/g));
  assert.ok(named.size > 5);
  for (const each of named) assert.ok(page.includes(`\n| ${each} `), each);
});
