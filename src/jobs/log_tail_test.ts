import assert from "node:assert/strict";
import { firstLineOf, LogTail, withCutNotice } from "./log_tail.ts";
import { Scene } from "./scene_test_support.ts";

Deno.test("the last lines are kept, by number and by length, and know their numbers", () => {
  const tail = new LogTail();
  const bounds = { linesMax: 3, charactersMax: 8 };
  for (const line of ["one", "two", "three", "4", "5"]) tail.add(line, bounds);
  assert.deepEqual(tail.lines, ["three", "4", "5"]);
  assert.deepEqual([tail.firstLine, tail.nextLine], [3, 6]);
  tail.add("longer than all that is allowed", bounds);
  assert.deepEqual([tail.lines, tail.firstLine], [[], 7]);
  tail.restartAt(20);
  tail.add("later", bounds);
  assert.deepEqual([tail.lines, tail.firstLine], [["later"], 20]);
});

Deno.test("a notice says how many lines are missing, and keeps the numbers right", () => {
  assert.deepEqual(withCutNotice(["a"], 0), ["a"]);
  const shown = withCutNotice(["a"], 41);
  assert.deepEqual(shown, ["[41 earlier lines were cut]", "a"]);
  assert.deepEqual([firstLineOf(shown), firstLineOf(["a"]), firstLineOf([])], [41, 1, 1]);
});

Deno.test("a job keeps a thousand lines of its last attempt, and says what was cut before them", () => {
  const scene = new Scene();
  scene.register("w1");
  const lines = Array.from({ length: 1_200 }, (_, number) => `line ${number + 1}`);
  scene.submit("long");
  scene.assign("long");
  scene.complete("long", { logTail: lines, logLinesCut: 30 });
  const kept = scene.machine.logTail("long");
  assert.deepEqual(kept.slice(0, 2), ["[230 earlier lines were cut]", "line 201"]);
  assert.equal(kept.length, 1_001);

  scene.submit("wide");
  scene.assign("wide");
  const wide = ["x".repeat(200_000), "y".repeat(200_000)];
  scene.complete("wide", { logTail: wide, logLinesCut: 0 });
  assert.deepEqual(scene.machine.logTail("wide"), ["[1 earlier lines were cut]", wide[1]]);
});

Deno.test("a report of the first format is cut as every replica of that time cuts it", () => {
  const scene = new Scene();
  scene.register("w1");
  scene.submit("old");
  scene.assign("old");
  scene.complete("old", { logTail: Array.from({ length: 300 }, (_, number) => String(number)) });
  const kept = scene.machine.logTail("old");
  assert.deepEqual([kept.length, kept[0]], [200, "100"]);
});
