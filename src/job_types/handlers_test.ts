import assert from "node:assert/strict";
import { join } from "node:path";
import { HandlersError, loadHandlers } from "./handlers.ts";
import { parsePayload } from "./payload.ts";
import { testContext } from "./test_context.ts";

const encode = (text: string) => new TextEncoder().encode(text);

/** Loads a module that holds `source`. */
async function load(source: string, name = "handlers.js") {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(join(directory, name), source);
    return await loadHandlers(join(directory, name));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function refusalOf(source: string): Promise<string> {
  try {
    await load(source);
  } catch (error) {
    assert.ok(error instanceof HandlersError, String(error));
    return error.message;
  }
  return "accepted";
}

const RUN = "run: (payload) => payload";

Deno.test("each way of exporting handlers is understood", async () => {
  const cases: readonly (readonly [source: string, names: string[]])[] = [
    [`export default { double: (p) => p * 2, half: async (p) => p / 2 }`, ["double", "half"]],
    [`export default { a: { ${RUN} }, b: { ${RUN}, summary: "b" } }`, ["a", "b"]],
    [`export default { name: "one", ${RUN} }`, ["one"]],
    [`export default [{ name: "one", ${RUN} }, { name: "two", ${RUN} }]`, ["one", "two"]],
    [`export default function resize_pdf(payload) {}`, ["resize_pdf"]],
    [`export const x = { name: "named", ${RUN} }`, ["named"]],
    [`export const list = [{ name: "p", ${RUN} }, { name: "q", ${RUN} }]`, ["p", "q"]],
    [`export const handlers = { r: () => 1, s: { ${RUN} } }`, ["r", "s"]],
    [`export async function thumbs(p) {}; export const size = 3`, ["thumbs"]],
    [`export const resize = { ${RUN} }`, ["resize"]],
    [
      `export default { a: () => 1 }; export const t = { name: "b", ${RUN} }; export function not() {}`,
      ["a", "b"],
    ],
    [`const t = { name: "same", ${RUN} }; export { t }; export default t`, ["same"]],
    [`export class OwnError extends Error {}; export function work() {}`, ["work"]],
    [`class T { name = "inst"; #k = 2; run(p) { return p * this.#k } }; export default new T()`, [
      "inst",
    ]],
  ];
  for (const [source, names] of cases) {
    assert.deepEqual((await load(source)).map(({ name }) => name).sort(), names, source);
  }
});

Deno.test("a handler runs with its payload and context, isolated unless it says otherwise", async () => {
  const [type, inline] = await load(`
    export default {
      greet: async ({ name }, context) => { context.progress(0.5); return { hello: name, job: context.jobId } },
      quick: { run: () => 1, isolation: "inline", summary: "Quick.", example: { a: 1 } },
    }`);
  assert.ok(type !== undefined && inline !== undefined);
  assert.equal(type.isolation, "process");
  assert.deepEqual(await type.run({ name: "you" }, testContext()), { hello: "you", job: "job-1" });
  assert.equal(inline.isolation, "inline");
  assert.equal(inline.summary, "Quick.");
  assert.deepEqual(inline.example, { a: 1 });
});

Deno.test("a handler that is an object keeps its this", async () => {
  const [type] = await load(`
    class Doubler { name = "double"; #factor = 2; run(payload) { return payload * this.#factor } }
    export default new Doubler()`);
  assert.equal(await type?.run(21, testContext()), 42);
});

Deno.test("any schema with safeParse validates, and its faults are told", async () => {
  const [type] = await load(`
    const payloadSchema = {
      safeParse(value) {
        return typeof value?.size === "number"
          ? { success: true, data: { size: value.size + 1 } }
          : { success: false, error: { issues: [{ path: ["size"], message: "give a number" }] } };
      },
    };
    export default { sized: { payloadSchema, run: ({ size }) => size } }`);
  assert.ok(type !== undefined);
  const good = parsePayload(type, encode('{"size":1}'));
  assert.deepEqual(good, { ok: true, payload: { size: 2 } });
  const bad = parsePayload(type, encode('{"size":"x"}'));
  assert.match(bad.ok ? "" : bad.message, /size is "x": give a number/);
  const text = parsePayload(type, encode("plain"));
  assert.match(text.ok ? "" : text.message, /not JSON/);
});

Deno.test("without a schema any JSON is taken, and text that is no JSON as it is", async () => {
  const [type] = await load(`export default { any: (payload) => payload }`);
  assert.ok(type !== undefined);
  assert.deepEqual(parsePayload(type, encode('{"a":1}')), { ok: true, payload: { a: 1 } });
  assert.deepEqual(parsePayload(type, encode("test data")), { ok: true, payload: "test data" });
  assert.deepEqual(parsePayload(type, encode("")), { ok: true, payload: null });
  assert.equal(parsePayload(type, encode('{"a":')).ok, false);
  assert.equal(parsePayload(type, new Uint8Array([0xff, 0x41])).ok, false);
});

Deno.test("TypeScript is loaded when run from source", async () => {
  const [type] = await load(
    `export default { typed: (payload: number): number => payload }`,
    "h.ts",
  );
  assert.equal(type?.name, "typed");
});

Deno.test("what cannot be used is refused with the reason", async () => {
  const cases: readonly (readonly [source: string, reason: RegExp])[] = [
    [``, /it exports nothing; export default \{ my_type/],
    [`export const size = 3`, /none of its exports \(size\) is a handler/],
    [`export default 5`, /a value of type number, which is no handler/],
    [`export default null`, /exports null|exports nothing|none of its exports/],
    [`export default { a: 5 }`, /"a" is a value of type number; it must be a function/],
    [`export default { a: null }`, /"a" is null/],
    [`export default {}`, /none of its exports/],
    [`export default (payload) => payload`, /a function without a name/],
    [`export default { "not a name": () => 1 }`, /cannot be a job type's name/],
    [`export default { web_scraping: () => 1 }`, /"web_scraping" is a built-in job type/],
    [`export default { noop: () => 1 }`, /"noop" is a built-in/],
    [
      `export default [{ name: "a", ${RUN} }, { name: "a", ${RUN} }]`,
      /two of its job types are named "a"/,
    ],
    [`export default { a: { ${RUN}, isolation: "thread" } }`, /isolation of "a" is "thread"/],
    [
      `export default { a: { ${RUN}, payloadSchema: {} } }`,
      /payloadSchema of "a" has no safeParse/,
    ],
    [`throw new Error("no database")`, /failed to load: Error: no database/],
    [`export default {`, /failed to load: SyntaxError/],
    [`import "./not_there.js"; export default {}`, /failed to load/],
  ];
  for (const [source, reason] of cases) assert.match(await refusalOf(source), reason, source);
});

Deno.test("a missing file or a directory is named with its full path", async () => {
  await assert.rejects(
    loadHandlers("./no_such_handlers.js"),
    (error: Error) =>
      error instanceof HandlersError &&
      error.message.includes(join(Deno.cwd(), "no_such_handlers.js")),
  );
  await assert.rejects(loadHandlers(Deno.cwd()), /not a file/);
});
