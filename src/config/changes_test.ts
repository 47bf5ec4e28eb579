import assert from "node:assert/strict";
import { changedKeys } from "./changes.ts";
import type { Role } from "./key.ts";
import { loadConfig, type LoadOptions } from "./load.ts";

const load = (text: string, role: Role, flags: LoadOptions["flags"] = {}) =>
  loadConfig({ flags: { config: "f", ...flags }, env: {}, readTextFile: () => text, role });

Deno.test("what a role reads and has changed is told by whether a running node takes it over", () => {
  const before = load("", "worker");
  const after = load(
    "worker: { max_concurrent_jobs: 7, drain_timeout: 11s, type_concurrency: { noop: 2 } }\n" +
      "log: { level: warn }\nscheduler: { job_timeout: 9m }\n",
    "worker",
  );
  assert.deepEqual(changedKeys(before, after), {
    live: ["worker.max_concurrent_jobs", "worker.type_concurrency", "log.level"],
    atStart: ["worker.drain_timeout"],
  });
  assert.deepEqual(changedKeys(after, after), { live: [], atStart: [] });
});

Deno.test("a value that a flag gives is not changed by what the file says", () => {
  const flags = { "scheduler.job_timeout": "1m" };
  const after = load("scheduler: { job_timeout: 9m }\n", "master", flags);
  assert.deepEqual(changedKeys(load("", "master", flags), after).live, []);
});
