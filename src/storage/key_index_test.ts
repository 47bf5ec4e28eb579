import assert from "node:assert/strict";
import { KeyIndex } from "./key_index.ts";

Deno.test("a key's rows are found, the latest first, and nearly no others", () => {
  const index = new KeyIndex();
  const keys = Array.from({ length: 20_000 }, (_, at) => `auto:${at}`);
  keys.forEach((key, at) => index.add(key, at + 1));
  index.add("auto:7", 30_000);
  for (const [at, key] of keys.entries()) assert.ok(index.candidates(key).includes(at + 1), key);
  assert.deepEqual(index.candidates("auto:7").slice(0, 2), [30_000, 8]);
  const strangers = keys.filter((key) => index.candidates(`other ${key}`).length > 0);
  assert.ok(strangers.length < 20, `${strangers.length} of 20,000`);
});

Deno.test("rows that are gone are no candidates, and make room for others", () => {
  const index = new KeyIndex();
  for (let seq = 1; seq <= 100_000; seq++) {
    index.add(`key ${seq}`, seq);
    if (seq > 500) index.goneThrough(seq - 500);
  }
  assert.deepEqual(index.candidates("key 99500"), []);
  assert.ok(index.candidates("key 99501").includes(99_501));
  assert.ok(index.candidates("key 100000").includes(100_000));
});

Deno.test("numbers beyond 32 bits are told apart", () => {
  const index = new KeyIndex();
  const first = 3 * 2 ** 32;
  for (const seq of [1, 2, 3]) index.add(`key ${seq}`, seq);
  index.goneThrough(first);
  for (let at = 1; at <= 5_000; at++) index.add(`key ${at}`, first + at);
  for (let at = 1; at <= 5_000; at++) {
    assert.deepEqual(index.candidates(`key ${at}`), [first + at]);
  }
});
