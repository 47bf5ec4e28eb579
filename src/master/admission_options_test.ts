import assert from "node:assert/strict";
import type { JobOptionsView } from "../rpc/mod.ts";
import { admitOptions } from "./admission_options.ts";

Deno.test("a submission that asks for nothing has no options", () => {
  const faults: string[] = [];
  assert.equal(admitOptions(undefined, faults), undefined);
  assert.equal(admitOptions({}, faults), undefined);
  assert.equal(admitOptions({ queue: "", cpuMillis: 0 }, faults), undefined);
  assert.deepEqual(faults, []);
});

Deno.test("options become what the state takes: rules read, limits completed", () => {
  const faults: string[] = [];
  const options = admitOptions({
    queue: "q",
    group: "g",
    rateKey: "r",
    rate: { count: 5, perMs: 1000, burst: 0 },
    dependsOn: [{ jobId: "a", on: "completion" }],
    require: ["zone in (a, b)", "!slow"],
    prefer: ["ssd"],
    backoff: "fixed",
    uniqueKey: "u",
    uniqueMode: "existing",
    memoryBytes: 7,
  }, faults);
  assert.deepEqual(faults, []);
  assert.deepEqual(options, {
    queue: "q",
    uniqueKey: "u",
    group: "g",
    rateKey: "r",
    backoff: "fixed",
    uniqueMode: "existing",
    memoryBytes: 7,
    groupLimit: 1,
    rate: { count: 5, perMs: 1000, burst: 5 },
    dependencies: [{ jobId: "a", on: "completion" }],
    tagRules: [
      { tag: "zone", op: "in", values: ["a", "b"] },
      { tag: "slow", op: "missing", values: [] },
    ],
    preferredTags: [{ tag: "ssd", op: "exists", values: [] }],
  });
});

const faulty: [JobOptionsView, RegExp][] = [
  [{ backoff: "linear" }, /^backoff is "linear"; give one of exponential, fixed$/],
  [{ uniqueMode: "replace" }, /^unique_mode needs a unique_key$/],
  [{ groupLimit: 2 }, /^group_limit is 2, but no group is named$/],
  [{ group: "g", groupLimit: -1 }, /^group_limit is -1; it may be 0 to/],
  [{ rate: { count: 1, perMs: 1, burst: 0 } }, /^rate needs a rate_key/],
  [{ rateKey: "r" }, /^rate_key "r" needs a rate/],
  [{ rateKey: "r", rate: { count: 0, perMs: 1, burst: 0 } }, /^rate.count is 0; it may be 1 to/],
  [{ rateKey: "r", rate: { count: 1, perMs: 0, burst: 0 } }, /^rate.per_ms is 0; it may be 1 to/],
  [{ dependsOn: [{ on: "success" }] }, /^depends_on has an entry without a job_id$/],
  [{ dependsOn: [{ jobId: "a", on: "x" }] }, /^depends_on.on is "x"; give one of success/],
  [
    { dependsOn: [{ jobId: "a", on: "success" }, { jobId: "a", on: "failure" }] },
    /^depends_on names job a twice$/,
  ],
  [{ require: ["a b"] }, /^require "a b": /],
  [{ nonRetryableErrors: [""] }, /^non_retryable_errors has an empty text/],
  [{ expireAfterMs: 2 ** 53 }, /^expire_after is 9007199254740992 ms; it may be 0 to/],
  [{ queue: "q".repeat(257) }, /^queue has 257 characters; it may have 256$/],
  [{ schedule: "s" }, /^schedule is not to be submitted/],
];

for (const [view, message] of faulty) {
  Deno.test(`options are refused, and why: ${JSON.stringify(view).slice(0, 60)}`, () => {
    const faults: string[] = [];
    admitOptions(view, faults);
    assert.equal(faults.length, 1, faults.join("; "));
    assert.match(faults[0]!, message);
  });
}
