import assert from "node:assert/strict";
import { analysed } from "./test_context.ts";

async function binsOf(values: readonly number[], bin_width: number) {
  const { results } = await analysed({
    data: values.map((x) => ({ x })),
    operations: [{ type: "histogram", column: "x", bin_width }],
  });
  return (results[0]!["bins"] as { from: number; to: number; count: number }[])
    .map(({ from, to, count }) => [from, to, count]);
}

Deno.test("a value that is written like an edge of bin_width lies in the bin that begins there", async () => {
  assert.deepEqual(await binsOf([0.1, 0.2, 0.3, 0.7], 0.1), [
    [0.1, 0.2, 1],
    [0.2, 0.3, 1],
    [0.3, 0.4, 1],
    [0.4, 0.5, 0],
    [0.5, 0.6, 0],
    [0.6, 0.7, 0],
    [0.7, 0.8, 1],
  ]);
  assert.deepEqual(await binsOf([-0.3, -0.25], 0.1), [[-0.3, -0.2, 2]]);
  assert.deepEqual(await binsOf([3e-7], 1e-7), [[3e-7, 4e-7, 1]]);
  assert.deepEqual(await binsOf([2.5e21], 1e21), [[2e21, 3e21, 1]]);
});

Deno.test("with any bin_width each value is within its bin", async () => {
  for (const width of [0.01, 0.3, 1 / 3, 0.7, 1.1, 7]) {
    const values = Array.from({ length: 50 }, (_, index) => Number((index * 0.1).toFixed(1)));
    const bins = await binsOf(values, width);
    for (const [from = NaN, to = NaN, count] of bins) {
      assert.equal(count, values.filter((each) => each >= from && each < to).length);
    }
    assert.equal(bins.reduce((sum, [, , count]) => sum + count!, 0), values.length);
  }
});

Deno.test("a column that varies is to itself exactly 1, and so is one that follows it", async () => {
  for (const factor of [1, 0.1, 3e-60, 1e60]) {
    const { results } = await analysed({
      data: [1, 2, 3, 7].map((x) => ({ x: x * factor, y: 5 * x * factor, z: 5 })),
      operations: [{ type: "correlation" }],
    });
    assert.deepEqual(results[0]!["matrix"], [[1, 1, null], [1, 1, null], [null, null, null]]);
  }
});
