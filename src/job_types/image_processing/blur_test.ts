import assert from "node:assert/strict";
import { blur } from "./blur.ts";
import { startEngine } from "./engine.ts";
import { readImageHeader } from "./header.ts";
import { makePng, type Paint } from "./image_fixtures.ts";
import { Picture } from "./picture.ts";

const SIDE = 120;

/** Steps, a spot, fine lines: of one colour each. Edges are plain, since what lies beyond them is anybody's guess. */
const paint: Paint = (x, y) => [
  x < 70 ? 0 : 255,
  (x - 55) ** 2 + (y - 60) ** 2 < 400 ? 255 : 0,
  x > 30 && x < 90 && y > 30 && y < 90 ? (x >> 1) % 2 * 255 : 100,
];

function blurred(sigma: number, exactWorkMax?: number): Uint8Array {
  const png = makePng(SIDE, SIDE, paint);
  using picture = Picture.decode(png, readImageHeader(png), {
    allFrames: false,
    colorProfile: "keep",
  });
  const [image] = picture.frames;
  assert.ok(image);
  blur(image, sigma, exactWorkMax);
  assert.deepEqual([image.width, image.height], [SIDE, SIDE]);
  return image.getPixels((pixels) => pixels.toByteArray(0, 0, SIDE, SIDE, "RGB")!);
}

/** By the definition, with the outermost pixels going on for ever. */
function gaussian(sigma: number): Float64Array {
  const reach = Math.ceil(4 * sigma);
  const weights = Array.from(
    { length: 2 * reach + 1 },
    (_, at) => Math.exp(-((at - reach) ** 2) / (2 * sigma ** 2)),
  );
  const sum = weights.reduce((total, each) => total + each);
  const along = (from: Float64Array, step: (line: number, at: number) => number) => {
    const to = new Float64Array(from.length);
    for (let line = 0; line < SIDE; line++) {
      for (let at = 0; at < SIDE; at++) {
        for (const [index, weight] of weights.entries()) {
          const near = step(line, Math.min(SIDE - 1, Math.max(0, at + index - reach)));
          for (let color = 0; color < 3; color++) {
            to[step(line, at) + color]! += from[near + color]! * weight / sum;
          }
        }
      }
    }
    return to;
  };
  const plain = new Float64Array(SIDE * SIDE * 3);
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      plain.set(paint(x, y).slice(0, 3) as number[], (y * SIDE + x) * 3);
    }
  }
  const acrossed = along(plain, (y, x) => (y * SIDE + x) * 3);
  return along(acrossed, (x, y) => (y * SIDE + x) * 3);
}

function farthest(actual: Uint8Array, expected: Float64Array): number {
  return actual.reduce((most, value, at) => Math.max(most, Math.abs(value - expected[at]!)), 0);
}

for (const sigma of [2, 10, 17.5]) {
  Deno.test(`a blur of ${sigma} pixels is that Gaussian, and so is one that was made quicker`, async () => {
    await startEngine({ pixelsMax: 1_000_000 });
    const expected = gaussian(sigma);
    const exact = farthest(blurred(sigma), expected);
    assert.ok(exact <= 2, `the exact one is ${exact} off`);
    const quick = farthest(blurred(sigma, 0), expected);
    assert.ok(quick <= 6, `the quick one is ${quick} off`);
  });
}
