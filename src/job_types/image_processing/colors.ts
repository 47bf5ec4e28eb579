/**
 * Brings an image's colours into red, green and blue: by its colour profile where it has one.
 *
 * @module
 */

import {
  ColorProfile,
  ColorSpace,
  ImageProfile,
  type IMagickImage,
  MagickError,
} from "@imagemagick/magick-wasm";
import type { ImagePayload } from "./payload.ts";
import { srgbProfile } from "./srgb_profile.ts";

/** What becomes of a profile: see the payload's `output.color_profile`. */
export type ProfileChoice = NonNullable<ImagePayload["output"]>["color_profile"];

/**
 * Makes `image` RGB or grey. With `srgb` it is without a profile afterwards, with `keep` only where
 * its profile was of other colours than red, green and blue, such as those of print.
 *
 * @returns what was done in another way than it should have been.
 */
export function makeRgb(image: IMagickImage, choice: ProfileChoice): string[] {
  const isPrint = image.colorSpace !== ColorSpace.sRGB && image.colorSpace !== ColorSpace.Gray;
  const profile = colorProfileOf(image);
  if (choice === "keep" && !isPrint) return keep(image, profile);
  const warnings = profile === undefined ? [] : convert(image, profile);
  if (image.colorSpace !== ColorSpace.sRGB && image.colorSpace !== ColorSpace.Gray) {
    image.colorSpace = ColorSpace.sRGB;
  }
  if (profile !== undefined) image.removeProfile(profile.name);
  return warnings;
}

/**
 * The colour profile of `image`, if it has one. What the library hands out is a view of the decoder's
 * memory, which is someone else's as soon as the image is stripped or the memory grows.
 */
export function colorProfileOf(image: IMagickImage): ImageProfile | undefined {
  const profile = image.getColorProfile();
  return profile === null ? undefined : new ImageProfile(profile.name, profile.data.slice());
}

/** What no program could use is left out: some formats' writers would fail for it. */
function keep(image: IMagickImage, profile: ImageProfile | undefined): string[] {
  if (profile === undefined || isProfile(profile.data)) return [];
  image.removeProfile(profile.name);
  return [UNUSABLE];
}

/** Whether it begins as ICC.1:2010 §7.2 has it: its own length, and a signature. */
function isProfile(data: Uint8Array): boolean {
  if (data.length < 132) return false;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return view.getUint32(0) === data.length && view.getUint32(36) === 0x61637370; // "acsp"
}

const UNUSABLE = "the colour profile cannot be used and was left out";

/** By the profile; without it when the profile is broken or of another kind of image. */
function convert(image: IMagickImage, profile: { readonly data: Uint8Array }): string[] {
  try {
    const source = new ColorProfile(profile.data);
    // Greys that are explained as equal parts of red, green and blue.
    if (image.colorSpace === ColorSpace.Gray && source.colorSpace === ColorSpace.sRGB) {
      image.colorSpace = ColorSpace.sRGB;
    }
    if (image.transformColorSpace(source, new ColorProfile(srgbProfile()))) return [];
  } catch (error) {
    if (!(error instanceof MagickError)) throw error;
  }
  return [UNUSABLE];
}
