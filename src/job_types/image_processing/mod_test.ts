import assert from "node:assert/strict";
import { InputTooLargeError, PermanentJobError } from "../contract.ts";
import {
  type ContextOptions,
  makeBmp,
  makeContext,
  makeGif,
  makePng,
  makePngBomb,
  quarters,
  text,
  withExif,
} from "./image_fixtures.ts";
import { imageProcessing, type ImageResult } from "./mod.ts";
import { readImageHeader } from "./header.ts";
import { Picture } from "./picture.ts";

/** Runs a job on `bytes` given inline. */
async function run(
  bytes: Uint8Array,
  payload: Record<string, unknown> = {},
  options: ContextOptions = {},
): Promise<ImageResult> {
  const { context } = makeContext(options);
  const whole = imageProcessing.payloadSchema.parse({ data: bytes.toBase64(), ...payload });
  return await imageProcessing.run(whole, context) as ImageResult;
}

function outputOf(result: ImageResult): Uint8Array {
  assert.ok(result.output?.data !== undefined, "the result carries an output");
  return Uint8Array.fromBase64(result.output.data);
}

/** The colours at some places of a file's frame, as [r, g, b, a]. */
function sample(bytes: Uint8Array, places: readonly [number, number][], frame = 0): number[][] {
  const header = readImageHeader(bytes);
  using picture = Picture.decode(bytes, header, header.frames > 1);
  const image = picture.frames[frame];
  assert.ok(image);
  return image.getPixels((pixels) =>
    places.map(([x, y]) => [...(pixels.toByteArray(x, y, 1, 1, "RGBA") ?? [])])
  );
}

function assertNear(actual: number[][], expected: number[][], tolerance: number): void {
  assert.equal(actual.length, expected.length);
  for (const [index, color] of actual.entries()) {
    const wanted = expected[index] ?? [];
    const isNear = wanted.every((value, at) => Math.abs(value - (color[at] ?? NaN)) <= tolerance);
    assert.ok(isNear, `${color} is within ${tolerance} of ${wanted} (place ${index})`);
  }
}

const RED = [255, 0, 0, 255];
const GREEN = [0, 255, 0, 255];
const BLUE = [0, 0, 255, 255];
const WHITE = [255, 255, 255, 255];
const CLEAR = [0, 0, 0, 0];

/** The middle of each quarter: upper left, upper right, lower left, lower right. */
function middles(width: number, height: number): [number, number][] {
  const [left, right] = [Math.floor(width / 4), Math.floor((width * 3) / 4)];
  const [top, bottom] = [Math.floor(height / 4), Math.floor((height * 3) / 4)];
  return [[left, top], [right, top], [left, bottom], [right, bottom]];
}

const source = makeBmp(80, 40, quarters(80, 40));

/** Runs one operation on the four quarters, 80x40, and returns the PNG. */
async function operate(...operations: Record<string, unknown>[]): Promise<Uint8Array> {
  return outputOf(await run(source, { operations, output: { format: "png" } }));
}

for (const format of ["png", "jpeg", "webp", "gif", "avif"] as const) {
  Deno.test(`a BMP becomes ${format} and that is read back with the same colours`, async () => {
    const result = await run(source, { output: { format, quality: 95 } });
    const bytes = outputOf(result);
    assert.equal(result.output?.format, format);
    assert.equal(result.output?.content_type, `image/${format}`);
    assert.equal(result.output?.bytes, bytes.length);
    const again = await run(bytes, { output: { format: "png" } });
    assert.deepEqual(
      [again.source.format, again.source.width, again.source.height],
      [format, 80, 40],
    );
    const lossless = format === "png" || format === "gif";
    assertNear(
      sample(outputOf(again), middles(80, 40)),
      [RED, GREEN, BLUE, WHITE],
      lossless ? 0 : 8,
    );
  });
}

Deno.test("sources that are not written keep to the nearest format: BMP gives PNG", async () => {
  const result = await run(source, { operations: [{ type: "grayscale" }] });
  assert.equal(result.output?.format, "png");
});

for (const bits of [8, 16] as const) {
  for (const interlaced of [false, true]) {
    const kind = `${bits}-bit ${interlaced ? "interlaced" : "plain"}`;
    Deno.test(`a ${kind} PNG is decoded and its metadata says so`, async () => {
      const png = makePng(36, 20, quarters(36, 20), { bits, interlaced });
      const result = await run(png, {
        operations: [{ type: "metadata" }],
        output: { format: "png" },
      });
      assert.equal(result.metadata?.bits_per_channel, bits);
      assert.equal(result.metadata?.interlaced, interlaced);
      assert.deepEqual(
        sample(outputOf(result), middles(36, 20)),
        [RED, GREEN, BLUE, WHITE],
      );
    });
  }
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
      message: /this worker allows 4000000 in all/,
    });
  }
});

Deno.test("EXIF orientation is applied before operations and put right in what is kept", async () => {
  const jpeg = outputOf(await run(source, { output: { format: "jpeg", quality: 100 } }));
  // 6: the stored picture has to be turned clockwise by a quarter.
  const turned = withExif(jpeg, 6, "Canon");
  const result = await run(turned, {
    operations: [{ type: "metadata" }, { type: "crop", x: 0, y: 0, width: 40, height: 40 }],
    output: { strip: false },
  });
  assert.deepEqual(result.source, {
    format: "jpeg",
    width: 40,
    height: 80,
    bytes: turned.length,
    frames: 1,
    has_alpha: false,
    orientation: 6,
  });
  assert.equal(result.metadata?.exif["Make"], "Canon");
  assertNear(sample(outputOf(result), middles(40, 40)), [BLUE, RED, BLUE, RED], 6);
  const kept = await run(outputOf(result), { operations: [{ type: "metadata" }] });
  assert.equal(kept.metadata?.exif["Make"], "Canon");
  assert.equal(kept.source.orientation, 1);
});

Deno.test("metadata is stripped unless it is asked to stay", async () => {
  const jpeg = withExif(outputOf(await run(source, { output: { format: "jpeg" } })), 1, "Canon");
  for (const format of ["png", "jpeg", "webp"]) {
    const stripped = outputOf(await run(jpeg, { output: { format } }));
    const kept = outputOf(await run(jpeg, { output: { format, strip: false } }));
    const makeIn = async (bytes: Uint8Array) =>
      (await run(bytes, { operations: [{ type: "metadata" }] })).metadata?.exif["Make"];
    assert.equal(await makeIn(stripped), undefined, `${format} stripped`);
    assert.equal(await makeIn(kept), "Canon", `${format} kept`);
  }
});

Deno.test("the same job gives the same bytes", async () => {
  for (const format of ["png", "jpeg", "webp", "gif"]) {
    const [first, second] = [
      await run(source, { output: { format, strip: false } }),
      await run(source, { output: { format, strip: false } }),
    ];
    assert.equal(first.output?.data, second.output?.data, format);
  }
});

const animation = makeGif(20, 10, [[255, 0, 0], [0, 255, 0], [0, 0, 255]], 120);

for (const format of ["gif", "webp"] as const) {
  Deno.test(`an animated GIF stays animated as ${format}: frames, delays, repeats`, async () => {
    const result = await run(animation, {
      operations: [{ type: "resize", width: 40 }],
      output: { format },
    });
    assert.deepEqual([result.source.frames, result.output?.frames], [3, 3]);
    const bytes = outputOf(result);
    const again = await run(bytes, { operations: [{ type: "metadata" }] });
    assert.deepEqual([again.source.width, again.source.height, again.source.frames], [40, 20, 3]);
    assert.deepEqual(again.metadata?.animation, { delays_ms: [120, 120, 120], repeats: 0 });
    // The second frame covers the left half alone; what it leaves is the first.
    assertNear(sample(bytes, [[5, 5], [35, 5]], 1), [GREEN, RED], 12);
  });
}

Deno.test("an animation gives its first frame to a format that has but one", async () => {
  const result = await run(animation, { output: { format: "png" } });
  assert.equal(result.output?.frames, undefined);
  assert.deepEqual(sample(outputOf(result), [[2, 2], [18, 8]]), [RED, RED]);
});

Deno.test("an animation's pixels count in all its frames, unless only the first is wanted", async () => {
  const options = { limits: { pixelsMax: 500 } };
  await assert.rejects(run(animation, { output: { format: "gif" } }, options), {
    name: "PermanentJobError",
    message: /3 frames of 20x10 pixels; this worker decodes at most 500/,
  });
  const still = await run(animation, { output: { format: "png" } }, options);
  assert.equal(still.output?.width, 20);
});

Deno.test("transparency survives PNG, WebP and GIF and is filled for JPEG", async () => {
  const png = makePng(16, 16, (x) => x < 8 ? [255, 0, 0, 0] : [0, 0, 255, 255]);
  for (const format of ["png", "webp", "gif"]) {
    const bytes = outputOf(await run(png, { output: { format, quality: 100 } }));
    const [clear, blue] = sample(bytes, [[2, 2], [12, 12]]);
    assert.equal(clear?.[3], 0, format);
    assertNear([blue!], [BLUE], 8);
  }
  const white = outputOf(await run(png, { output: { format: "jpeg", quality: 100 } }));
  assertNear(sample(white, [[2, 2]]), [WHITE], 8);
  const green = outputOf(
    await run(png, { output: { format: "jpeg", quality: 100, background: "#00ff00" } }),
  );
  assertNear(sample(green, [[2, 2]]), [GREEN], 8);
});

Deno.test("with only a source it tells what the image is and shows it small", async () => {
  const photo = makePng(600, 300, (x) => x < 500 ? [20, 60, 200] : [250, 240, 0]);
  const result = await run(photo);
  assert.deepEqual(result.source, {
    format: "png",
    width: 600,
    height: 300,
    bytes: photo.length,
    frames: 1,
    has_alpha: true,
    orientation: 1,
  });
  assert.equal(result.dominant_color, "#143cc8");
  assert.equal(result.palette?.[1]?.color.slice(0, 3), "#fa");
  assert.deepEqual([result.thumbnail?.width, result.thumbnail?.height], [256, 128]);
  assert.equal(result.output, undefined);
  const thumbnail = Uint8Array.fromBase64(result.thumbnail!.data!);
  assert.deepEqual(sizeOf(thumbnail), [256, 128]);
  assertNear(sample(thumbnail, [[50, 50], [240, 50]]), [[20, 60, 200], [250, 240, 0]], 12);
});

Deno.test("an image without a visible pixel has no dominant colour", async () => {
  const result = await run(makePng(4, 4, () => [1, 2, 3, 0]));
  assert.equal(result.dominant_color, null);
  assert.equal(result.thumbnail?.format, "png");
});

Deno.test("a thumbnail may be asked for beside the output", async () => {
  const result = await run(source, {
    operations: [{ type: "flip", direction: "horizontal" }],
    thumbnail: { width: 20, height: 20 },
  });
  assert.deepEqual([result.thumbnail?.width, result.thumbnail?.height], [20, 10]);
  assert.equal(result.output?.width, 80);
  assert.equal(result.dominant_color, undefined);
});

Deno.test("an image that declares too many pixels is refused from its header", async () => {
  const bomb = makePngBomb(50_000, 50_000);
  assert.ok(bomb.length < 100);
  await assert.rejects(run(bomb), {
    name: "PermanentJobError",
    message: /50000x50000 pixels, 2500000000 in all; this worker decodes at most 4000000/,
  });
});

Deno.test("a file cut short fails for good in every format", async () => {
  const photo = makeBmp(64, 64, (x, y) => [(x * 7) & 255, (y * 5) & 255, (x * y) & 255]);
  const files = new Map<string, Uint8Array>([["bmp", photo], ["animated gif", animation]]);
  for (const format of ["png", "jpeg", "webp", "gif", "avif"]) {
    files.set(format, outputOf(await run(photo, { output: { format } })));
  }
  for (const [format, bytes] of files) {
    for (const part of [0.3, 0.6, 0.95]) {
      const cut = bytes.slice(0, Math.floor(bytes.length * part));
      await assert.rejects(
        run(cut, { output: { format: "gif" } }),
        (error: Error) => error instanceof PermanentJobError && /cut short/.test(error.message),
        `${format} cut to ${part}`,
      );
    }
  }
});

Deno.test("what is no image is refused and named", async () => {
  const found: [string, RegExp][] = [
    ["<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", /an SVG drawing/],
    ["%PDF-1.7 ...", /a PDF document/],
    ["<!DOCTYPE html><title>Not found</title>", /an HTML page \("<!DOCTYPE html>/],
    ["Hello", /text \("Hello"\)/],
    ["\x00\x01\x02\x03", /unknown kind \(first bytes 00 01 02 03\)/],
  ];
  for (const [content, message] of found) {
    await assert.rejects(run(text(content)), { name: "PermanentJobError", message });
  }
});

Deno.test("a format that the payload names has to be what is found", async () => {
  await assert.rejects(run(source, { format: "png" }), {
    name: "PermanentJobError",
    message: /says that the image is png, but the source holds bmp/,
  });
});

Deno.test("a result beyond its bound is refused and a destination proposed", async () => {
  const payload = { output: { format: "png" } };
  const noise = makeBmp(64, 64, (x, y) => [(x * y * 7919) & 255, (x * 31) & 255, (y * 57) & 255]);
  await assert.rejects(run(noise, payload, { limits: { resultBytesMax: 2_000 } }), {
    name: "ResultTooLargeError",
    message: /more than the 2000 that a result may carry\. Give a destination/,
  });
});

Deno.test("inline data beyond the input's bound is refused", async () => {
  await assert.rejects(run(source, {}, { limits: { inputBytesMax: 1_000 } }), InputTooLargeError);
});

Deno.test("progress rises to 1 and a cancelled job stops at the next step", async () => {
  const { context, reports } = makeContext();
  const payload = imageProcessing.payloadSchema.parse({
    data: source.toBase64(),
    operations: [{ type: "grayscale" }, { type: "blur", sigma: 1 }],
  });
  await imageProcessing.run(payload, context);
  const fractions = reports.map(({ fraction }) => fraction);
  assert.deepEqual(fractions, [...fractions].sort((a, b) => a - b));
  assert.equal(fractions.at(-1), 1);
  assert.ok(reports.some(({ message }) => message === "blur"));

  const controller = new AbortController();
  const cancelled = makeContext({ signal: controller.signal });
  const stopping = {
    ...cancelled.context,
    progress: (fraction: number, message?: string) => {
      cancelled.context.progress(fraction, message);
      if (message === "grayscale") controller.abort(new Error("cancelled by user"));
    },
  };
  await assert.rejects(imageProcessing.run(payload, stopping), { message: "cancelled by user" });
  assert.ok(!cancelled.reports.some(({ message }) => message === "blur"));
});

function sizeOf(bytes: Uint8Array): [number, number] {
  const { width, height } = readImageHeader(bytes);
  return [width, height];
}
