import assert from "node:assert/strict";
import fc from "fast-check";
import { attemptKey, AttemptMap, type AttemptName } from "./attempt_map.ts";

const names = fc.record({
  jobId: fc.constantFrom("a", "b"),
  token: fc.integer({ min: 1, max: 3 }),
});
const steps = fc.array(fc.tuple(fc.constantFrom("set", "delete"), names), { maxLength: 30 });

Deno.test("attempts are found by job and token, whichever else there are at the same job", () => {
  fc.assert(fc.property(steps, (all) => {
    const map = new AttemptMap<AttemptName & { readonly at: number }>();
    const twin = new Map<string, number>();
    all.forEach(([step, name], at) => {
      const key = attemptKey(name.jobId, name.token);
      if (step === "set") {
        map.set({ ...name, at });
        twin.set(key, at);
      } else assert.equal(map.delete(name), twin.delete(key));
      assert.equal(map.size, twin.size);
      assert.equal(map.get(name)?.at, twin.get(key));
      const held = [...map.values()].map((each) => [attemptKey(each.jobId, each.token), each.at]);
      assert.deepEqual(new Map(held as [string, number][]), twin);
    });
  }));
});
