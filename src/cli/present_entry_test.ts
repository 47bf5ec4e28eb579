import assert from "node:assert/strict";
import type { EntryContent } from "../master/mod.ts";
import { entryJson, entryText } from "./present_entry.ts";

const SECRET = "c4n4ry";

function entry(content: EntryContent) {
  return { index: 7, term: 2, bytes: 40, content };
}

const SUBMIT = entry({
  kind: "command",
  command: {
    kind: "submit",
    atMs: 1_000,
    jobs: [{
      id: "j-1",
      type: "noop",
      payload: new TextEncoder().encode(SECRET),
      priority: 5,
      maxRetries: 3,
      timeoutMs: 0,
      retryDelayMs: 0,
      labels: { teamName: "x" },
    }],
  },
});

const LOGS = entry({
  kind: "command",
  command: { kind: "expire_worker", atMs: 1, workerId: "w1", logs: [SECRET, SECRET] },
} as unknown as EntryContent);

Deno.test("of payloads and log lines only the size is told, unless they are asked for", () => {
  for (const each of [SUBMIT, LOGS]) {
    assert.ok(!JSON.stringify(entryJson(each, false)).includes(SECRET));
    assert.ok(JSON.stringify(entryJson(each, true)).includes(SECRET));
    assert.ok(!entryText(each).includes(SECRET));
  }
  const { jobs } = entryJson(SUBMIT, false) as { jobs: Record<string, unknown>[] };
  assert.deepEqual(jobs[0]?.payload, { bytes: 6 });
  assert.deepEqual(entryJson(LOGS, false).logs, { lines: 2 });
});

Deno.test("names are those of all our JSON, and labels keep theirs", () => {
  const json = entryJson(SUBMIT, false) as Record<string, unknown>;
  assert.deepEqual(
    [json.index, json.term, json.kind, json.command, json.at],
    [7, 2, "command", "submit", "1970-01-01T00:00:01.000Z"],
  );
  const [job] = json.jobs as Record<string, unknown>[];
  assert.equal(job?.max_retries, 3);
  assert.deepEqual(job?.labels, { teamName: "x" });
});

Deno.test("an entry's line says what it is about", () => {
  assert.equal(entryText(SUBMIT), "submit  1 jobs (j-1)");
  assert.match(entryText(LOGS), /^expire_worker {2}w1/);
  const member = { id: "m1", address: "", incarnation: "" };
  const membership = { voters: [member], learners: [{ ...member, id: "m2" }] };
  assert.equal(entryText(entry({ kind: "membership", membership })), "voters m1; learners m2");
  assert.equal(entryText(entry({ kind: "unreadable", fault: "of format 9" })), "of format 9");
});
