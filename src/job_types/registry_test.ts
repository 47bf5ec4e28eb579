import assert from "node:assert/strict";
import { builtinJobTypes, JobTypeNameError, JobTypeRegistry } from "./registry.ts";
import { noop } from "./noop.ts";
import { parsePayload } from "./payload.ts";
import { testContext } from "./test_context.ts";

Deno.test("the built-in types are registered, each with an example that it accepts", () => {
  const registry = builtinJobTypes();
  for (const name of ["data_analysis", "image_processing", "noop", "test_sleep", "web_scraping"]) {
    const type = registry.get(name);
    assert.ok(type !== undefined, name);
    assert.ok(type.summary.length > 10, name);
    const example = new TextEncoder().encode(JSON.stringify(type.example));
    const parsed = registry.parsePayload(type, example);
    assert.ok(parsed.ok, parsed.ok ? "" : parsed.message);
  }
  assert.deepEqual(registry.names(), registry.names().toSorted());
});

Deno.test("a name is taken once, and must be one", () => {
  const registry = new JobTypeRegistry();
  registry.register(noop);
  assert.throws(() => registry.register(noop), /already/);
  for (const name of ["", "a b", "1a", "a/b", "a".repeat(65), "é"]) {
    assert.throws(() => registry.register({ ...noop, name }), JobTypeNameError, name);
  }
  assert.deepEqual(registry.names(), ["noop"]);
});

Deno.test("registries do not share what is added to one", () => {
  const one = builtinJobTypes();
  one.register({ ...noop, name: "mine" });
  assert.equal(builtinJobTypes().get("mine"), undefined);
});

Deno.test("the likeliest name is suggested, and none when nothing is near", () => {
  const registry = builtinJobTypes();
  const cases: Readonly<Record<string, string | undefined>> = {
    image_procesing: "image_processing",
    "image-processing": "image_processing",
    ImageProcessing: "image_processing",
    web_scarping: "web_scraping",
    test_slepe: "test_sleep",
    nop: "noop",
    video: undefined,
    x: undefined,
    "": undefined,
  };
  for (const [written, meant] of Object.entries(cases)) {
    assert.equal(registry.suggest(written), meant, written);
  }
});

Deno.test("noop takes anything and returns nothing", async () => {
  for (const bytes of ["", "{", "test data", "[1]"].map((text) => new TextEncoder().encode(text))) {
    const parsed = parsePayload(noop, bytes);
    assert.ok(parsed.ok);
    assert.equal(await noop.run(parsed.payload, testContext()), undefined);
  }
  assert.ok(parsePayload(noop, new Uint8Array([0xff])).ok);
});

Deno.test("no heavy library is loaded until a job needs it", async () => {
  const entry = new URL("./mod.ts", import.meta.url).href;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", entry],
    stdout: "piped",
  }).output();
  const graph = JSON.parse(new TextDecoder().decode(stdout)) as {
    modules: {
      specifier: string;
      dependencies?: { isDynamic?: boolean; code?: { specifier?: string } }[];
    }[];
  };
  const modules = new Map(graph.modules.map((each) => [each.specifier, each]));
  const reached = new Set<string>();
  const visit = (specifier: string) => {
    if (reached.has(specifier)) return;
    reached.add(specifier);
    for (const { isDynamic, code } of modules.get(specifier)?.dependencies ?? []) {
      if (isDynamic !== true && code?.specifier !== undefined) visit(code.specifier);
    }
  };
  visit(entry);
  assert.ok([...reached].some((each) => each.includes("zod@")), "the graph was read");
  const heavy = [...reached].filter((each) =>
    /cheerio|parse5|magick|robots-parser|csv-parse|papaparse/.test(each)
  );
  assert.deepEqual(heavy, []);
});
