import assert from "node:assert/strict";
import { PermanentJobError } from "../contract.ts";
import {
  assertNear,
  BLUE,
  CLEAR,
  GREEN,
  middles,
  outputOf,
  RED,
  run,
  sample,
  sizeOf,
  WHITE,
} from "./image_checks.ts";
import { makeBmp, quarters } from "./image_fixtures.ts";

const source = makeBmp(80, 40, quarters(80, 40));

/** Runs operations on the four quarters, 80x40, and returns the PNG. */
async function operate(...operations: Record<string, unknown>[]): Promise<Uint8Array> {
  return outputOf(await run(source, { operations, output: { format: "png" } }));
}

Deno.test("resize inside keeps the proportions within the box", async () => {
  const bytes = await operate({ type: "resize", width: 40, height: 40 });
  assert.deepEqual(sizeOf(bytes), [40, 20]);
  assertNear(sample(bytes, middles(40, 20)), [RED, GREEN, BLUE, WHITE], 2);
});

Deno.test("resize by one side alone follows the proportions, and enlarges", async () => {
  assert.deepEqual(sizeOf(await operate({ type: "resize", height: 100 })), [200, 100]);
});

Deno.test("resize without enlarge leaves a smaller image as it is", async () => {
  const bytes = await operate({ type: "resize", width: 200, height: 200, enlarge: false });
  assert.deepEqual(sizeOf(bytes), [80, 40]);
});

Deno.test("resize fill stretches to the exact box", async () => {
  const bytes = await operate({ type: "resize", width: 20, height: 60, fit: "fill" });
  assert.deepEqual(sizeOf(bytes), [20, 60]);
  assertNear(sample(bytes, middles(20, 60)), [RED, GREEN, BLUE, WHITE], 2);
});

Deno.test("resize cover fills the box and cuts off what overlaps, by gravity", async () => {
  const center = await operate({ type: "resize", width: 40, height: 40, fit: "cover" });
  assert.deepEqual(sizeOf(center), [40, 40]);
  assertNear(sample(center, middles(40, 40)), [RED, GREEN, BLUE, WHITE], 2);
  const west = await operate(
    { type: "resize", width: 40, height: 40, fit: "cover", gravity: "west" },
  );
  assertNear(sample(west, middles(40, 40)), [RED, RED, BLUE, BLUE], 2);
});

Deno.test("resize contain pads to the exact box with the background", async () => {
  const red = "#ff0000";
  const bytes = await operate(
    { type: "resize", width: 40, height: 40, fit: "contain", background: red },
  );
  assert.deepEqual(sizeOf(bytes), [40, 40]);
  assertNear(sample(bytes, [[20, 2], [30, 15], [20, 38]]), [RED, GREEN, RED], 2);
  const clear = await operate({ type: "resize", width: 40, height: 40, fit: "contain" });
  assertNear(sample(clear, [[20, 2], [30, 15]]), [CLEAR, GREEN], 2);
});

Deno.test("crop takes the rectangle at x and y", async () => {
  const bytes = await operate({ type: "crop", x: 40, y: 0, width: 30, height: 20 });
  assert.deepEqual(sizeOf(bytes), [30, 20]);
  assert.deepEqual(sample(bytes, [[0, 0], [29, 19]]), [GREEN, GREEN]);
});

Deno.test("crop by gravity takes that corner, and the middle by default", async () => {
  const corner = await operate({ type: "crop", width: 10, height: 10, gravity: "southeast" });
  assert.deepEqual(sample(corner, [[0, 0], [9, 9]]), [WHITE, WHITE]);
  const middle = await operate({ type: "crop", width: 20, height: 20 });
  assert.deepEqual(sample(middle, middles(20, 20)), [RED, GREEN, BLUE, WHITE]);
});

Deno.test("crop beyond the image is refused and says what size the image has", async () => {
  await assert.rejects(
    run(source, { operations: [{ type: "crop", x: 60, y: 0, width: 30, height: 20 }] }),
    (error: Error) =>
      error instanceof PermanentJobError && /30x20 at 60,0 .* 80x40 pixels/.test(error.message),
  );
});

Deno.test("rotate by a quarter turn goes clockwise and exchanges the sides", async () => {
  const bytes = await operate({ type: "rotate", degrees: 90 });
  assert.deepEqual(sizeOf(bytes), [40, 80]);
  assert.deepEqual(sample(bytes, middles(40, 80)), [BLUE, RED, WHITE, GREEN]);
});

Deno.test("rotate by another angle opens corners of the background", async () => {
  const blue = await operate({ type: "rotate", degrees: 45, background: "#0000ff" });
  const [width, height] = sizeOf(blue);
  assert.ok(width !== undefined && Math.abs(width - 85) <= 2, `${width} is about 120 / sqrt(2)`);
  assert.ok(height !== undefined && Math.abs(height - 85) <= 2, `${height} is about 120 / sqrt(2)`);
  assertNear(sample(blue, [[0, 0]]), [BLUE], 2);
  const clear = await operate({ type: "rotate", degrees: 45 });
  assert.equal(sample(clear, [[0, 0]])[0]?.[3], 0);
});

Deno.test("flip exchanges left and right or top and bottom", async () => {
  assert.deepEqual(
    sample(await operate({ type: "flip", direction: "horizontal" }), middles(80, 40)),
    [GREEN, RED, WHITE, BLUE],
  );
  assert.deepEqual(
    sample(await operate({ type: "flip", direction: "vertical" }), middles(80, 40)),
    [BLUE, WHITE, RED, GREEN],
  );
});

Deno.test("grayscale leaves red, green and blue equal and in the order of brightness", async () => {
  const colors = sample(await operate({ type: "grayscale" }), middles(80, 40));
  for (const [r, g, b] of colors) assert.ok(r === g && g === b, `${[r, g, b]} is grey`);
  const [red, green, blue] = colors.map(([value]) => value ?? 0);
  assert.ok(green! > red! && red! > blue!, `green ${green} > red ${red} > blue ${blue}`);
});

Deno.test("blur mixes colours across an edge and keeps those far from it", async () => {
  const bytes = await operate({ type: "blur", sigma: 3 });
  const [edge, far] = sample(bytes, [[40, 5], [3, 3]]);
  assert.ok(edge![0]! > 60 && edge![0]! < 195 && edge![1]! > 60 && edge![1]! < 195, `${edge}`);
  assertNear([far!], [RED], 2);
});

Deno.test("the operation thumbnail shrinks into its box and never enlarges", async () => {
  assert.deepEqual(sizeOf(await operate({ type: "thumbnail", width: 20, height: 20 })), [20, 10]);
  assert.deepEqual(sizeOf(await operate({ type: "thumbnail", width: 999, height: 999 })), [80, 40]);
});

Deno.test("convert chooses the output's format, and quality its size", async () => {
  const photo = makeBmp(200, 150, (x, y) => [(x * 7 + y * 13) & 255, (x * y) & 255, (x ^ y) & 255]);
  const sizes = [];
  for (const quality of [10, 90]) {
    const result = await run(photo, { operations: [{ type: "convert", format: "jpeg", quality }] });
    assert.equal(result.output?.format, "jpeg");
    sizes.push(result.output!.bytes);
  }
  assert.ok(sizes[0]! * 2 < sizes[1]!, `${sizes}`);
});

Deno.test("operations apply in their order", async () => {
  const bytes = await operate(
    { type: "crop", x: 0, y: 0, width: 40, height: 40 },
    { type: "rotate", degrees: 90 },
    { type: "resize", width: 10 },
  );
  assert.deepEqual(sizeOf(bytes), [10, 10]);
  assertNear(sample(bytes, middles(10, 10)), [BLUE, RED, BLUE, RED], 2);
});

Deno.test("an operation that would exceed the pixels allowed is refused before it runs", async () => {
  for (
    const operation of [
      { type: "resize", width: 16_000, height: 16_000, fit: "fill" },
      { type: "resize", width: 10, height: 16_000, fit: "cover" },
      { type: "resize", width: 16_000, height: 16_000, fit: "contain" },
    ]
  ) {
    await assert.rejects(run(source, { operations: [operation] }), {
      name: "PermanentJobError",
      message: /this worker allows 4000000 in all \(jobs\.pixels_max\)/,
    });
  }
});
