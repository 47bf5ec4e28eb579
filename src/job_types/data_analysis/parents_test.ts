import assert from "node:assert/strict";
import type { JobContext } from "../contract.ts";
import { analyse } from "./analysis.ts";
import { payloadSchema } from "./payload.ts";
import { withContext } from "./test_context.ts";

/** What the parents left, by id; the context has them all, and `failed` is one that did. */
function surroundings(results: Record<string, unknown>) {
  const parents = Object.keys(results).map((jobId) => ({
    jobId,
    status: jobId === "failed" ? "failed" : "completed",
  }));
  const parentResult: JobContext["parentResult"] = (jobId) => {
    const output = new TextEncoder().encode(
      typeof results[jobId] === "string" ? results[jobId] : JSON.stringify(results[jobId]),
    );
    return Promise.resolve({ status: "completed", output, contentType: "", error: "" });
  };
  return { parents, parentResult };
}

function analysed(payload: unknown, results: Record<string, unknown>) {
  return withContext(
    (context) => analyse(payloadSchema.parse(payload), context),
    surroundings(results),
  );
}

const sums = {
  parents: true,
  sql: "SELECT page, sum(words) AS words FROM data GROUP BY page ORDER BY page",
};

Deno.test("the results of parents are rows: an object is one, a list of objects as many", async () => {
  const result = await analysed(sums, {
    a: { page: "/", words: 3 },
    b: [{ page: "/", words: 4 }, { page: "/about", words: 5 }],
    failed: "no table",
  });
  assert.match(JSON.stringify(result), /"\/",7.*"\/about",5|"words":7.*"words":5/);
});

Deno.test("ids of 64 bits of parents' results keep their digits", async () => {
  const payload = { parents: true, operations: [{ type: "select" }] };
  const results = { a: '{"id":9007199254740993}', b: '[{"id":12345678901234567890}]' };
  assert.match(
    JSON.stringify(await analysed(payload, results)),
    /9007199254740993.*12345678901234567890/,
  );
  await assert.rejects(analysed(payload, { a: "12345678901234567890" }), /it is neither an object/);
});

Deno.test("named parents are read, and no others", async () => {
  const payload = { ...sums, parents: ["b"] };
  const result = await analysed(payload, { a: "no table", b: [{ page: "/", words: 4 }] });
  assert.match(JSON.stringify(result), /4/);
});

Deno.test("a parent that left no result was only waited for, unless it is named", async () => {
  const results = { gate: "", a: { page: "/", words: 3 } };
  assert.match(JSON.stringify(await analysed(sums, results)), /"rows":\[\["\/",3\]\]|"words":3/);
  const named = { ...sums, parents: ["gate", "a"] };
  await assert.rejects(analysed(named, results), /result of job gate, .*: it left none/);
});

Deno.test("a parent whose result is no table is named", async () => {
  await assert.rejects(analysed(sums, { a: "<html>" }), /result of job a.*it is not JSON/);
  await assert.rejects(analysed(sums, { a: [1, 2] }), /result of job a: it is neither/);
});

Deno.test("parents stand in place of url and data, not beside them", () => {
  const parsed = payloadSchema.safeParse({ parents: true, data: "a\n1\n" });
  assert.match(parsed.error?.message ?? "", /give one of url, data and parents/);
});
