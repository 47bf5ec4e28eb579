import assert from "node:assert/strict";
import { z } from "zod";
import { widthFault } from "./payload_width.ts";
import { builtinJobTypes } from "./registry.ts";

const registry = builtinJobTypes();

function refusal(type: string, payload: object): string | undefined {
  const bytes = new TextEncoder().encode(JSON.stringify(payload));
  const parsed = registry.parsePayload(registry.get(type)!, bytes);
  return parsed.ok ? undefined : parsed.message;
}

function entries<Value>(count: number, value: Value): Record<string, Value> {
  return Object.fromEntries(Array.from({ length: count }, (_, at) => [`name-${at}`, value]));
}

Deno.test("a payload has a bounded number of entries with names of its own, wherever they are", () => {
  const url = "http://a.example/";
  const headers = entries(2_000, "x");
  assert.equal(refusal("http", { url, headers }), undefined);
  assert.match(
    refusal("http", { url, headers: { ...headers, more: "x" } }) ?? "",
    /not valid: it has 2001 entries with names of its own; it may have 2000\. /,
  );
  const nested = entries(10, { selector: "a", fields: entries(400, 7) });
  assert.match(refusal("web_scraping", { url, selectors: nested }) ?? "", /it has 4010 entries/);
});

Deno.test("a schema that is made when it is needed is made once, not for each entry", () => {
  let made = 0;
  const tree: z.ZodType = z.lazy(() => {
    made++;
    return z.strictObject({ fields: z.record(z.string(), tree).optional() });
  });
  const fields = entries(50, { fields: entries(50, {}) });
  assert.match(widthFault(tree, { fields }, 1_000_000) ?? "", /it has 2550 entries/);
  assert.equal(made, 1);
});

Deno.test("a list of rows with very many that are none is refused without a look at each", () => {
  const data = Array.from({ length: 3_000 }, (_, at) => at);
  const operations: unknown[] = [];
  assert.match(
    refusal("data_analysis", { data: data.map(() => "a row"), operations }) ?? "",
    /not valid: it has a list with 3000 items that are no objects\. /,
  );
  assert.match(refusal("data_analysis", { data, operations }) ?? "", /data\[0\] is 0; it must be/);
});

Deno.test("rows of data may have as many names as the payload has room for", () => {
  const data = Array.from({ length: 1_000 }, (_, row) => entries(5, row));
  assert.equal(refusal("data_analysis", { data, operations: [] }), undefined);
});

Deno.test("of very many unknown keys some are named and the rest is counted", () => {
  const message = refusal("test_sleep", { duration: "1ms", ...entries(100_000, 1) }) ?? "";
  assert.match(message, /has the unknown keys "name-0", .*"name-19", and 99980 more; known: /);
  const long = refusal("test_sleep", { duration: "1ms", ["x".repeat(100_000)]: 1 }) ?? "";
  assert.match(long, /has the unknown key "x{60}…"; known: /);
});

Deno.test("faults beyond those that are told are counted", () => {
  const message = refusal("http", { url: "http://a.example/", headers: entries(30, 7) }) ?? "";
  assert.match(message, /job has 30 faults: headers\.name-0 .*; and 10 more\. /);
});
