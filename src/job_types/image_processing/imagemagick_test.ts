/**
 * Our reading of images against that of ImageMagick as Debian has it: files of every kind that it
 * writes itself, and the real ones that its documentation ships (imagemagick-6-doc).
 *
 * @module
 */

import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { PermanentJobError } from "../contract.ts";
import { outputOf, run } from "./image_checks.ts";
import { withExif } from "./image_fixtures.ts";

const PROFILES = "/usr/share/color/icc";

const hasTool = await succeeds("convert", ["-version"]) && await succeeds("identify", ["-version"]);
if (!hasTool) console.log("ImageMagick is missing: images are not held against its reading");
const hasProfiles = await isThere(join(PROFILES, "compatibleWithAdobeRGB1998.icc"));
if (!hasProfiles) console.log("icc-profiles-free is missing: colour profiles are not tried");

/** What convert makes of its rose, enlarged a little and with a hole in it. */
const WRITTEN: Readonly<Record<string, readonly string[]>> = {
  "plain.png": [],
  "interlaced.png": ["-interlace", "PNG"],
  "deep.png": ["-depth", "16", "-define", "png:bit-depth=16"],
  "deep_interlaced.png": ["-depth", "16", "-define", "png:bit-depth=16", "-interlace", "PNG"],
  "palette.png": ["-colors", "60", "PNG8:"],
  "four_colors.png": ["-colors", "4", "-define", "png:bit-depth=2", "PNG8:"],
  "bilevel.png": ["-monochrome"],
  "grey.png": ["-colorspace", "Gray"],
  "grey_deep.png": ["-colorspace", "Gray", "-depth", "16", "-define", "png:bit-depth=16"],
  "grey_alpha.png": [
    "-colorspace",
    "Gray",
    "-alpha",
    "set",
    "-channel",
    "A",
    "-evaluate",
    "multiply",
    "0.4",
  ],
  "alpha.png": ["-alpha", "set", "-channel", "A", "-evaluate", "multiply", "0.4"],
  "palette_alpha.png": ["-colors", "20", "-transparent", "black", "PNG8:"],
  "baseline.jpg": ["-quality", "92"],
  "progressive.jpg": ["-quality", "92", "-interlace", "JPEG"],
  "grey.jpg": ["-colorspace", "Gray"],
  "subsampled.jpg": ["-sampling-factor", "4:2:0"],
  "cmyk.jpg": ["-colorspace", "CMYK", "-quality", "95"],
  "cmyk_progressive.jpg": ["-colorspace", "CMYK", "-quality", "95", "-interlace", "JPEG"],
  "lzw.tif": ["-compress", "LZW"],
  "zip.tif": ["-compress", "Zip"],
  "big_endian.tif": ["-endian", "MSB"],
  "deep.tif": ["-depth", "16"],
  "cmyk.tif": ["-colorspace", "CMYK"],
  "fax.tif": ["-monochrome", "-compress", "Group4"],
  "alpha.tif": ["-alpha", "set", "-channel", "A", "-evaluate", "multiply", "0.4"],
  "lossy.webp": ["-quality", "90"],
  "lossless.webp": ["-define", "webp:lossless=true"],
  "still.gif": ["-colors", "200"],
  "interlaced.gif": ["-interlace", "GIF"],
  "bitmap.bmp": [],
  "bitmap3.bmp": ["BMP3:"],
  "runs.bmp": ["-colors", "16", "-compress", "RLE", "BMP3:"],
};

/** Frames that cover parts of the canvas, some of them clear, as optimizers write them. */
const ANIMATIONS = ["moving.gif", "moving.webp"];

Deno.test({
  name: "every kind of image is read as ImageMagick reads it, and fails for good when cut short",
  ignore: !hasTool,
  async fn(t) {
    const directory = await Deno.makeTempDir({ prefix: "conductor-imagemagick-" });
    try {
      const written = await write(directory);
      const files = [...written, ...await realFiles()];
      const told = await identify(files);
      for (const file of files) {
        await t.step(basename(file), async () => {
          const bytes = await Deno.readFile(file);
          const result = await run(bytes, { output: { format: "png" }, frames: "first" });
          const { width, height, frames } = result.source;
          assert.deepEqual(
            { width, height, frames, format: result.source.format },
            told.get(file),
          );
          const ours = join(directory, "ours.png");
          await Deno.writeFile(ours, outputOf(result));
          const difference = await distance(["-auto-orient"], file, ours);
          assert.ok(difference <= toleranceOf(file), `it differs by ${difference}`);
          await failsCut(bytes);
        });
      }
      await t.step("an animation keeps its frames, as they look", () => animations(directory));
      await t.step(
        "a JPEG at a fraction differs little from one that was read whole",
        () => fraction(directory),
      );
      await t.step("all eight orientations are put upright", () => orientations(directory));
      if (hasProfiles) {
        await t.step("colour profiles are converted to sRGB", () => profiles(directory));
      }
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
});

/**
 * Of all channels, from 0 to 1: half a step of 8 bits, which is what our decoder keeps of 16; more for
 * lossy formats, whose decoders round in their own ways.
 */
function toleranceOf(file: string): number {
  return /\.(jpe?g|webp)$/.test(file) || /deep|cmyk/.test(file) ? 0.01 : 0.002;
}

async function write(directory: string): Promise<string[]> {
  const branches = Object.entries(WRITTEN).flatMap(([name, settings]) => {
    const prefix = settings.find((each) => each.endsWith(":")) ?? "";
    const others = settings.filter((each) => !each.endsWith(":"));
    return ["(", "+clone", ...others, "-write", prefix + join(directory, name), "+delete", ")"];
  });
  // In a group settings are forgotten at its end.
  await call("convert", [
    ...["rose:", "-resize", "91x60!", "-respect-parenthesis", ...branches, "null:"],
  ]);
  const frames = ["red", "lime", "blue", "white"].flatMap((
    color,
    index,
  ) => ["(", "-size", "20x16", `xc:${color}`, "-repage", `+${index * 12}+${index * 6}`, ")"]);
  for (const name of ANIMATIONS) {
    await call("convert", [
      ...["-delay", "8", "-dispose", "none", "-size", "64x48", "xc:gray", ...frames],
      ...["-loop", "3", join(directory, name)],
    ]);
  }
  return [...Object.keys(WRITTEN), ...ANIMATIONS].map((name) => join(directory, name));
}

/** Images within ImageMagick's documentation, not too large, where it is installed. */
async function realFiles(): Promise<string[]> {
  const found: string[] = [];
  for (const version of ["6", "7"]) {
    const directory = `/usr/share/doc/imagemagick-${version}-common/html/images`;
    if (!await isThere(directory)) continue;
    for await (const { name, isFile } of Deno.readDir(directory)) {
      const path = join(directory, name);
      if (!isFile || !/\.(png|jpg|gif)$/.test(name)) continue;
      const { size } = await Deno.stat(path);
      if (size > 0 && size < 30_000) found.push(path);
    }
  }
  if (found.length === 0) console.log("imagemagick-6-doc is missing: no real images are tried");
  return found.sort().filter((_, index) => index % 4 === 0).slice(0, 24);
}

interface Told {
  readonly width: number;
  readonly height: number;
  readonly frames: number;
  readonly format: string;
}

/** What identify says of each file: of its canvas. */
async function identify(files: readonly string[]): Promise<Map<string, Told>> {
  const text = await call("identify", ["-format", "%i|%m|%W|%H|%w|%h|%n\n", ...files]);
  return new Map(
    text.trim().split("\n").toReversed().map((line) => {
      const [file = "", format = "", pageWidth, pageHeight, width, height, frames] = line.split(
        "|",
      );
      const isMoving = Number(frames) > 1;
      return [file, {
        width: Number(isMoving ? pageWidth : width),
        height: Number(isMoving ? pageHeight : height),
        frames: Number(frames),
        format: format.toLowerCase().replace(/^bmp3$/, "bmp"),
      }];
    }),
  );
}

/** Root of the mean squared difference, on white where one is clear; `settings` are for the first. */
async function distance(
  settings: readonly string[],
  first: string,
  second: string,
  frame = "[0]",
): Promise<number> {
  const flat = ["-colorspace", "sRGB", "-background", "white", "-alpha", "remove", "-alpha", "off"];
  const text = await call("convert", [
    ...["(", first + frame, ...settings, ...flat, ")", "(", second + frame, ...flat, ")"],
    ...["-metric", "RMSE", "-compare", "-format", "%[distortion]", "info:"],
  ]);
  return Number(text);
}

async function failsCut(bytes: Uint8Array): Promise<void> {
  for (const part of [0.1, 0.5]) {
    await assert.rejects(
      run(bytes.slice(0, Math.floor(bytes.length * part)), { output: { format: "png" } }),
      (error: Error) =>
        error instanceof PermanentJobError && /cut short|cannot be/.test(error.message),
      `cut to ${part}`,
    );
  }
}

async function animations(directory: string): Promise<void> {
  for (const name of ANIMATIONS) {
    const file = join(directory, name);
    const result = await run(await Deno.readFile(file), { output: { format: "gif" } });
    assert.equal(result.output?.frames, 5, name);
    const ours = join(directory, `ours_${name}.gif`);
    await Deno.writeFile(ours, outputOf(result));
    const moving = ["-coalesce", "-append"];
    const [theirSheet, ourSheet] = [join(directory, "their.png"), join(directory, "our.png")];
    await call("convert", [file, ...moving, theirSheet]);
    await call("convert", [ours, ...moving, ourSheet]);
    const difference = await distance([], theirSheet, ourSheet, "");
    assert.ok(difference < 0.02, `${name} differs by ${difference}`);
    const delays = await call("identify", ["-format", "%T ", ours]);
    assert.equal(delays.trim(), "8 8 8 8 8", name);
  }
}

async function fraction(directory: string): Promise<void> {
  const [large, reference, ours] = ["large.jpg", "reference.png", "ours.png"]
    .map((name) => join(directory, name)) as [string, string, string];
  await call("convert", ["wizard:", "-resize", "1201x1502!", "-quality", "92", large]);
  await call("convert", [large, "-resize", "200x200", reference]);
  const result = await run(await Deno.readFile(large), {
    operations: [{ type: "resize", width: 200, height: 200 }],
    output: { format: "png" },
  });
  assert.deepEqual([result.source.width, result.source.height], [1201, 1502]);
  await Deno.writeFile(ours, outputOf(result));
  assert.equal(await call("identify", ["-format", "%wx%h", ours]), "160x200");
  const difference = await distance([], reference, ours);
  assert.ok(difference < 0.02, `it differs by ${difference}`);
}

async function orientations(directory: string): Promise<void> {
  const jpeg = await Deno.readFile(join(directory, "baseline.jpg"));
  for (let orientation = 1; orientation <= 8; orientation++) {
    const [file, ours] = [
      join(directory, `turned_${orientation}.jpg`),
      join(directory, "ours.png"),
    ];
    const bytes = withExif(jpeg, orientation, "nobody");
    await Deno.writeFile(file, bytes);
    // Whole, and at a fraction, whose size is reckoned before the orientation is known.
    const whole = await run(bytes, { output: { format: "png" } });
    assert.equal(whole.source.orientation, orientation);
    await Deno.writeFile(ours, outputOf(whole));
    const difference = await distance(["-auto-orient"], file, ours);
    assert.ok(difference < 0.01, `orientation ${orientation} differs by ${difference}`);
    const small = await run(bytes, {
      operations: [{ type: "resize", width: 15 }],
      output: { format: "png" },
    });
    await Deno.writeFile(ours, outputOf(small));
    const shrunk = await distance(["-auto-orient", "-resize", "15x"], file, ours);
    assert.ok(shrunk < 0.03, `orientation ${orientation} differs by ${shrunk} when small`);
  }
}

async function profiles(directory: string): Promise<void> {
  const [file, reference, ours] = ["adobe.jpg", "reference.png", "ours.png"]
    .map((name) => join(directory, name)) as [string, string, string];
  const srgb = join(PROFILES, "sRGB.icc");
  await call("convert", [
    ...["rose:", "-profile", srgb, "-profile", join(PROFILES, "compatibleWithAdobeRGB1998.icc")],
    ...["-quality", "95", file],
  ]);
  await call("convert", [file, "-profile", srgb, "+profile", "*", reference]);
  const bytes = await Deno.readFile(file);
  const converted = await run(bytes, {
    operations: [{ type: "metadata" }],
    output: { format: "png", color_profile: "srgb" },
  });
  assert.match(String(converted.metadata?.color_profile), /Adobe RGB/);
  await Deno.writeFile(ours, outputOf(converted));
  const difference = await distance([], reference, ours);
  assert.ok(difference < 0.01, `it differs by ${difference}`);
  const again = await run(outputOf(converted), { operations: [{ type: "metadata" }] });
  assert.equal(again.metadata?.color_profile, undefined);
  // Kept, the numbers stay what they were, and so does their profile.
  const kept = await run(bytes, { output: { format: "png" } });
  await Deno.writeFile(ours, outputOf(kept));
  assert.ok(await distance(["+profile", "*"], file, ours) < 0.01);
  const { metadata } = await run(outputOf(kept), { operations: [{ type: "metadata" }] });
  assert.match(String(metadata?.color_profile), /Adobe RGB/);
}

async function call(program: string, args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args: [...args] }).output();
  const text = new TextDecoder().decode(stdout);
  assert.ok(success, `${program} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  return text;
}

async function succeeds(program: string, args: readonly string[]): Promise<boolean> {
  try {
    return (await new Deno.Command(program, { args: [...args] }).output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
