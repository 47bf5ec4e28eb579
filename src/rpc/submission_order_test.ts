import assert from "node:assert/strict";
import type { Submission } from "./master_api.ts";
import { parentsFirst } from "./submission_order.ts";

function job(ref: string | undefined, ...parents: string[]): Submission {
  return {
    type: "noop",
    payload: new Uint8Array(0),
    priority: 0,
    ...(ref !== undefined && { ref }),
    options: { dependsOn: parents.map((parent) => ({ ref: parent, on: "success" })) },
  };
}

Deno.test("parents come before their children, and what does not depend keeps its place", () => {
  const jobs = [job("report", "a", "b"), job(undefined), job("b", "a"), job("a"), job("z")];
  assert.deepEqual(parentsFirst(jobs), [3, 2, 0, 1, 4]);
  assert.deepEqual(parentsFirst([job(undefined), job("x"), job(undefined, "x")]), [0, 1, 2]);
});

Deno.test("jobs that wait for each other are refused and named in their order", () => {
  const refused = (...jobs: Submission[]) => () => parentsFirst(jobs);
  assert.throws(refused(job("a", "b"), job("b", "c"), job("c", "a")), {
    reason: "invalid",
    message: "jobs wait for each other: a → b → c → a",
  });
  assert.throws(refused(job("x", "a"), job("a", "a")), { message: /: a → a$/ });
});

Deno.test("a ref that nobody has, or two have, is refused by name", () => {
  assert.throws(() => parentsFirst([job("a", "nobody")]), { message: /"a".*"nobody"/ });
  assert.throws(() => parentsFirst([job("a"), job("a")]), { message: /two jobs.*"a"/ });
});

Deno.test("a chain as long as a call may be is put in order", () => {
  const jobs = Array.from(
    { length: 10_000 },
    (_, at) => job(`j${at}`, ...(at < 9999 ? [`j${at + 1}`] : [])),
  );
  assert.deepEqual(parentsFirst(jobs), jobs.map((_, at) => 9999 - at));
});
