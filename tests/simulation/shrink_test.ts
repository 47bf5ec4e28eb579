import assert from "node:assert/strict";
import { minimized } from "./shrink.ts";

const NUMBERS = Array.from({ length: 60 }, (_, at) => at);

for (const needed of [[], [17], [3, 59], [0, 20, 21, 40], [5, 6, 7, 8, 9, 10, 11]]) {
  Deno.test(`of sixty events exactly those that are needed are left: ${needed.join(", ")}`, async () => {
    let runs = 0;
    const fails = (kept: readonly number[]) => {
      runs++;
      return Promise.resolve(needed.every((each) => kept.includes(each)));
    };
    assert.deepEqual(await minimized(NUMBERS, fails, () => true), needed);
    assert.ok(runs < 200, `${runs} runs`);
  });
}

Deno.test("when its runs are used up, what is left still fails", async () => {
  let runs = 0;
  const fails = (kept: readonly number[]) => {
    runs++;
    return Promise.resolve([10, 30, 50].every((each) => kept.includes(each)));
  };
  const kept = await minimized(NUMBERS, fails, () => runs < 5);
  assert.ok(await fails(kept));
  assert.ok(kept.length > 3 && kept.length < 60);
});
