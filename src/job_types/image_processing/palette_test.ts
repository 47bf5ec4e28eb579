import assert from "node:assert/strict";
import fc from "fast-check";
import { paletteOf } from "./palette.ts";

/** `count` pixels of each colour. */
function pixels(...colors: [count: number, r: number, g: number, b: number, a: number][]) {
  return new Uint8Array(colors.flatMap(([count, ...rgba]) => Array(count).fill(rgba).flat()));
}

Deno.test("the most frequent colour comes first and shares add up", () => {
  const palette = paletteOf(pixels([70, 200, 30, 30, 255], [30, 10, 10, 220, 255]), 6);
  assert.deepEqual(palette, [
    { color: "#c81e1e", share: 0.7 },
    { color: "#0a0adc", share: 0.3 },
  ]);
});

Deno.test("colours that look alike are one, as their mean", () => {
  const palette = paletteOf(pixels([50, 100, 150, 200, 255], [50, 104, 154, 204, 255]), 6);
  assert.deepEqual(palette, [{ color: "#6698ca", share: 1 }]);
});

Deno.test("pixels count as much as they are opaque", () => {
  const palette = paletteOf(
    pixels([10, 255, 0, 0, 0], [60, 0, 255, 0, 51], [10, 0, 0, 255, 255]),
    6,
  );
  assert.deepEqual(palette.map(({ color }) => color), ["#00ff00", "#0000ff"]);
  assert.deepEqual(paletteOf(pixels([9, 1, 2, 3, 0]), 6), []);
});

Deno.test("any pixels give at most as many colours as asked, whose shares make one", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 4, maxLength: 400 }), fc.integer({ min: 1, max: 8 }), (
      bytes,
      countMax,
    ) => {
      const rgba = bytes.slice(0, bytes.length - (bytes.length % 4));
      const palette = paletteOf(rgba, countMax);
      assert.ok(palette.length <= countMax);
      const isVisible = rgba.some((value, index) => index % 4 === 3 && value > 0);
      assert.equal(palette.length > 0, isVisible);
      const sum = palette.reduce((total, { share }) => total + share, 0);
      assert.ok(!isVisible || Math.abs(sum - 1) < 0.01, `${sum}`);
      for (const { color } of palette) assert.match(color, /^#[0-9a-f]{6}$/);
      assert.deepEqual(paletteOf(rgba, countMax), palette);
    }),
  );
});
