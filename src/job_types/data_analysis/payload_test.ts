import assert from "node:assert/strict";
import { parsePayload } from "../payload.ts";
import { analyse } from "./analysis.ts";
import { dataAnalysis } from "./mod.ts";
import { lastRows, withContext } from "./test_context.ts";

function faultsOf(payload: unknown): readonly string[] {
  const parsed = parsePayload(dataAnalysis, new TextEncoder().encode(JSON.stringify(payload)));
  return parsed.ok ? [] : parsed.faults;
}

Deno.test("a missing table, an operation that there is not and a bad output are named at once", () => {
  assert.deepEqual(faultsOf({ operations: ["describ"], output: { format: "xml" }, sqll: "" }), [
    'operations[0] is "describ"; allowed: "describe", "group_by", "filter", "sort", "select", ' +
    '"histogram", "correlation", "sql"',
    'output.format is "xml"; allowed: "json", "csv"',
    'it has the unknown key "sqll" (did you mean sql?); known: url, data, parents, format, csv, ' +
    "operations, sql, output",
    "url is missing: give one of url, data and parents",
  ]);
});

Deno.test("columns of one name are laid to the field that names them", () => {
  const of = (operation: object) =>
    faultsOf({ data: "g,n\na,1", operations: [{ type: "group_by", ...operation }] });
  assert.deepEqual(of({ by: ["g", "g"] }), ['operations[0].by: two columns would be named "g"']);
  const aggregates = [{ fn: "count", as: "g" }];
  assert.deepEqual(of({ by: ["g"], aggregates }), [
    'operations[0].aggregates: two columns would be named "g"',
  ]);
});

Deno.test("a table that is there but bad is not called missing as well", () => {
  const faults = faultsOf({ url: "ftp://example.com/a.csv", operations: ["describ"] });
  assert.equal(faults.length, 2, String(faults));
  assert.match(String(faults), /scheme ftp/);
});

Deno.test("every operation may be written as its name alone where it needs nothing more", () => {
  assert.deepEqual(
    faultsOf({ data: "a\n1", operations: ["describe", "select", "correlation"] }),
    [],
  );
  assert.match(
    String(faultsOf({ data: "a\n1", operations: ["sql"] })),
    /operations\[0\]\.query is missing/,
  );
});

Deno.test("a column of a list may have any name, __proto__ too", async () => {
  const text = '[{"__proto__":5,"constructor":6},{"__proto__":7,"constructor":8}]';
  const rows = await lastRows({ data: JSON.parse(text) as unknown, operations: ["select"] });
  assert.equal(JSON.stringify(rows), text);
});

Deno.test("ids of 64 bits of a list keep their digits, and a list of such ids is no table", async () => {
  const text = '[{"id":12345678901234567890,"in":{"ids":[9007199254740993]}}]';
  const parse = (payload: string) => parsePayload(dataAnalysis, new TextEncoder().encode(payload));
  const parsed = parse(`{"data":${text},"operations":["select"]}`);
  assert.ok(parsed.ok);
  const result = await withContext((context) => analyse(parsed.payload, context));
  assert.match(JSON.stringify(result), /12345678901234567890.*9007199254740993/);
  const refused = parse('{"data":[12345678901234567890]}');
  assert.ok(!refused.ok);
  assert.deepEqual(refused.faults, ["data[0] is 12345678901234567890; it must be an object"]);
});
