import assert from "node:assert/strict";
import type { SpanValues } from "../job_types/light.ts";
import { AttemptSpans, SPANS_MAX, SpanTeller, type ToldSpan } from "./attempt_spans.ts";

function teller() {
  const told: ToldSpan[] = [];
  let nowMs = 0;
  const spans = new SpanTeller((each) => told.push(each), () => ++nowMs);
  const run = <Result>(name: string, work: () => Result, values: SpanValues = {}) =>
    spans.run(name, work, values);
  return { told, run };
}

Deno.test("parts have their parts, also where they run beside each other and wait", async () => {
  const { told, run } = teller();
  const page = (name: string) =>
    run(name, async () => {
      await Promise.resolve();
      await run(`fetch ${name}`, () => Promise.resolve());
      return run(`extract ${name}`, () => name);
    });
  assert.deepEqual(await run("crawl", () => Promise.all([page("a"), page("b")])), ["a", "b"]);
  const names = new Map(
    told.flatMap((each) => each.kind === "began" ? [[each.id, each.name]] : []),
  );
  const tree = told.flatMap((each) =>
    each.kind === "began" ? [`${each.name} in ${names.get(each.parent) ?? "the attempt"}`] : []
  );
  assert.deepEqual(tree.sort(), [
    "a in crawl",
    "b in crawl",
    "crawl in the attempt",
    "extract a in a",
    "extract b in b",
    "fetch a in a",
    "fetch b in b",
  ]);
  const ends = told.filter((each) => each.kind === "ended");
  assert.equal(ends.length, names.size);
  assert.equal(ends.at(-1)?.id, 1, "the outermost ends last");
});

Deno.test("a part that fails says why, and its failure goes on", async () => {
  const { told, run } = teller();
  assert.throws(() =>
    run("decode", () => {
      throw new Error("no image");
    }), /no image/);
  await assert.rejects(run("fetch", () => Promise.reject(new Error("no route"))), /no route/);
  assert.deepEqual(
    told.flatMap((each) => each.kind === "ended" ? [each.error] : []),
    ["no image", "no route"],
  );
});

Deno.test("a job of a thousand parts tells of the first ones, and runs all of them", () => {
  const { told, run } = teller();
  let ran = 0;
  for (let each = 0; each < 1_000; each++) run("step", () => ran++);
  assert.equal(ran, 1_000);
  assert.equal(told.length, 2 * SPANS_MAX);
});

interface Begun {
  readonly name: string;
  readonly parent: string;
  readonly startMs: number;
  readonly attributes: SpanValues;
  endedAtMs?: number | undefined;
  error?: string;
}

function taker() {
  const begun: Begun[] = [];
  const spans = new AttemptSpans("attempt", (name, how) => {
    const span: Begun = { name, ...how };
    begun.push(span);
    return {
      traceparent: `${name}'s`,
      recordError: (failure) => span.error = String(failure),
      end: (atMs) => span.endedAtMs = atMs,
    };
  });
  return { begun, spans };
}

const began = (id: number, name: string, parent = 0): ToldSpan => ({
  ...{ kind: "began", id, parent, name, atMs: id, values: {} },
});

Deno.test("what is told becomes spans below the attempt's, with the times that were told", () => {
  const { begun, spans } = taker();
  spans.take(began(1, "crawl"));
  spans.take(began(2, "fetch", 1));
  spans.take({ kind: "ended", id: 2, atMs: 5, error: "no route" });
  spans.take({ kind: "ended", id: 1, atMs: 6, error: "" });
  // Of a part that has ended: it may end before those that it began.
  spans.take(began(3, "extract", 1));
  spans.end();
  assert.deepEqual(begun, [
    { name: "crawl", parent: "attempt", startMs: 1, attributes: {}, endedAtMs: 6 },
    {
      ...{ name: "fetch", parent: "crawl's", startMs: 2, attributes: {} },
      ...{ endedAtMs: 5, error: "no route" },
    },
    {
      ...{ name: "extract", parent: "crawl's", startMs: 3, attributes: {} },
      ...{ endedAtMs: undefined, error: "the attempt ended before it" },
    },
  ]);
});

Deno.test("whoever got hold of an executor's channel tells no more than an attempt may", () => {
  const { begun, spans } = taker();
  for (let id = 1; id < 10_000; id++) spans.take(began(id, "x".repeat(10_000), id - 1));
  spans.take(began(1, "again"));
  spans.take({ kind: "ended", id: 77_777, atMs: 1, error: "y" });
  assert.equal(begun.length, SPANS_MAX);
  assert.equal(begun[0]?.name.length, 64);
  const { begun: told, spans: other } = taker();
  const values = Object.fromEntries(
    Array.from({ length: 500 }, (_, at) => [`${at} ${"n".repeat(100)}`, "z".repeat(100_000)]),
  );
  other.take({ kind: "began", id: 1, parent: 0, name: "n", atMs: 1, values });
  const attributes = Object.entries(told[0]?.attributes ?? {});
  assert.equal(attributes.length, 16);
  assert.ok(attributes.every(([name, value]) => name.length <= 64 && String(value).length <= 512));
});
