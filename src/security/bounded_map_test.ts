import assert from "node:assert/strict";
import fc from "fast-check";
import { BoundedMap } from "./bounded_map.ts";

Deno.test("the entry that was used longest ago makes room", () => {
  const map = new BoundedMap<string, number>(2);
  map.set("a", 1);
  map.set("b", 2);
  map.get("a");
  map.set("c", 3);
  assert.deepEqual([...map.entries()], [["a", 1], ["c", 3]]);
});

Deno.test("setting a key again pushes nothing out", () => {
  const map = new BoundedMap<string, number>(2);
  map.set("a", 1);
  map.set("b", 2);
  map.set("a", 3);
  assert.deepEqual([...map.entries()], [["b", 2], ["a", 3]]);
});

Deno.test("whatever is done, it holds what a list of the latest used would hold", () => {
  const key = fc.integer({ min: 0, max: 8 });
  const step = fc.record({ key, does: fc.constantFrom("get", "set", "delete") });
  fc.assert(fc.property(fc.array(step), fc.integer({ min: 1, max: 5 }), (steps, entriesMax) => {
    const map = new BoundedMap<number, number>(entriesMax);
    let latest: number[] = [];
    for (const { key, does } of steps) {
      const isThere = latest.includes(key);
      if (does === "get") assert.equal(map.get(key), isThere ? key : undefined);
      if (does === "set") map.set(key, key);
      if (does === "delete") assert.equal(map.delete(key), isThere);
      const others = latest.filter((other) => other !== key);
      latest = does === "set" || (does === "get" && isThere) ? [...others, key] : others;
      latest = latest.slice(-entriesMax);
      assert.deepEqual([...map.entries()].map(([held]) => held), latest);
    }
  }));
});

Deno.test("a bound that is no positive whole number is refused", () => {
  for (const bound of [0, -1, 1.5, Number.NaN]) assert.throws(() => new BoundedMap(bound));
});
