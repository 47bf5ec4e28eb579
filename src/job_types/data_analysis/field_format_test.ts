import assert from "node:assert/strict";
import { analysed, analysedAsCsv, lastRows } from "./test_context.ts";

async function typesOf(payload: unknown): Promise<Record<string, string>> {
  const { source } = await analysed(payload);
  return Object.fromEntries(source.columns.map(({ name, type }) => [name, type]));
}

const GERMAN = [
  "Datum;Zeit;Menge;Preis;Version;Artikel",
  "31.12.2024;31.12.2024 23:59;1.234;1.234,50;1.2;12.3",
  "1.2.2025;1.2.2025 8:05:30;12;-0,5;1.10;Regal 4",
  "01.02.2025;2025-02-01 08:05;1.000.000;7;n/a;",
].join("\n");

const CSV = { decimal: ",", thousands: ".", dates: "dmy", null_values: ["n/a"] };

Deno.test("numbers and dates as they are written in Germany are numbers and dates", async () => {
  assert.deepEqual(await typesOf({ data: GERMAN, csv: CSV }), {
    Datum: "date",
    Zeit: "timestamp",
    Menge: "integer",
    Preis: "real",
    Version: "text",
    Artikel: "text",
  });
  const rows = await lastRows({ data: GERMAN, csv: CSV, operations: ["select"] });
  assert.deepEqual(rows, [
    {
      Datum: "2024-12-31",
      Zeit: "2024-12-31T23:59:00",
      Menge: 1234,
      Preis: 1234.5,
      Version: "1.2",
      Artikel: "12.3",
    },
    {
      Datum: "2025-02-01",
      Zeit: "2025-02-01T08:05:30",
      Menge: 12,
      Preis: -0.5,
      Version: "1.10",
      Artikel: "Regal 4",
    },
    {
      Datum: "2025-02-01",
      Zeit: "2025-02-01T08:05:00",
      Menge: 1_000_000,
      Preis: 7,
      Version: null,
      Artikel: null,
    },
  ]);
});

Deno.test("conditions, groups, SQL and descriptions see the standard form", async () => {
  const rows = await lastRows({
    data: GERMAN,
    csv: CSV,
    operations: [
      { type: "filter", column: "Datum", op: "gte", value: "2025-01-01" },
      {
        type: "group_by",
        by: ["Datum"],
        aggregates: [{ fn: "sum", column: "Preis" }, { fn: "max", column: "Menge" }],
      },
    ],
  });
  assert.deepEqual(rows, [{ Datum: "2025-02-01", sum_Preis: 6.5, max_Menge: 1_000_000 }]);
  const sql = await lastRows({
    data: GERMAN,
    csv: CSV,
    sql: "SELECT strftime('%Y', Datum) AS year, sum(Menge) AS n FROM data GROUP BY 1 ORDER BY 1",
  });
  assert.deepEqual(sql, [{ year: "2024", n: 1234 }, { year: "2025", n: 1_000_012 }]);
  const { results } = await analysed({ data: GERMAN, csv: CSV, operations: ["describe"] });
  const columns = results[0]!["columns"] as { name: string; min: unknown; distinct: number }[];
  assert.deepEqual(columns.map(({ name, min, distinct }) => [name, min, distinct]), [
    ["Datum", "2024-12-31", 2],
    ["Zeit", "2024-12-31T23:59:00", 3],
    ["Menge", 12, 3],
    ["Preis", -0.5, 3],
    ["Version", "1.10", 2],
    ["Artikel", "12.3", 2],
  ]);
});

Deno.test("a number that does not fit what was said is a text, and so is its column", async () => {
  const cases: [string, Record<string, unknown>, string][] = [
    ["1.5", { decimal: "," }, "text"],
    ["1,5", {}, "text"],
    ["1,5", { decimal: "," }, "real"],
    ["1,234", { thousands: "," }, "integer"],
    ["1,23", { thousands: "," }, "text"],
    ["12,34,567", { thousands: "," }, "text"],
    ["1\u00a0234", { thousands: " " }, "integer"],
    ["1\u202f234,5", { thousands: " ", decimal: "," }, "real"],
    ["1'234'567.25", { thousands: "'" }, "real"],
    ["0,123", { thousands: "," }, "text"],
    ["007", { decimal: "," }, "text"],
    ["1,5e3", { decimal: "," }, "real"],
    ["31/12/2024", { dates: "mdy" }, "text"],
    ["12/31/2024", { dates: "mdy" }, "date"],
    ["31/12/2024", { dates: "dmy" }, "date"],
    ["30.02.2024", { dates: "dmy" }, "text"],
    ["1/2-2024", { dates: "dmy" }, "text"],
    ["12/31/2024 9:30", { dates: "mdy" }, "timestamp"],
  ];
  for (const [field, csv, type] of cases) {
    const types = await typesOf({ data: `v;w\n${field};1\n`, csv: { delimiter: ";", ...csv } });
    assert.equal(types["v"], type, `${field} with ${JSON.stringify(csv)}`);
  }
});

Deno.test("one sign cannot be both for decimals and for thousands", async () => {
  await assert.rejects(
    analysed({ data: "a\n1", csv: { decimal: ",", thousands: "," } }),
    (error) => {
      assert.match(String(error), /is the decimal sign too/);
      return true;
    },
  );
});

Deno.test("an empty table is refused, one of names alone has no rows, and names are made unique", async () => {
  await assert.rejects(analysed({ data: "" }), /is empty: it has not even a line of names/);
  await assert.rejects(analysed({ data: "\ufeff\r\n\r\n" }), /is empty/);
  const { source, results } = await analysed({ data: "a,b\r\n" });
  assert.deepEqual([source.rows, source.columns], [0, [
    { name: "a", type: "text" },
    { name: "b", type: "text" },
  ]]);
  assert.deepEqual(results[1]!["rows"], []);
  const twice = await analysedAsCsv({ data: "a,A,a,,\n1,2,3,4,5\n", output: { format: "csv" } });
  assert.equal(twice, "a,A_2,a_3,column_4,column_5\r\n1,2,3,4,5\r\n");
});

Deno.test("a column keeps the name that it alone has, whatever names are made up for others", async () => {
  const { source } = await analysed({ data: "a,A,a_2,,column_4\n1,2,3,4,5\n" });
  assert.deepEqual(
    source.columns.map(({ name }) => name),
    ["a", "A_3", "a_2", "column_4_2", "column_4"],
  );
});

Deno.test("a single column with nulls is written so that it is read back with all its rows", async () => {
  const rows = [{ a: 1 }, { a: null }, { a: 3 }];
  const csv = await analysedAsCsv({ data: rows, output: { format: "csv" } });
  assert.equal(csv, 'a\r\n1\r\n""\r\n3\r\n');
  const { source, results } = await analysed({ data: csv });
  assert.equal(source.rows, 3);
  assert.deepEqual(results.at(-1)!["rows"], rows);
});

Deno.test("a first line that names the delimiter, as Excel has it, is no row", async () => {
  const rows = [{ a: "1,5", b: 2 }];
  for (const lineEnd of ["\n", "\r\n", "\r"]) {
    const data = ["sep=;", "a;b", "1,5;2", ""].join(lineEnd);
    for (const csv of [{}, { delimiter: ";" }, { trim: true }]) {
      const { source, results } = await analysed({ data, csv, operations: [{ type: "select" }] });
      assert.deepEqual([source.rows, results[0]!["rows"]], [1, rows]);
    }
  }
  const { source } = await analysed({ data: "sep=,x\n1,2\n" });
  assert.deepEqual(source.columns.map(({ name }) => name), ["sep=", "x"]);
});
