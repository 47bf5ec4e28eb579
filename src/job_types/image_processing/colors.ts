/**
 * Brings an image's colours into red, green and blue: by its colour profile where it has one.
 *
 * @module
 */

import { ColorProfile, ColorSpace, type IMagickImage, MagickError } from "@imagemagick/magick-wasm";
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
  if (choice === "keep" && !isPrint) return [];
  const profile = image.getColorProfile();
  const warnings = profile === null ? [] : convert(image, profile);
  if (image.colorSpace !== ColorSpace.sRGB && image.colorSpace !== ColorSpace.Gray) {
    image.colorSpace = ColorSpace.sRGB;
  }
  if (profile !== null) image.removeProfile(profile.name);
  return warnings;
}

/** By the profile; without it when the profile is broken or of another kind of image. */
function convert(image: IMagickImage, profile: { readonly data: Uint8Array }): string[] {
  try {
    const source = new ColorProfile(profile.data);
    if (image.transformColorSpace(source, new ColorProfile(srgbProfile()))) return [];
  } catch (error) {
    if (!(error instanceof MagickError)) throw error;
  }
  return ["the colour profile cannot be used and was left out"];
}
