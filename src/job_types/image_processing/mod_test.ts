import assert from "node:assert/strict";
import { InputTooLargeError } from "../contract.ts";
import { assertNear, run, runPayload, sample, sizeOf } from "./image_checks.ts";
import { makeBmp, makeContext, makePng, makePngBomb, quarters, text } from "./image_fixtures.ts";
import { imageProcessing } from "./mod.ts";

const source = makeBmp(80, 40, quarters(80, 40));

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
    message: /50000x50000 pixels, 2500000000 in all; .* at most 4000000\. .*jobs\.pixels_max/,
  });
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

Deno.test("the type's own example works as it stands", async () => {
  const result = await runPayload(imageProcessing.example);
  assert.deepEqual([result.output?.format, result.output?.width, result.output?.height], [
    "jpeg",
    320,
    180,
  ]);
});

Deno.test("a destination's extension chooses the format, unless that cannot be written", async () => {
  const directory = await Deno.realPath(await Deno.makeTempDir({ prefix: "conductor-image-" }));
  try {
    const options = { files: { writeRoots: [directory] } };
    const named = await run(source, { destination: "a.webp" }, options);
    assert.equal(named.output?.format, "webp");
    const unnamed = await run(source, { destination: "a.upload" }, options);
    assert.equal(unnamed.output?.format, "png");
    await assert.rejects(run(source, { destination: "a.tiff" }, options), {
      name: "PermanentJobError",
      message: /ends in \.tiff, a format that is not written; end it in one of png, jpeg/,
    });
    const told = await run(source, { destination: "a.tiff", output: { format: "png" } }, options);
    assert.equal(told.output?.format, "png");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("the sample photograph is described: its size, its evening colours, a thumbnail", async () => {
  const photo = await Deno.readFile(
    new URL("../../../scripts/samples/photo.jpg", import.meta.url),
  );
  const result = await run(photo);
  assert.deepEqual(result.source, {
    format: "jpeg",
    width: 1600,
    height: 1067,
    bytes: photo.length,
    frames: 1,
    has_alpha: false,
    orientation: 1,
  });
  assert.match(result.dominant_color ?? "", /^#[0-9a-f]{6}$/);
  assert.equal(result.palette?.[0]?.color, result.dominant_color);
  assert.ok(result.palette!.length >= 4, "an evening has several colours");
  assert.deepEqual([result.thumbnail?.width, result.thumbnail?.height], [256, 171]);
  assert.ok(result.thumbnail!.bytes < 20_000);
});
