/**
 * What a file tells about its image besides the pixels.
 *
 * @module
 */

import { ColorSpace, DensityUnit, type IMagickImage, Interlace } from "@imagemagick/magick-wasm";
import type { ImageHeader } from "./header.ts";

/** The answer to the operation `metadata`. */
export interface ImageMetadata {
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

/** Reads it from frames that were decoded but not yet changed. */
export function metadataOf(frames: readonly IMagickImage[], header: ImageHeader): ImageMetadata {
  const [first] = frames;
  if (first === undefined) throw new Error("invariant: a picture has at least one frame");
  const density = densityOf(first);
  const profile = first.getColorProfile()?.description;
  return {
    color_space: nameOf(ColorSpace, first.colorSpace),
    ...(header.bitsPerChannel === undefined ? {} : { bits_per_channel: header.bitsPerChannel }),
    interlaced: first.interlace > Interlace.NoInterlace,
    ...(density === undefined ? {} : { density }),
    ...(first.comment ? { comment: first.comment.slice(0, TEXT_LENGTH_MAX) } : {}),
    ...(frames.length > 1 ? { animation: animationOf(frames, first) } : {}),
    profiles: first.profileNames,
    ...(profile ? { color_profile: profile } : {}),
    exif: exifOf(first),
  };
}

function densityOf({ density }: IMagickImage): { x: number; y: number } | undefined {
  if (density.units === DensityUnit.Undefined || density.x <= 0) return undefined;
  const factor = density.units === DensityUnit.PixelsPerCentimeter ? 2.54 : 1;
  return { x: Math.round(density.x * factor), y: Math.round(density.y * factor) };
}

function animationOf(frames: readonly IMagickImage[], first: IMagickImage) {
  return {
    delays_ms: frames.map((frame) =>
      Math.round((frame.animationDelay * 1000) / (frame.animationTicksPerSecond || 100))
    ),
    repeats: first.animationIterations,
  };
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
