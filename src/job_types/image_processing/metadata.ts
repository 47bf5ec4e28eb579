/**
 * What a file tells about its image besides the pixels.
 *
 * @module
 */

import {
  ColorSpace,
  DensityUnit,
  type IMagickImage,
  Interlace,
  MagickImageCollection,
  MagickReadSettings,
} from "@imagemagick/magick-wasm";
import { isAnimationFormat, magickFormats } from "./formats.ts";
import type { ImageHeader } from "./header.ts";
import type { Picture } from "./picture.ts";

/** The answer to the operation `metadata`. */
export interface ImageMetadata {
  /** As stored: `sRGB`, `Gray`, `CMYK`, ... */
  readonly color_space: string;
  readonly bits_per_channel?: number;
  readonly interlaced: boolean;
  /** Dots per inch, where the file says. */
  readonly density?: { readonly x: number; readonly y: number };
  readonly comment?: string;
  /** Of an animation: how long each frame shows in ms, and how often all repeat (0: for ever). */
  readonly animation?: { readonly delays_ms: readonly number[]; readonly repeats: number };
  /** Names of the blocks that the file carries: `exif`, `icc`, `iptc`, `xmp`, ... */
  readonly profiles: readonly string[];
  /** What the colour profile calls itself. */
  readonly color_profile?: string;
  /** EXIF by its own names: `Make`, `DateTimeOriginal`, `GPSLatitude`, ... */
  readonly exif: Readonly<Record<string, string>>;
}

/** Entries beyond are left out, longer ones are cut: a file may hold megabytes of them. */
const EXIF_ENTRIES_MAX = 200;
const TEXT_LENGTH_MAX = 1_000;

/** Reads it from the first frame, decoded but not yet changed, and from the file it came from. */
export function metadataOf(
  { first, storedColorSpace, storedProfiles }: Picture,
  { bytes, header }: { readonly bytes: Uint8Array; readonly header: ImageHeader },
): ImageMetadata {
  const density = densityOf(first);
  return {
    color_space: nameOf(ColorSpace, storedColorSpace),
    ...(header.bitsPerChannel === undefined ? {} : { bits_per_channel: header.bitsPerChannel }),
    interlaced: first.interlace > Interlace.NoInterlace,
    ...(density === undefined ? {} : { density }),
    ...(first.comment ? { comment: first.comment.slice(0, TEXT_LENGTH_MAX) } : {}),
    ...(header.frames > 1 && isAnimationFormat(header.format)
      ? { animation: animationOf(bytes, header) }
      : {}),
    profiles: storedProfiles.names,
    ...(storedProfiles.color ? { color_profile: storedProfiles.color } : {}),
    exif: exifOf(first),
  };
}

function densityOf({ density }: IMagickImage): { x: number; y: number } | undefined {
  if (density.units === DensityUnit.Undefined || density.x <= 0) return undefined;
  const factor = density.units === DensityUnit.PixelsPerCentimeter ? 2.54 : 1;
  return { x: Math.round(density.x * factor), y: Math.round(density.y * factor) };
}

/** Looks at every frame's header, but decodes none. */
function animationOf(bytes: Uint8Array, header: ImageHeader) {
  const frames = MagickImageCollection.create();
  try {
    frames.ping(bytes, new MagickReadSettings({ format: magickFormats[header.format] }));
    return {
      delays_ms: frames.map((frame) =>
        Math.round((frame.animationDelay * 1000) / (frame.animationTicksPerSecond || 100))
      ),
      repeats: frames[0]?.animationIterations ?? 0,
    };
  } finally {
    frames.dispose();
  }
}

function exifOf(image: IMagickImage): Record<string, string> {
  const prefix = "exif:";
  const names = image.attributeNames.filter((name) => name.startsWith(prefix));
  return Object.fromEntries(
    names.slice(0, EXIF_ENTRIES_MAX).map((name) => [
      name.slice(prefix.length),
      (image.getAttribute(name) ?? "").slice(0, TEXT_LENGTH_MAX),
    ]),
  );
}

function nameOf(names: Readonly<Record<string, number>>, value: number): string {
  return Object.keys(names).find((name) => names[name] === value) ?? "unknown";
}
