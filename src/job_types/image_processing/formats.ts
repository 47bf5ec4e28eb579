/**
 * What is known of each format beyond its name.
 *
 * @module
 */

import { MagickFormat } from "@imagemagick/magick-wasm";
import type { OutputFormat, SourceFormat } from "./payload.ts";

/** The decoder's own names. */
export const magickFormats: Readonly<Record<SourceFormat, MagickFormat>> = {
  png: MagickFormat.Png,
  jpeg: MagickFormat.Jpeg,
  webp: MagickFormat.WebP,
  gif: MagickFormat.Gif,
  bmp: MagickFormat.Bmp,
  tiff: MagickFormat.Tiff,
  avif: MagickFormat.Avif,
  heic: MagickFormat.Heic,
};

/** What is written when nobody says: the same, or the nearest that every program reads. */
export const outputLikeSource: Readonly<Record<SourceFormat, OutputFormat>> = {
  png: "png",
  jpeg: "jpeg",
  webp: "webp",
  gif: "gif",
  avif: "avif",
  bmp: "png",
  tiff: "png",
  heic: "jpeg",
};

/** Whether several frames in it are one moving image; a TIFF's pages are not. */
export function isAnimationFormat(format: SourceFormat): boolean {
  return format === "gif" || format === "webp";
}

/** Whether there is a choice between fewer bytes and more likeness; PNG and GIF keep every pixel as it is. */
export function hasQuality(format: OutputFormat): boolean {
  return format === "jpeg" || format === "webp" || format === "avif";
}
