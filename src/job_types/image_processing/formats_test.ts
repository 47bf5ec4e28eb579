import assert from "node:assert/strict";
import { ColorSpace, ImageMagick, MagickFormat } from "@imagemagick/magick-wasm";
import fc from "fast-check";
import { PermanentJobError } from "../contract.ts";
import {
  assertNear,
  BLUE,
  GREEN,
  middles,
  outputOf,
  RED,
  run,
  sample,
  WHITE,
} from "./image_checks.ts";
import { startEngine } from "./engine.ts";
import {
  heicQuarters,
  makeBmp,
  makeColorProfile,
  makeGif,
  makePng,
  makeTiff,
  quarters,
  withColorProfile,
  withExif,
} from "./image_fixtures.ts";

const source = makeBmp(80, 40, quarters(80, 40));

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

Deno.test("a PNG that keeps its EXIF is upright for whoever reads it", async () => {
  const upright = outputOf(await run(source, { output: { format: "jpeg", quality: 100 } }));
  const turned = withExif(upright, 6, "Canon");
  const png = outputOf(await run(turned, { output: { format: "png", strip: false } }));
  assert.ok(!latin1Text(png).includes("exif:Orientation"));
  const { source: read } = await run(png, { operations: [{ type: "metadata" }] });
  assert.deepEqual([read.width, read.height, read.orientation], [40, 80, 1]);
});

Deno.test("every quality that is allowed can be written in every format", async () => {
  for (const format of ["png", "jpeg", "webp", "gif", "avif"] as const) {
    for (const quality of [1, 100]) {
      const result = await run(source, { output: { format, quality } });
      assert.equal(result.output?.width, 80, `${format} of quality ${quality}`);
    }
  }
});

Deno.test("a quality that a format has not is said to have no effect, and has none", async () => {
  for (const format of ["png", "gif"] as const) {
    const plain = await run(source, { output: { format } });
    const asked = await run(source, {
      operations: [{ type: "convert", format, quality: 1 }],
    });
    assert.equal(asked.output?.data, plain.output?.data, format);
    assert.deepEqual([plain.warnings, asked.warnings], [undefined, [
      `quality 1 has no effect: ${format} is lossless and has none`,
    ]]);
  }
  const jpeg = await run(source, { output: { format: "jpeg", quality: 1 } });
  assert.equal(jpeg.warnings, undefined);
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

Deno.test("an animation stays a GIF of its first frame when that alone is asked for", async () => {
  const result = await run(animation, { output: { format: "gif" }, frames: "first" }, {
    limits: { pixelsMax: 500 },
  });
  assert.deepEqual([result.source.frames, result.output?.frames], [3, undefined]);
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

Deno.test("an animation may have 2000 frames, and with more it says what to do", async () => {
  const frames = (count: number) => makeGif(2, 1, Array(count).fill([0, 0, 0]), 50);
  const result = await run(frames(2_000), { output: { format: "webp" } });
  assert.equal(result.source.frames, 2_000);
  await assert.rejects(run(frames(2_001), { output: { format: "gif" } }), {
    name: "PermanentJobError",
    message: /has 2001 frames of 2x1 .* in 2000 frames\. .* frames set to first/,
  });
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

Deno.test("a file cut short fails for good in every format", async () => {
  const photo = makeBmp(64, 64, (x, y) => [(x * 7) & 255, (y * 5) & 255, (x * y) & 255]);
  const files = new Map<string, Uint8Array>([
    ["bmp", photo],
    ["animated gif", animation],
    ["animated webp", outputOf(await run(animation, { output: { format: "webp" } }))],
  ]);
  for (const format of ["png", "jpeg", "webp", "gif", "avif"]) {
    files.set(format, outputOf(await run(photo, { output: { format } })));
  }
  for (const [format, bytes] of files) {
    for (const part of [0.3, 0.6, 0.95]) {
      const cut = bytes.slice(0, Math.floor(bytes.length * part));
      for (const frames of ["all", "first"]) {
        await assert.rejects(
          run(cut, { frames, output: { format: "gif" } }),
          (error: Error) => error instanceof PermanentJobError && /cut short/.test(error.message),
          `${format} cut to ${part}, ${frames}`,
        );
      }
    }
  }
});

Deno.test("a TIFF is decoded, its first page if it has several", async () => {
  const result = await run(makeTiff(20, 10, quarters(20, 10)), { output: { format: "png" } });
  assert.deepEqual([result.source.format, result.source.frames], ["tiff", 2]);
  assert.deepEqual(sample(outputOf(result), middles(20, 10)), [RED, GREEN, BLUE, WHITE]);
});

Deno.test("a TIFF cut short fails for good", async () => {
  const tiff = makeTiff(20, 10, quarters(20, 10));
  for (const length of [7, 100, tiff.length - 130, tiff.length - 100]) {
    await assert.rejects(
      run(tiff.slice(0, length), { output: { format: "png" } }),
      PermanentJobError,
      `cut to ${length} of ${tiff.length}`,
    );
  }
});

Deno.test("a HEIC, as telephones make them, is decoded and becomes a JPEG", async () => {
  const result = await run(heicQuarters, {
    operations: [{ type: "thumbnail", width: 64, height: 64 }],
  });
  assert.deepEqual([result.source.format, result.source.width, result.source.height], [
    "heic",
    64,
    64,
  ]);
  assert.equal(result.output?.format, "jpeg");
  assertNear(sample(outputOf(result), middles(64, 64)), [RED, GREEN, BLUE, WHITE], 24);
});

Deno.test("a CMYK JPEG is shown in red, green and blue", async () => {
  await startEngine({ pixelsMax: 100_000 });
  const cmyk = ImageMagick.read(source, MagickFormat.Bmp, (image) => {
    image.colorSpace = ColorSpace.CMYK;
    image.quality = 95;
    return image.write(MagickFormat.Jpeg, (data) => data.slice());
  });
  const result = await run(cmyk, { output: { format: "png" }, operations: [{ type: "metadata" }] });
  assert.equal(result.metadata?.color_space, "CMYK");
  assertNear(sample(outputOf(result), middles(80, 40)), [RED, GREEN, BLUE, WHITE], 8);
});

Deno.test("the colour profile stays when metadata is stripped, and names itself", async () => {
  const jpeg = outputOf(await run(source, { output: { format: "jpeg" } }));
  const profiled = withColorProfile(jpeg, makeColorProfile("Test RGB"));
  for (const format of ["png", "jpeg", "webp", "avif"]) {
    const bytes = outputOf(await run(profiled, { output: { format } }));
    const { metadata } = await run(bytes, { operations: [{ type: "metadata" }] });
    assert.equal(metadata?.color_profile, "Test RGB", format);
  }
});

Deno.test("a broken colour profile is left out with a warning, whatever is to become of it", async () => {
  const jpeg = outputOf(await run(source, { output: { format: "jpeg", quality: 95 } }));
  const whole = makeColorProfile("Test RGB");
  for (const broken of [whole.slice(0, 100), whole.slice(0, 300), new Uint8Array(400).fill(7)]) {
    for (const color_profile of ["keep", "srgb"]) {
      const result = await run(withColorProfile(jpeg, broken), {
        output: { format: "png", color_profile },
      });
      assert.deepEqual(result.warnings, ["the colour profile cannot be used and was left out"]);
      assertNear(sample(outputOf(result), middles(80, 40)), [RED, GREEN, BLUE, WHITE], 8);
    }
  }
});

Deno.test("a profile's colours become those of sRGB when that is asked for", async () => {
  const grey = makeBmp(8, 8, () => [128, 128, 128]);
  const jpeg = outputOf(await run(grey, { output: { format: "jpeg", quality: 100 } }));
  const result = await run(withColorProfile(jpeg, makeColorProfile("Gamma 2")), {
    output: { format: "png", color_profile: "srgb" },
  });
  // (128/255)^2 is 0.252 of the light, which sRGB writes as 137.
  assertNear(sample(outputOf(result), [[4, 4]]), [[137, 137, 137, 255]], 1);
});

Deno.test("a strip of few pixels becomes a GIF without seconds of dithering", async () => {
  // 16,000 pixels; a dither along a curve through the square around them would walk 268,435,456.
  const strip = makePng(16_000, 1, (x) => [x & 255, (x >> 3) & 255, (x * 7) & 255]);
  const result = await run(strip, { output: { format: "gif" } }, {
    signal: AbortSignal.timeout(60_000),
  });
  assert.equal(result.output?.width, 16_000);
});

Deno.test("whatever bytes are changed, the job answers or fails for good", async () => {
  const photo = makeBmp(24, 16, (x, y) => [(x * 9) & 255, (y * 15) & 255, (x * y) & 255]);
  const files = [photo, animation, makeTiff(20, 10, quarters(20, 10)), heicQuarters];
  for (const format of ["png", "jpeg", "webp", "avif"]) {
    files.push(outputOf(await run(photo, { output: { format } })));
  }
  const change = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), value: fc.nat(255) });
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...files),
      fc.array(change, { minLength: 1, maxLength: 4 }),
      async (file, changes) => {
        const bytes = file.slice();
        for (const { at, value } of changes) bytes[Math.floor(at * (bytes.length - 1))] = value;
        try {
          await run(bytes, {}, { limits: { pixelsMax: 100_000 } });
        } catch (error) {
          assert.ok(error instanceof PermanentJobError, String(error));
        }
      },
    ),
    { numRuns: 200 },
  );
});

function latin1Text(bytes: Uint8Array): string {
  return new TextDecoder("latin1").decode(bytes);
}
