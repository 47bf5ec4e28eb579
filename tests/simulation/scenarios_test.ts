import assert from "node:assert/strict";
import { SCENARIOS } from "./scenarios.ts";

for (const { id, title, run } of SCENARIOS) {
  Deno.test(`${id}: ${title}`, async () => {
    const violation = await run();
    assert.equal(violation?.message, undefined);
  });
}
