import assert from "node:assert/strict";
import fc from "fast-check";
import { TakenAttempts } from "./taken_attempts.ts";

Deno.test("an attempt is taken once, and a later one of its job again", () => {
  const taken = new TakenAttempts();
  assert.equal(taken.take("a", 5), "new");
  assert.equal(taken.take("a", 5), "repeated");
  assert.equal(taken.take("a", 9), "new");
  assert.equal(taken.take("a", 5), "outdated");
  assert.equal(taken.take("b", 6), "new", "another job's tokens are its own");
});

Deno.test("what is forgotten is not new: its token is not above those that were forgotten", () => {
  const taken = new TakenAttempts(2);
  for (const [jobId, token] of [["a", 1], ["b", 2], ["c", 3]] as const) {
    assert.equal(taken.take(jobId, token), "new");
  }
  assert.equal(taken.take("a", 1), "outdated");
  assert.equal(taken.take("a", 4), "new");
});

Deno.test("another cluster's attempts are not taken for old ones of this", () => {
  const taken = new TakenAttempts(1);
  for (const [jobId, token] of [["a", 1_000], ["b", 1_001]] as const) taken.take(jobId, token);
  assert.equal(taken.take("c", 5), "outdated");
  taken.forgetAll();
  assert.equal(taken.take("c", 5), "new");
});

Deno.test("no attempt is ever new twice, however many jobs there are and in whatever order", () => {
  const attempts = fc.array(fc.record({ job: fc.nat(8), token: fc.integer({ min: 1, max: 30 }) }));
  fc.assert(fc.property(attempts, fc.integer({ min: 1, max: 4 }), (offers, rememberedMax) => {
    const taken = new TakenAttempts(rememberedMax);
    const run = offers.filter(({ job, token }) => taken.take(`job-${job}`, token) === "new");
    assert.equal(new Set(run.map(({ job, token }) => `${job}#${token}`)).size, run.length);
  }));
});
