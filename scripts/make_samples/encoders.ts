/**
 * Pixels to image files, for the samples.
 *
 * @module
 */

import {
  initializeImageMagick,
  MagickFormat,
  MagickImage,
  MagickImageCollection,
  MagickReadSettings,
} from "@imagemagick/magick-wasm";
import wasm from "@imagemagick/magick-wasm/magick.wasm" with { type: "bytes" };

/** 24-bit pixels with their size. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly rgb: Uint8Array;
}

/** Has to have been awaited before the rest of this module is used. */
export async function startEncoders(): Promise<void> {
  await initializeImageMagick(wasm);
}

/** One image. */
export function encode(pixels: Pixels, format: MagickFormat, quality: number): Uint8Array {
  const image = imageOf(pixels);
  try {
    image.quality = quality;
    return image.write(format, (data) => data.slice());
  } finally {
    image.dispose();
  }
}

/** Frames that repeat for ever, each shown `delayMs`. */
export function encodeGif(frames: readonly Pixels[], delayMs: number): Uint8Array {
  const images = MagickImageCollection.create();
  try {
    for (const frame of frames) {
      const image = imageOf(frame);
      image.animationDelay = delayMs / 10;
      image.animationIterations = 0;
      images.push(image);
    }
    return images.write(MagickFormat.Gif, (data) => data.slice());
  } finally {
    images.dispose();
  }
}

/** The pixels of a file, scaled to a size, to compare by. */
export function decode(bytes: Uint8Array, width: number, height: number): Pixels {
  const image = MagickImage.create(bytes);
  try {
    image.resize(width, height);
    const rgb = image.getPixels((pixels) =>
      pixels.toByteArray(0, 0, image.width, image.height, "RGB")
    );
    if (rgb === null) throw new Error("the image has no pixels");
    return { width: image.width, height: image.height, rgb };
  } finally {
    image.dispose();
  }
}

function imageOf({ width, height, rgb }: Pixels) {
  const settings = new MagickReadSettings({ format: MagickFormat.Rgb, width, height, depth: 8 });
  const image = MagickImage.create(rgb, settings);
  // Without these the same picture would be another file every day.
  image.setArtifact("png:exclude-chunk", "date,tIME");
  return image;
}
