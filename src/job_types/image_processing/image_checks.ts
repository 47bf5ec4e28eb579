/**
 * Running jobs on images, and looking at what came out, for tests.
 *
 * @module
 */

import assert from "node:assert/strict";
import { readImageHeader } from "./header.ts";
import { type ContextOptions, makeContext } from "./image_fixtures.ts";
import { imageProcessing, type ImageResult } from "./mod.ts";
import { Picture } from "./picture.ts";

/** Runs a payload that the schema accepts. */
export async function runPayload(
  payload: unknown,
  options: ContextOptions = {},
): Promise<ImageResult> {
  const { context } = makeContext(options);
  const checked = imageProcessing.payloadSchema.parse(payload);
  const result = await imageProcessing.run(checked, context) as ImageResult;
  // As its reader gets it; every result of every test is what the type says of it.
  imageProcessing.resultSchema?.parse(JSON.parse(JSON.stringify(result)));
  return result;
}

/** Runs a job on `bytes` given inline. */
export function run(
  bytes: Uint8Array,
  payload: Record<string, unknown> = {},
  options: ContextOptions = {},
): Promise<ImageResult> {
  return runPayload({ data: bytes.toBase64(), ...payload }, options);
}

/** The file that a result carries. */
export function outputOf(result: ImageResult): Uint8Array {
  assert.ok(result.output?.data !== undefined, "the result carries an output");
  return Uint8Array.fromBase64(result.output.data);
}

/** Width and height as a file's header says. */
export function sizeOf(bytes: Uint8Array): [number, number] {
  const { width, height } = readImageHeader(bytes);
  return [width, height];
}

/** The colours at some places of a file's frame, as [r, g, b, a]. */
export function sample(
  bytes: Uint8Array,
  places: readonly [number, number][],
  frame = 0,
): number[][] {
  const header = readImageHeader(bytes);
  using picture = Picture.decode(bytes, header, {
    allFrames: header.frames > 1,
    colorProfile: "keep",
  });
  const image = picture.frames[frame];
  assert.ok(image, `there is a frame ${frame}`);
  return image.getPixels((pixels) =>
    places.map(([x, y]) => [...(pixels.toByteArray(x, y, 1, 1, "RGBA") ?? [])])
  );
}

/** Fails unless every channel that is expected is met within `tolerance`. */
export function assertNear(actual: number[][], expected: number[][], tolerance: number): void {
  assert.equal(actual.length, expected.length);
  for (const [index, color] of actual.entries()) {
    const wanted = expected[index] ?? [];
    const isNear = wanted.every((value, at) => Math.abs(value - (color[at] ?? NaN)) <= tolerance);
    assert.ok(isNear, `${color} is within ${tolerance} of ${wanted} (place ${index})`);
  }
}

/** The middle of each quarter: upper left, upper right, lower left, lower right. */
export function middles(width: number, height: number): [number, number][] {
  const [left, right] = [Math.floor(width / 4), Math.floor((width * 3) / 4)];
  const [top, bottom] = [Math.floor(height / 4), Math.floor((height * 3) / 4)];
  return [[left, top], [right, top], [left, bottom], [right, bottom]];
}

/** What `sample` answers for plain colours. */
export const RED = [255, 0, 0, 255];
export const GREEN = [0, 255, 0, 255];
export const BLUE = [0, 0, 255, 255];
export const WHITE = [255, 255, 255, 255];
export const CLEAR = [0, 0, 0, 0];
