import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";
import type { JobFilter } from "../jobs/mod.ts";
import { JobFilterSchema } from "./gen/scheduler_pb.ts";
import { filterFromWire, filterText, filterToWire, placeFromWire } from "./job_filter.ts";

const everything: JobFilter = {
  status: "failed",
  type: "resize",
  labels: { team: "red", n: "1" },
  worker: "w1",
  queue: "night",
  batchId: "b1",
  parentId: "p1",
  schedule: "nightly",
  createdFromMs: 1_700_000_000_123,
  createdBeforeMs: 1_700_000_001_456,
  deadLetter: true,
  isFinished: false,
};

Deno.test("a filter comes over the wire as it was, whole, empty and field by field", () => {
  const there = (filter: JobFilter) =>
    filterFromWire(create(JobFilterSchema, filterToWire(filter)));
  assert.deepEqual(there(everything), everything);
  assert.deepEqual(there({}), {});
  for (const [name, value] of Object.entries(everything)) {
    assert.deepEqual(there({ [name]: value }), { [name]: value });
  }
});

Deno.test("a status that there is not is refused by the field's name, with those that there are", () => {
  assert.throws(() => filterFromWire(create(JobFilterSchema, { status: "bogus" })), {
    name: "Refusal",
    reason: "invalid",
    message: /^filter\.status is "bogus"; it may be one of waiting, pending,/,
  });
});

Deno.test("times that are no dates are refused by the field's name", () => {
  for (const field of ["createdFrom", "createdBefore"] as const) {
    for (const seconds of [2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n]) {
      const filter = create(JobFilterSchema, { [field]: create(TimestampSchema, { seconds }) });
      assert.throws(() => filterFromWire(filter), {
        name: "Refusal",
        reason: "invalid",
        message: /^filter\.created_(from|before) is no date: it has -?\d+ seconds$/,
      });
    }
  }
});

Deno.test("more labels than a filter may have are refused", () => {
  const labels = Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`l${n}`, "x"]));
  assert.throws(() => filterFromWire(create(JobFilterSchema, { labels })), {
    message: "filter.labels has 17 entries; it may have 16",
  });
});

Deno.test("orders and cursors are known by their names and shapes, and fit each other and the filter", () => {
  const place = (order: string, cursor = "", filter = {}) =>
    placeFromWire({ order, cursor }, filter);
  assert.deepEqual(place(""), {});
  assert.deepEqual(place("oldest", "17"), { order: "oldest", cursor: "17" });
  const byEnd = { order: "last_finished", cursor: "1700000000000-17" };
  assert.deepEqual(placeFromWire(byEnd, { status: "failed", deadLetter: true }), byEnd);
  assert.deepEqual(placeFromWire(byEnd, { type: "a", queue: "b", worker: "c" }), byEnd);
  assert.throws(() => place("fastest"), {
    message: /^order is "fastest"; it may be one of newest,/,
  });
  assert.throws(() => place("last_finished", "17"), { message: /^cursor "17" is not one of ours/ });
  assert.throws(() => place("", "1-2"), { message: /^cursor "1-2" is not one of ours/ });
  assert.throws(() => place("first_finished", "", { createdFromMs: 1 }), {
    message: /alone, not with created_from/,
  });
});

Deno.test("a filter in words names its fields", () => {
  assert.equal(
    filterText({ type: "a", labels: { x: "y" }, isFinished: false, createdFromMs: 0 }),
    "type=a, label x=y, created_from=1970-01-01T00:00:00.000Z",
  );
});
