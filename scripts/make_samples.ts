/**
 * Makes the repository's own sample inputs, `scripts/samples/`, from nothing: pictures, a web site
 * and a table of orders. They belong to nobody and are the same every time.
 *
 *     deno run -A scripts/make_samples.ts
 *
 * @module
 */

import { MagickFormat } from "@imagemagick/magick-wasm";
import { encode, encodeGif, type Pixels, startEncoders } from "./make_samples/encoders.ts";
import { type Frame, paintLandscape } from "./make_samples/landscape.ts";
import { writeOrders } from "./make_samples/orders.ts";
import { writeSite } from "./make_samples/site.ts";
import { paintMap, paintMoon, paintPatch } from "./make_samples/vignettes.ts";

/** Where the samples lie. */
export const samplesDirectory = new URL("./samples/", import.meta.url);

/** The files that are text, by their path below the samples' directory. */
export function makeTexts(): Map<string, string> {
  const site = writeSite().map(({ path, text }) => [`site/${path}`, text] as const);
  return new Map([["orders.csv", writeOrders()], ...site]);
}

/** The files that are pictures. */
async function makePictures(): Promise<Map<string, Uint8Array>> {
  await startEncoders();
  const small = (frame?: Frame) => encode(landscape(640, 427, frame), MagickFormat.WebP, 72);
  const painted = (paint: (width: number, height: number) => Uint8Array) =>
    encode({ width: 640, height: 427, rgb: paint(640, 427) }, MagickFormat.WebP, 60);
  return new Map([
    ["photo.jpg", encode(landscape(1600, 1067), MagickFormat.Jpeg, 84)],
    ["photo.png", encode(landscape(720, 480), MagickFormat.Png, 95)],
    ["photo.webp", small()],
    ["moon.gif", encodeGif(moons(96, 16), 120)],
    ["site/images/lake.webp", small()],
    ["site/images/peak.webp", small({ left: 0.1, top: 0.22, right: 0.5, bottom: 0.62 })],
    ["site/images/pass.webp", small({ left: 0.62, top: 0.26, right: 1.0, bottom: 0.64 })],
    ["site/images/map.webp", painted(paintMap)],
    ["site/images/patch.webp", painted(paintPatch)],
  ]);
}

function landscape(width: number, height: number, frame?: Frame): Pixels {
  return { width, height, rgb: paintLandscape(width, height, frame) };
}

function moons(side: number, count: number): Pixels[] {
  return Array.from({ length: count }, (_, index) => ({
    width: side,
    height: side,
    rgb: paintMoon(side, index / count),
  }));
}

if (import.meta.main) {
  const files = new Map<string, Uint8Array | string>([...makeTexts(), ...await makePictures()]);
  let totalBytes = 0;
  for (const [path, content] of files) {
    const target = new URL(path, samplesDirectory);
    await Deno.mkdir(new URL(".", target), { recursive: true });
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    await Deno.writeFile(target, bytes);
    totalBytes += bytes.length;
    console.log(`${String(bytes.length).padStart(8)} ${path}`);
  }
  console.log(`${String(totalBytes).padStart(8)} bytes in ${files.size} files`);
}
