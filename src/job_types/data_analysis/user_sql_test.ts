import assert from "node:assert/strict";
import fc from "fast-check";
import { PermanentJobError } from "../contract.ts";
import { lastResult, lastRows } from "./test_context.ts";

const data = "name,units,flag\nann,3,true\nbob,5,false\ncid,9007199254740993,true\n";

async function refusal(sql: string): Promise<string> {
  const error = await lastResult({ data, sql }).then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.ok(error instanceof PermanentJobError, `${sql} was let through`);
  return error.message;
}

Deno.test("one SELECT over data yields its rows", async () => {
  const sql = "SELECT name, units * 2 AS twice FROM data WHERE flag AND units < 100;";
  assert.deepEqual(await lastRows({ data, sql }), [{ name: "ann", twice: 6 }]);
});

Deno.test("WITH, recursion, VALUES, json_each and comments are let through", async () => {
  const queries = [
    ["WITH t AS (SELECT name AS n FROM data) SELECT n FROM t LIMIT 1", [{ n: "ann" }]],
    [
      "WITH RECURSIVE r(n) AS (VALUES(1) UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT max(n) AS n FROM r",
      [{ n: 3 }],
    ],
    ["VALUES (7)", [{ column1: 7 }]],
    ["SELECT value AS v FROM json_each('[1]')", [{ v: 1 }]],
    ["-- why; not\n/* ; */ SELECT ';' AS s, \"name\" FROM data LIMIT 1 ; -- end;", [{
      s: ";",
      name: "ann",
    }]],
    ["; ; SELECT count(*) AS n FROM data", [{ n: 3 }]],
  ] as const;
  for (const [sql, rows] of queries) assert.deepEqual(await lastRows({ data, sql }), rows);
});

Deno.test("an integer beyond 2^53 comes back as its digits", async () => {
  assert.deepEqual(await lastRows({ data, sql: "SELECT max(units) AS most FROM data" }), [
    { most: "9007199254740993" },
  ]);
});

Deno.test("two columns of one name are told apart in the result", async () => {
  assert.deepEqual(await lastRows({ data, sql: "SELECT 1 AS a, 2 AS a" }), [{ a: 1, a_2: 2 }]);
});

Deno.test("whatever is not one SELECT over data is refused", async () => {
  const other = await Deno.makeTempFile({ suffix: ".sqlite" });
  try {
    const refused: [string, RegExp][] = [
      [`ATTACH DATABASE '${other}' AS other`, /not a SELECT/],
      ["DETACH DATABASE main", /not a SELECT/],
      ["PRAGMA database_list", /not a SELECT/],
      ["PRAGMA temp_store_directory = '/'", /not a SELECT/],
      ["SELECT * FROM pragma_database_list", /only the table data/],
      ["SELECT * FROM sqlite_master", /only the table data/],
      ["SELECT * FROM sqlite_temp_schema", /only the table data/],
      ["SELECT * FROM dbstat", /only the table data/],
      ["SELECT (SELECT group_concat(sql) FROM sqlite_schema)", /only the table data/],
      ["SELECT load_extension('/tmp/x.so')", /load_extension/],
      ["SELECT fts3_tokenizer('simple')", /fts3_tokenizer/],
      ["SELECT readfile('/etc/passwd')", /no such function|readfile/],
      ["INSERT INTO raw_data VALUES (1, 2, 3)", /SELECT/],
      ["WITH t AS (SELECT 1) DELETE FROM raw_data", /SELECT/],
      ["UPDATE raw_data SET c0 = 1", /SELECT/],
      ["DROP VIEW data", /SELECT/],
      ["CREATE TABLE t (x)", /not a SELECT/],
      ["CREATE TEMP TABLE t AS SELECT 1", /not a SELECT/],
      ["CREATE VIRTUAL TABLE t USING fts5(x)", /not a SELECT/],
      [`VACUUM INTO '${other}.copy'`, /SELECT/],
      ["BEGIN", /not a SELECT/],
      ["SAVEPOINT s", /not a SELECT/],
      ["REINDEX", /SELECT/],
      ["ANALYZE", /SELECT/],
      ["SELECT 1; SELECT 2", /more than one statement/],
      ["SELECT 1; DROP VIEW data", /more than one statement/],
      ["SELECT 1\0; DROP VIEW data", /NUL/],
      ["-- nothing", /empty/],
      ["/* nothing", /empty/],
      [" ; ;; ", /empty/],
      ["SELEC 1", /not a SELECT/],
      ["SELECT 1 FORM data WHERE", /does not compile: near "data"/],
      ["EXPLAIN SELECT 1", /not a SELECT/],
      ["SELECT count(*) FROM pragma_database_list", /only the table data/],
      ["SELECT count(*) FROM pragma_temp_store_directory", /only the table data|no such table/],
      ["SELECT * FROM nowhere", /no such table/],
    ];
    for (const [sql, reason] of refused) assert.match(await refusal(sql), reason, sql);
    await assert.rejects(Deno.stat(`${other}.copy`), Deno.errors.NotFound);
  } finally {
    await Deno.remove(other);
  }
});

Deno.test("an unknown column in SQL is answered with the nearest one", async () => {
  assert.match(
    await refusal("SELECT nmae FROM data"),
    /no column "nmae" \(did you mean "name"\?\)/,
  );
});

Deno.test("a statement that fails while it runs is a permanent failure with SQLite's reason", async () => {
  assert.match(await refusal("SELECT abs(-9223372036854775807 - 1)"), /failed: integer overflow/);
  assert.match(await refusal("SELECT length(zeroblob(999999999))"), /too big/);
  assert.match(await refusal("SELECT json_extract('{', '$')"), /malformed JSON/);
});

Deno.test("rows of an endless query end at the limit", async () => {
  const sql = "WITH RECURSIVE r(n) AS (VALUES(1) UNION ALL SELECT n + 1 FROM r) SELECT n FROM r";
  const result = await lastResult({ data, operations: [{ type: "sql", query: sql, limit: 3 }] });
  assert.deepEqual(result.rows, [{ n: 1 }, { n: 2 }, { n: 3 }]);
  assert.equal(result.truncated, true);
});

Deno.test("rows of an endless query end where the result is full", async () => {
  const query = "WITH RECURSIVE r(n) AS (VALUES(1) UNION ALL SELECT n + 1 FROM r) " +
    "SELECT printf('%.1000c', 'x') AS text FROM r";
  const operations = [{ type: "sql", query, limit: 1_000_000 }];
  const result = await lastResult({ data, operations }, { limits: { resultBytesMax: 50_000 } });
  assert.equal(result.truncated, true);
  const { length } = result.rows as unknown[];
  assert.ok(length > 40 && length < 50, `${length} rows`);
});

Deno.test("SQL sees the rows that the filters before it left", async () => {
  const operations = [
    { type: "filter", column: "name", op: "ne", value: "bob" },
    { type: "sql", query: "SELECT count(*) AS n FROM data" },
    { type: "filter", column: "name", op: "ne", value: "ann" },
    { type: "sql", query: "SELECT name FROM data" },
  ];
  assert.deepEqual(await lastRows({ data, operations: operations.slice(0, 2) }), [{ n: 2 }]);
  assert.deepEqual(await lastRows({ data, operations }), [{ name: "cid" }]);
});

Deno.test("no text made of SQL's own pieces gets past the refusals or ends the process", async () => {
  const pieces = fc.constantFrom(
    "SELECT",
    "ATTACH",
    "PRAGMA",
    "data",
    "*",
    "FROM",
    ";",
    "--",
    "/*",
    "*/",
    "'",
    '"',
    "`",
    "[",
    "]",
    "1",
    "(",
    ")",
    ",",
    "\n",
    "name",
    "WITH",
    "AS",
    "x",
    "DELETE",
    "sqlite_master",
    "\ufeff",
  );
  const runs = { numRuns: 60 };
  await fc.assert(
    fc.asyncProperty(fc.array(pieces, { minLength: 1, maxLength: 8 }), async (words) => {
      try {
        await lastResult({ data, sql: words.join(" ") });
      } catch (error) {
        assert.ok(error instanceof PermanentJobError, String(error));
      }
    }),
    runs,
  );
});
