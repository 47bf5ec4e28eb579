import assert from "node:assert/strict";
import { imageProcessing } from "./mod.ts";
import { payloadSchema } from "./payload.ts";

function faultsOf(payload: unknown): string[] {
  const result = payloadSchema.safeParse(payload);
  return result.success
    ? []
    : result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
}

Deno.test("the seed's payload and the type's example are accepted", () => {
  assert.deepEqual(faultsOf({ url: "example.com/image.jpg" }), []);
  assert.deepEqual(faultsOf(imageProcessing.example), []);
});

Deno.test("all faults are named at once, each with its place", () => {
  const faults = faultsOf({
    url: "example.com/image.jpg",
    colour: "red",
    operations: [
      { type: "resize", width: 0, height: 99_999, fit: "squeeze" },
      { type: "sharpen" },
      { type: "blur", sigma: -1, radius: 2 },
    ],
    output: { format: "bmp", quality: 101 },
  });
  for (
    const place of [
      "operations.0.width",
      "operations.0.height",
      "operations.0.fit",
      "operations.1.type",
      "operations.2.sigma",
      "operations.2",
      "output.format",
      "output.quality",
      "",
    ]
  ) {
    assert.ok(faults.some((fault) => fault.startsWith(`${place}: `)), `${place} in ${faults}`);
  }
});

const refused: [string, Record<string, unknown>][] = [
  ["neither url nor data", {}],
  ["both url and data", { url: "a.example/b", data: "aGk=" }],
  ["data that is no base64", { data: "not base64!" }],
  ["a resize without a side", { url: "a", operations: [{ type: "resize" }] }],
  ["a crop with x alone", {
    url: "a",
    operations: [{ type: "crop", width: 1, height: 1, x: 0 }],
  }],
  ["a crop with a corner and a gravity", {
    url: "a",
    operations: [{ type: "crop", width: 1, height: 1, x: 0, y: 0, gravity: "north" }],
  }],
  ["a colour by name", {
    url: "a",
    operations: [{ type: "rotate", degrees: 5, background: "url(http://x)" }],
  }],
  ["an angle that is no number", { url: "a", operations: [{ type: "rotate", degrees: NaN }] }],
  ["33 operations", { url: "a", operations: Array(33).fill({ type: "grayscale" }) }],
];

for (const [name, payload] of refused) {
  Deno.test(`the schema refuses ${name}`, () => {
    assert.equal(faultsOf(payload).length > 0, true);
  });
}

Deno.test("a missing source is named beside the other faults, and a bad one is not called missing", () => {
  const source = ": give the image either by url or inline as data, exactly one of them";
  const beside = faultsOf({ operations: [{ type: "sharpen" }], colour: "red" });
  assert.ok(beside.includes(source), String(beside));
  assert.equal(beside.length, 3);
  const bad = faultsOf({ url: "ftp://example.com/a.png", colour: "red" });
  assert.ok(!bad.includes(source), String(bad));
  assert.equal(bad.length, 2);
});

Deno.test("a rule over two fields of an operation is checked beside its other faults", () => {
  const faults = faultsOf({
    url: "a",
    operations: [
      { type: "resize", fit: "squeeze" },
      { type: "crop", width: 0, height: 1, x: 0 },
    ],
  });
  assert.ok(faults.includes("operations.0: resize needs width, height or both"), String(faults));
  assert.ok(faults.includes("operations.1: crop takes x and y together"), String(faults));
  assert.equal(faults.length, 4);
});
