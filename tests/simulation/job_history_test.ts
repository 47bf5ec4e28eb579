import assert from "node:assert/strict";
import { JobHistory, keyOf } from "./job_history.ts";
import type { JobOperation } from "./job_history.ts";
import { World } from "./world.ts";

type Told = readonly [
  kind: JobOperation["kind"],
  jobId: string,
  answer: string | undefined,
  from: number,
  to: number,
];

const NEVER = Infinity;

/** Histories of one job, as clients and workers may tell them. */
const HISTORIES: readonly [name: string, possible: boolean, told: readonly Told[]][] = [
  ["a job that is submitted, seen and completed", true, [
    ["submit", "k.1", "there", 0, 5],
    ["get", "k.1", "live", 6, 7],
    ["complete", "k.1", "completed", 8, 9],
    ["get", "k.1", "completed", 10, 11],
  ]],
  ["two submissions under one key that made one job", true, [
    ["submit", "k.1", "there", 0, 5],
    ["submit", "k.1", "there", 1, 9],
  ]],
  ["two submissions under one key that made two jobs", false, [
    ["submit", "k.1", "there", 0, 5],
    ["submit", "k.2", "there", 1, 9],
  ]],
  ["a job that was acknowledged and then is not there", false, [
    ["submit", "k.1", "there", 0, 5],
    ["get", "k.1", "absent", 6, 7],
  ]],
  ["a job that is not there while it is being submitted", true, [
    ["submit", "k.1", "there", 0, 9],
    ["get", "k.1", "absent", 1, 2],
    ["get", "k.1", "live", 3, 4],
  ]],
  ["a job that is there and then is not", false, [
    ["submit", "k.1", "there", 0, 9],
    ["get", "k.1", "live", 1, 2],
    ["get", "k.1", "absent", 3, 4],
  ]],
  ["a cancel and a completion at once, of which one wins", true, [
    ["submit", "k.1", "there", 0, 1],
    ["cancel", "k.1", "cancelled", 2, 9],
    ["complete", "k.1", "refused", 2, 9],
    ["get", "k.1", "cancelled", 10, 11],
  ]],
  ["a cancel and a completion that both win", false, [
    ["submit", "k.1", "there", 0, 1],
    ["cancel", "k.1", "cancelled", 2, 9],
    ["complete", "k.1", "completed", 2, 9],
  ]],
  ["a cancel that lost against a completion, and a job that is cancelled", false, [
    ["submit", "k.1", "there", 0, 1],
    ["cancel", "k.1", "completed", 2, 9],
    ["get", "k.1", "cancelled", 10, 11],
  ]],
  ["a completed job that runs again", false, [
    ["submit", "k.1", "there", 0, 1],
    ["get", "k.1", "completed", 2, 3],
    ["get", "k.1", "live", 4, 5],
  ]],
  ["a job that failed by itself", true, [
    ["submit", "k.1", "there", 0, 1],
    ["get", "k.1", "live", 2, 3],
    ["get", "k.1", "failed", 4, 5],
    ["cancel", "k.1", "failed", 6, 7],
  ]],
  ["a cancel without an answer that took effect late", true, [
    ["submit", "k.1", "there", 0, 1],
    ["cancel", "k.1", undefined, 2, NEVER],
    ["get", "k.1", "live", 3, 4],
    ["get", "k.1", "cancelled", 5, 6],
  ]],
  ["a job that nobody cancelled, and is", false, [
    ["submit", "k.1", "there", 0, 1],
    ["get", "k.1", "cancelled", 2, 3],
  ]],
];

for (const [name, possible, told] of HISTORIES) {
  Deno.test(`${name}: ${possible ? "possible" : "impossible"}`, () => {
    const world = new World(1);
    const history = new JobHistory(world);
    for (const [kind, jobId, answer, from, to] of told) {
      world.nowMs = from;
      const call = history.begin(keyOf(jobId), kind, jobId);
      world.nowMs = to;
      if (answer !== undefined) history.end(call, answer, jobId);
    }
    assert.equal(history.fault() === undefined, possible, `${history.fault()}`);
  });
}
