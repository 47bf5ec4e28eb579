import assert from "node:assert/strict";
import { agreedFormat } from "./entry_format.ts";

Deno.test("a leader writes what the least of its members reads, and it itself", () => {
  const own = { oldest: 2, newest: 5 };
  const table: [readonly (number | undefined)[], number][] = [
    [[], 5],
    [[5, 5], 5],
    [[7, 6], 5],
    [[5, 3], 3],
    [[5, undefined], 2],
    [[5, 0], 2],
  ];
  for (const [announced, format] of table) {
    assert.equal(agreedFormat(announced, own), format, JSON.stringify(announced));
  }
});

Deno.test("a member that reads only what this program no longer writes gets the oldest it can", () => {
  assert.equal(agreedFormat([1], { oldest: 2, newest: 3 }), 2);
});
