import assert from "node:assert/strict";
import { Lives } from "./lives.ts";

const FIRST = { incarnation: "i", life: "first", address: "a:1" };
const SECOND = { incarnation: "i", life: "second", address: "b:1" };

Deno.test("of two processes of one data directory the first is heard while it lives", () => {
  let nowMs = 0;
  const lives = new Lives(() => nowMs);
  const stream = {};
  assert.equal(lives.heard(FIRST, stream), undefined);
  assert.equal(lives.heard(SECOND, {}), "a:1");
  assert.equal(lives.otherOf(SECOND), "a:1");
  assert.equal(lives.otherOf(FIRST), undefined);
  nowMs = 2_900;
  assert.equal(lives.heard(FIRST, stream), undefined);
  nowMs = 5_800;
  assert.equal(lives.heard(SECOND, {}), "a:1", "it was heard a moment ago");
});

Deno.test("a process is gone with its last connection", () => {
  const lives = new Lives(() => 0);
  const [talk, snapshot] = [{}, {}];
  lives.heard(FIRST, talk);
  lives.heard(FIRST, snapshot);
  lives.ended(snapshot);
  assert.equal(lives.heard(SECOND, {}), "a:1");
  lives.ended(talk);
  assert.equal(lives.heard(SECOND, {}), undefined);
});

Deno.test("a process that is silent on an open connection gives way, and is turned away then", () => {
  let nowMs = 0;
  const lives = new Lives(() => nowMs);
  const [first, second] = [{}, {}];
  lives.heard(FIRST, first);
  nowMs = 3_000;
  assert.equal(lives.heard(SECOND, second), undefined);
  assert.equal(lives.heard(FIRST, first), "b:1");
  lives.ended(first);
  assert.equal(
    lives.otherOf(FIRST),
    "b:1",
    "the end of the old one's connection is not the other's",
  );
});

Deno.test("other data directories, and peers that tell nothing of their lives, are nobody's rivals", () => {
  const lives = new Lives(() => 0);
  lives.heard(FIRST, {});
  assert.equal(lives.heard({ ...SECOND, incarnation: "another" }, {}), undefined);
  assert.equal(lives.heard({ ...SECOND, life: "" }, {}), undefined);
  assert.equal(lives.heard({ incarnation: "", life: "", address: "" }, {}), undefined);
});
