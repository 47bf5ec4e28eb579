/** The mutants that are cheapest to find; `deno task sim:mutants` hunts them all. */

import assert from "node:assert/strict";
import { hunt, simulateIn, withMutant } from "./mutant_hunt.ts";
import { MUTANTS } from "./mutants.ts";

function mutant(id: string) {
  const found = MUTANTS.find((each) => each.id === id);
  if (found === undefined) throw new Error(`There is no mutant ${id}`);
  return found;
}

Deno.test("every mutant's edits still fit the code", async () => {
  for (const each of MUTANTS) await withMutant(each, () => Promise.resolve());
});

for (const id of ["M3", "M8", "M17", "M38"]) {
  const { title } = mutant(id);
  Deno.test(`${id}, "${title}", is noticed within three seeds`, async () => {
    const { seeds, checker } = await hunt({ ...mutant(id), seedsMax: 3 }, true);
    assert.ok(seeds !== undefined, `nobody noticed: ${checker}`);
  });
}

Deno.test("a mutant's failing schedule is shrunk, and what is left still fails", async () => {
  await withMutant(mutant("M7"), async (directory) => {
    const run = ["--seed", "3", "--seeds", "1", "--nodes", "5", "--ticks", "400"];
    const { text, code } = await simulateIn(directory, run);
    assert.equal(code, 1, text);
    const broken = /^seed 3: ([^:]+):/m.exec(text)?.[1];
    const [, kept, planned] = /shrunk to (\d+) of (\d+) events/.exec(text) ?? [];
    assert.ok(Number(kept) < Number(planned) / 2, text);
    const keep = /--keep (\S+)/.exec(text)?.[1];
    assert.ok(keep !== undefined, text);
    const again = await simulateIn(directory, [...run, "--keep", keep]);
    assert.equal(again.code, 1, again.text);
    assert.equal(/^seed 3: ([^:]+):/m.exec(again.text)?.[1], broken);
  });
});
