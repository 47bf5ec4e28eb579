import assert from "node:assert/strict";
import { NO_END_MS_MAX, Peace, PEACE_MS_MAX } from "./peace.ts";

Deno.test("peace is over when something but jobs is still missing after its time", () => {
  const peace = new Peace(1_000);
  assert.equal(peace.isOver(1_000 + PEACE_MS_MAX - 1, undefined), false);
  assert.equal(peace.isOver(1_000 + PEACE_MS_MAX, undefined), true);
});

Deno.test("jobs that end one after another are no lack of liveness, however many they are", () => {
  const peace = new Peace(0);
  for (let open = 100; open > 0; open--) {
    assert.equal(peace.isOver((100 - open) * (NO_END_MS_MAX - 1), open), false, `${open} open`);
  }
});

Deno.test("replicas have time to become equal after the last of many jobs", () => {
  const peace = new Peace(0);
  peace.isOver(PEACE_MS_MAX - 1, 1);
  peace.isOver(PEACE_MS_MAX + 1_000, 0);
  assert.equal(peace.isOver(PEACE_MS_MAX + NO_END_MS_MAX, 0), false);
  assert.equal(peace.isOver(PEACE_MS_MAX + 1_000 + NO_END_MS_MAX, 0), true);
});

Deno.test("jobs of which none ends are a lack of liveness", () => {
  const peace = new Peace(0);
  assert.equal(peace.isOver(PEACE_MS_MAX - 1, 3), false);
  assert.equal(peace.isOver(PEACE_MS_MAX + 1_000, 2), false, "one has ended");
  assert.equal(peace.isOver(PEACE_MS_MAX + NO_END_MS_MAX, 2), false);
  assert.equal(peace.isOver(PEACE_MS_MAX + 1_000 + NO_END_MS_MAX, 2), true);
});

Deno.test("jobs that become more again, as retries by hand make them, do not prolong peace", () => {
  const peace = new Peace(0);
  peace.isOver(PEACE_MS_MAX - NO_END_MS_MAX, 2);
  assert.equal(peace.isOver(PEACE_MS_MAX - 1, 5), false);
  assert.equal(peace.isOver(PEACE_MS_MAX, 5), true);
});
