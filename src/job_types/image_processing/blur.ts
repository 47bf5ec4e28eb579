/**
 * Blurs by a Gaussian.
 *
 * @module
 */

import { FilterType, type IMagickImage, MagickGeometry } from "@imagemagick/magick-wasm";

/**
 * Pixels times standard deviation up to which a blur is computed as it is: some ten seconds. Of the largest
 * images and blurs it would be minutes.
 */
const EXACT_WORK_MAX = 100_000_000;

/** Of the standard deviation, in pixels of the smaller image: what is finer than that is gone after the blur. */
const SIGMA_KEPT = 3;

/**
 * What lies farther away than so many standard deviations does not count. Left to itself the library, which goes
 * by what a byte can tell of one neighbour, cuts a wide Gaussian to a box of half its width.
 */
const SIGMAS_SEEN = 3;

/** Blurs by that standard deviation, in pixels; a blur that would take long, by way of a smaller image. */
export function blur(image: IMagickImage, sigma: number, exactWorkMax = EXACT_WORK_MAX): void {
  const { width, height } = image;
  const factor = Math.floor(sigma / SIGMA_KEPT);
  if (factor < 2 || width * height * sigma <= exactWorkMax) {
    return image.blur(SIGMAS_SEEN * sigma, sigma);
  }
  image.resize(exactly(Math.ceil(width / factor), Math.ceil(height / factor)), FilterType.Box);
  // Both ways blur as well: a box of one pixel by a variance of 1/12 of it, a triangle by 1/6.
  const rest = Math.sqrt((sigma / factor) ** 2 - 1 / 12 - 1 / 6);
  image.blur(SIGMAS_SEEN * rest, rest);
  image.resize(exactly(width, height), FilterType.Triangle);
}

function exactly(width: number, height: number): MagickGeometry {
  const geometry = new MagickGeometry(width, height);
  geometry.ignoreAspectRatio = true;
  return geometry;
}
