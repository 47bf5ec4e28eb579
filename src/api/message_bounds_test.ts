import assert from "node:assert/strict";
import { MasterService, Refusal } from "../rpc/mod.ts";
import { LIST_MESSAGES_MAX, MESSAGES_MAX, refuseTooMany } from "./message_bounds.ts";

const { input } = MasterService.method.submitJobs;

function refusal(json: Parameters<typeof refuseTooMany>[1]): string | undefined {
  try {
    refuseTooMany(input, json);
    return undefined;
  } catch (failure) {
    assert.ok(failure instanceof Refusal);
    assert.equal(failure.reason, "invalid");
    return failure.message;
  }
}

const many = <Each>(count: number, each: Each) => Array.from({ length: count }, () => each);

Deno.test("a list may have as many messages as a call takes jobs, wherever it stands", () => {
  assert.equal(refusal({ jobs: many(LIST_MESSAGES_MAX, {}) }), undefined);
  assert.equal(
    refusal({ jobs: many(LIST_MESSAGES_MAX + 1, {}) }),
    "10001 jobs in one call; at most 10000 are taken",
  );
  for (const name of ["depends_on", "dependsOn"]) {
    const options = { [name]: many(LIST_MESSAGES_MAX + 1, {}) };
    assert.equal(
      refusal({ jobs: [{ options }] }),
      "10001 depends_on in one call; at most 10000 are taken",
    );
  }
});

Deno.test("many lists together may not have more messages than a call has room for", () => {
  const job = { options: { depends_on: many(998, {}) } };
  assert.equal(refusal({ jobs: many(MESSAGES_MAX / 1_000, job) }), undefined);
  assert.match(
    refusal({ jobs: many(MESSAGES_MAX / 1_000 + 1, job) }) ?? "",
    /^\d+ messages in one call; at most 100000 are taken$/,
  );
});

Deno.test("what is of another kind than its field is left to whoever reads it", () => {
  for (const jobs of [null, "x", 7, {}, [null, 1, "x", []], [{ options: [] }]]) {
    assert.equal(refusal({ jobs }), undefined, JSON.stringify(jobs));
  }
});
