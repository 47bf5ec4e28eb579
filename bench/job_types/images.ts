/**
 * `image_processing` on a photograph of 12 megapixels beside ImageMagick's convert. The library that
 * would be faster still, libvips (sharp), is native: it does not go into one executable.
 *
 * @module
 */

import { join } from "node:path";
import { costOfCommand, costOfJob, type Row } from "./measure.ts";

/** What is measured, and how often. */
export interface ImageTerms {
  readonly directory: string;
  /** Of the photograph, in pixels. */
  readonly width: number;
  readonly height: number;
  readonly times: number;
}

/** Measures them all. */
export async function measureImages(terms: ImageTerms): Promise<Row[]> {
  const { directory, width, height, times } = terms;
  const bmp = join(directory, "photo.bmp");
  const photo = join(directory, "photo.jpg");
  await Deno.writeFile(bmp, syntheticPhoto(width, height));
  await costOfJob("image_processing", {
    url: `file://${bmp}`,
    output: { format: "jpeg", quality: 88 },
    destination: photo,
  }, { directory });
  const resize = { type: "resize", width: 800, height: 600 };
  // One thread, as a job has one.
  const env = { OMP_NUM_THREADS: "1", MAGICK_THREAD_LIMIT: "1" };
  const rows: Row[] = [];
  const add = async (what: string, operations: readonly unknown[], convert: readonly string[]) => {
    const destination = join(directory, "resized.jpg");
    const payload = {
      url: `file://${photo}`,
      operations,
      output: { format: "jpeg", quality: 88 },
      destination,
    };
    const theirs = await costOfCommand(["convert", photo, ...convert, destination], { times, env });
    rows.push({
      what,
      amount: 1,
      unit: "images/s",
      ours: await costOfJob("image_processing", payload, { directory, times: times + 1 }),
      ...(theirs === undefined ? {} : { tool: "convert", theirs }),
    });
  };
  const megapixels = Math.round(width * height / 1e6);
  await add(`resize a ${megapixels}-megapixel JPEG to 800x600`, [resize], [
    ...["-resize", "800x600", "-quality", "88"],
  ]);
  // A step before the resize needs every pixel: no JPEG is decoded at a fraction then.
  await add("the same, turned upside down first", [
    { type: "rotate", degrees: 180 },
    resize,
  ], ["-rotate", "180", "-resize", "800x600", "-quality", "88"]);
  return rows;
}

/** Waves of colour and some noise, as a BMP: compresses about as a photograph does. */
function syntheticPhoto(width: number, height: number): Uint8Array {
  const rowBytes = (width * 3 + 3) & ~3;
  const bytes = new Uint8Array(54 + rowBytes * height);
  const view = new DataView(bytes.buffer);
  bytes.set([0x42, 0x4d]);
  view.setUint32(2, bytes.length, true);
  view.setUint32(10, 54, true);
  view.setUint32(14, 40, true);
  view.setInt32(18, width, true);
  view.setInt32(22, height, true);
  view.setUint16(26, 1, true);
  view.setUint16(28, 24, true);
  let state = 1;
  for (let y = 0; y < height; y++) {
    let at = 54 + y * rowBytes;
    const across = Math.sin(y / 97) * 60;
    for (let x = 0; x < width; x++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      const noise = state >>> 28;
      const along = Math.sin(x / 131 + y / 410) * 60;
      bytes[at++] = 110 + across + noise;
      bytes[at++] = 120 + along + noise;
      bytes[at++] = 120 + (across + along) / 2 + noise;
    }
  }
  return bytes;
}
