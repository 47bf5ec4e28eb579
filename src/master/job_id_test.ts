import assert from "node:assert/strict";
import { validate, version } from "uuid";
import { newJobId } from "./job_id.ts";

Deno.test("job ids are UUIDs of version 7, each another one, in the order in which they were made", () => {
  const ids = Array.from({ length: 2_000 }, newJobId);
  for (const id of ids) assert.ok(validate(id) && version(id) === 7, id);
  assert.equal(new Set(ids).size, ids.length);
  assert.deepEqual(ids.toSorted(), ids);
});
