import assert from "node:assert/strict";
import { Breathing } from "../breathing.ts";
import { CurrentRows } from "./current_rows.ts";
import { describeColumns } from "./describe.ts";
import { loadTable } from "./load.ts";
import { payloadSchema } from "./payload.ts";
import { Table } from "./table.ts";
import { analysed, lastResult, withContext } from "./test_context.ts";

/** Numbers that repeat, texts that do not, dates in two ways of writing, holes, and both kinds of late surprise. */
const MIXED = [
  "n,price,name,day,seen,flag,late,big",
  ...Array.from({ length: 500 }, (_, row) =>
    [
      row % 7 === 3 ? "" : row % 40,
      ((row * 37) % 101) / 8,
      `name ${row % 250} of a considerable length`,
      `2024-0${1 + row % 9}-1${row % 10}`,
      row % 2 === 0 ? `2024-01-01T10:00:0${row % 10}Z` : `2024-01-01 11:00:00.${row % 10}+01:00`,
      row % 3 === 0 ? "true" : "False",
      row === 499 ? "none" : row,
      row === 250 ? "9007199254740993" : row,
    ].join(",")),
].join("\n");

const AT_ONCE = { numbersMax: 1_000_000, textsMax: 100_000, textLengthMax: 1_000_000 };

Deno.test("gathered on the way, in a scan or sorted by SQLite, a description is the same", async () => {
  const payload = payloadSchema.parse({
    data: MIXED,
    operations: [{ type: "describe", top: 3, quantiles: [0.1, 0.99] }],
  });
  await withContext(async (context) => {
    const loaded = await loadTable(payload, context);
    const described = async (gathered: typeof loaded.gathered, memory: typeof AT_ONCE) => {
      using table = new Table({ ...loaded, gathered }, context.tempDir);
      return await describeColumns(table, new CurrentRows(), {
        columns: table.columns,
        top: 3,
        quantiles: [0.1, 0.99],
        dates: "iso",
        breathing: new Breathing(context.signal),
        onColumn: () => {},
        memory,
      });
    };
    const scanned = await described([], AT_ONCE);
    const types = scanned.columns.map(({ type }) => type);
    assert.deepEqual(types, [
      "integer",
      "real",
      "text",
      "date",
      "timestamp",
      "boolean",
      "text",
      "integer",
    ]);
    assert.deepEqual(await described(loaded.gathered, AT_ONCE), scanned);
    // Once more: what was gathered is not used up.
    assert.deepEqual(await described(loaded.gathered, AT_ONCE), scanned);
    const nothing = { numbersMax: 0, textsMax: 0, textLengthMax: 0 };
    assert.deepEqual(await described([], nothing), scanned);
  });
});

Deno.test("numbers that begin to repeat no more are described as if each had been kept", async () => {
  // Two of each up to 12,500, and then so many more that counting ends.
  const values = Array.from({ length: 50_000 }, (_, row) => row < 25_000 ? row >> 1 : row / 2);
  const { columns } = await lastResult({
    data: ["v", ...values].join("\n"),
    operations: [{ type: "describe", top: 2, quantiles: [0.25, 1] }],
  }) as unknown as { columns: Record<string, unknown>[] };
  const { sum, mean, median, ...described } = columns[0]!;
  assert.deepEqual(
    [
      described["count"],
      described["distinct"],
      described["min"],
      described["max"],
      described["top"],
    ],
    [50_000, 37_500, 0, 24_999.5, [{ value: 0, count: 2 }, { value: 1, count: 2 }]],
  );
  assert.equal(sum, values.reduce((total, value) => total + value, 0));
  assert.equal(mean, (sum as number) / 50_000);
  assert.equal(median, (values[24_999]! + values[25_000]!) / 2);
});

Deno.test("a description after a filter is of the rows that are left", async () => {
  const { results } = await analysed({
    data: MIXED,
    operations: ["describe", { type: "filter", column: "n", op: "lt", value: 10 }, "describe"],
  });
  const [whole, , part] = results as unknown as { rows: number; columns: { max: unknown }[] }[];
  assert.equal(whole!.rows, 500);
  const left = Array.from({ length: 500 }, (_, row) => row)
    .filter((row) => row % 7 !== 3 && row % 40 < 10);
  assert.equal(part!.rows, left.length);
  assert.deepEqual([whole!.columns[0]!.max, part!.columns[0]!.max], [39, 9]);
});

Deno.test("quantiles are between values as numpy has them, of great integers too", async () => {
  const quantilesOf = async (values: readonly (number | string)[]) => {
    const { columns } = await lastResult({
      data: ["v", ...values].join("\n"),
      operations: [{ type: "describe", quantiles: [0, 0.1, 0.5, 1] }],
    }) as unknown as { columns: { quantiles: { q: number; value: unknown }[] }[] };
    return columns[0]!.quantiles.map(({ value }) => value);
  };
  assert.deepEqual(await quantilesOf([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), [1, 1.9, 5.5, 10]);
  assert.deepEqual(await quantilesOf(["9007199254740993", "9007199254740995"]), [
    "9007199254740993",
    9007199254740994, // 9007199254740993.2: no integer, so a double
    "9007199254740994",
    "9007199254740995",
  ]);
});

Deno.test("a group's quantile and variance are those of its values", async () => {
  const { rows } = await lastResult({
    data: "k,v\na,1\na,2\na,4\na,8\nb,5\n",
    operations: [{
      type: "group_by",
      by: ["k"],
      aggregates: [
        { fn: "quantile", column: "v", q: 0.9 },
        { fn: "median", column: "v" },
        { fn: "variance", column: "v" },
      ],
    }],
  });
  assert.deepEqual(rows, [
    { k: "a", "quantile_0.9_v": 6.800000000000001, median_v: 3, variance_v: 9.583333333333334 },
    { k: "b", "quantile_0.9_v": 5, median_v: 5, variance_v: null },
  ]);
});
