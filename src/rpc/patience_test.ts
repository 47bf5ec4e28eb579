import assert from "node:assert/strict";
import { Patience } from "./patience.ts";
import { Refusal } from "./status.ts";

const full = () => new Refusal("overloaded", "full", { retryAfterMs: 1 });

/** Fails with these, one after the other, and then answers how often it was tried. */
function failing(...failures: Error[]): () => Promise<number> {
  let tries = 0;
  return () => {
    tries++;
    const failure = failures.shift();
    return failure === undefined ? Promise.resolve(tries) : Promise.reject(failure);
  };
}

Deno.test("what a full cluster refuses is tried again until there is room", async () => {
  assert.equal(await new Patience(60_000).until(failing(full(), full())), 3);
});

Deno.test("without patience, or with less than the hint asks for, it fails at once", async () => {
  await assert.rejects(new Patience(0).until(failing(full())), { message: "full" });
  const later = new Refusal("overloaded", "much later", { retryAfterMs: 3_600_000 });
  await assert.rejects(new Patience(60_000).until(failing(later)), { message: "much later" });
});

Deno.test("what more room would not help is not tried again", async () => {
  const other = new Refusal("invalid", "wrong");
  await assert.rejects(new Patience(60_000).until(failing(other)), { message: "wrong" });
  const forEver = new Refusal("overloaded", "too large for a log entry");
  await assert.rejects(new Patience(60_000).until(failing(forEver)), { message: /too large/ });
});

Deno.test("who hangs up waits no longer", async () => {
  const later = new Refusal("overloaded", "later", { retryAfterMs: 60_000 });
  const hanging = new AbortController();
  const tried = new Patience(3_600_000, hanging.signal).until(failing(later));
  hanging.abort(new Error("enough"));
  await assert.rejects(tried, { message: "enough" });
});
