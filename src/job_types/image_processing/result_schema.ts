/**
 * What an `image_processing` job hands back, described. Importable without the decoder.
 *
 * @module
 */

import { z } from "zod";
import type { ImageMetadata } from "./metadata.ts";
import { outputFormats, sourceFormats } from "./payload.ts";
import type { ImageFile, ImageResult } from "./pipeline.ts";

const pixels = z.int().min(1);
const bytes = z.int().min(1).describe("Its length.");

const color = z.string().regex(/^#[0-9a-f]{6}$/).describe("As #rrggbb.");

const imageFile = z.strictObject({
  format: z.enum(outputFormats).describe("As it was written."),
  content_type: z.string().describe("Such as image/png."),
  width: pixels.describe("In pixels."),
  height: pixels.describe("In pixels."),
  bytes,
  frames: z.int().min(2).optional().describe("Of an animation; left out for one."),
  data: z.string().optional().describe("The image in base64; left out with a destination."),
  destination: z.string().optional()
    .describe("Where it was put: an absolute path, or a URL without its query."),
}) satisfies z.ZodType<ImageFile>;

const metadata = z.strictObject({
  color_space: z.string().describe("As stored: sRGB, Gray, CMYK and the like."),
  bits_per_channel: z.int().optional()
    .describe("As stored, where the header says; results have 8."),
  interlaced: z.boolean().describe("Interlaced PNG or GIF, progressive JPEG."),
  density: z.strictObject({
    x: z.number().describe("Across."),
    y: z.number().describe("Down."),
  }).optional().describe("Dots per inch, where the file says."),
  comment: z.string().optional().describe("The file's own, at most 1,000 characters."),
  animation: z.strictObject({
    delays_ms: z.array(z.number()).readonly().describe("How long each frame shows."),
    repeats: z.int().min(0).describe("How often all are shown; 0 is for ever."),
  }).optional().describe("Of a GIF or WebP of several frames."),
  profiles: z.array(z.string()).readonly()
    .describe("Names of the blocks that the file carries: exif, icc, iptc, xmp."),
  color_profile: z.string().optional().describe("What the colour profile calls itself."),
  exif: z.record(z.string(), z.string())
    .describe("By EXIF's own names, such as DateTimeOriginal; at most 200."),
}) satisfies z.ZodType<ImageMetadata>;

/** The result; `ImageResult` as a schema. */
export const resultSchema = z.strictObject({
  source: z.strictObject({
    format: z.enum(sourceFormats).describe("As the first bytes tell."),
    width: pixels.describe("As displayed, EXIF's orientation applied; in pixels."),
    height: pixels.describe("As displayed, in pixels."),
    bytes,
    frames: z.int().min(1).describe("Frames of an animation, pages of a TIFF; 1 for all else."),
    has_alpha: z.boolean().describe("Whether it has a transparency channel, used or not."),
    orientation: z.int().min(1).max(8).describe("EXIF's number as stored; 1 is upright."),
  }).describe("What was read."),
  dominant_color: color.nullable().optional().describe(
    "The first of the palette; null when nothing is visible. Given when no output is asked for.",
  ),
  palette: z.array(z.strictObject({
    color,
    share: z.number().min(0).max(1).describe("Of the visible pixels."),
  })).readonly().optional().describe("At most six colours, the most frequent first."),
  metadata: metadata.optional().describe("Where the operation metadata asks for it."),
  output: imageFile.optional().describe("The finished image."),
  thumbnail: imageFile.optional().describe("The small one."),
  warnings: z.array(z.string()).readonly().optional()
    .describe(
      "What of the payload has no effect, and what the decoder complained of, when it went on.",
    ),
}) satisfies z.ZodType<Omit<ImageResult, "source">>;
