/**
 * What an `image_processing` job may ask for. Loads no decoder, so that a client or a master can
 * check a payload without paying for one.
 *
 * @module
 */

import { z } from "zod";
import { jobUrl } from "../job_url_schema.ts";
import { ruleAbout } from "../rule_about.ts";

/** Largest width or height that may be asked for, in pixels. */
const SIDE_MAX = 16_384;

/** Longest list of operations. */
const OPERATIONS_MAX = 32;

const side = z.int().min(1).max(SIDE_MAX);
const quality = z.int().min(1).max(100);

const color = z.string().regex(
  /^(#[0-9a-f]{3}|#[0-9a-f]{6}|#[0-9a-f]{8}|transparent)$/i,
  "must be a colour as #rgb, #rrggbb or #rrggbbaa, or the word transparent",
);

const gravity = z.enum([
  "center",
  "north",
  "northeast",
  "east",
  "southeast",
  "south",
  "southwest",
  "west",
  "northwest",
]);

/** Formats that an image can be written in. */
export const outputFormats = ["png", "jpeg", "webp", "gif", "avif"] as const;

/** Formats that an image can be read from. */
export const sourceFormats = [...outputFormats, "bmp", "tiff", "heic"] as const;

const outputFormat = z.enum(outputFormats);

const resize = z.strictObject({
  type: z.literal("resize"),
  width: side.optional().describe("In pixels. Left out: follows from the height."),
  height: side.optional().describe("In pixels. Left out: follows from the width."),
  fit: z.enum(["inside", "cover", "contain", "fill"]).default("inside").describe(
    "What gives way when both sides are given and the proportions differ. inside: the result is as " +
      "large as fits, the proportions stay. cover: fills the box, what overlaps is cut off. " +
      "contain: as inside, padded with background to the whole box. fill: stretched.",
  ),
  gravity: gravity.default("center")
    .describe("Which part cover keeps, and where contain places the image."),
  background: color.default("transparent").describe("The padding of contain."),
  enlarge: z.boolean().default(true)
    .describe("False: an image already smaller than the box is left as it is."),
}).refine((operation) => operation.width !== undefined || operation.height !== undefined, {
  message: "resize needs width, height or both",
  ...ruleAbout("width", "height"),
});

const corner = z.int().min(0).max(65_535).optional();

const crop = z.strictObject({
  type: z.literal("crop"),
  width: side.describe("In pixels."),
  height: side.describe("In pixels."),
  x: corner.describe("From the image's left edge, in pixels; with y, or neither."),
  y: corner.describe("From the image's upper edge, in pixels; with x, or neither."),
  gravity: gravity.optional()
    .describe("Where the rectangle lies when no corner is given. Left out: center."),
}).refine((operation) => (operation.x === undefined) === (operation.y === undefined), {
  message: "crop takes x and y together",
  ...ruleAbout("x", "y"),
}).refine((operation) => operation.x === undefined || operation.gravity === undefined, {
  message: "crop takes either x and y or gravity, not both",
  ...ruleAbout("x", "y", "gravity"),
});

const rotate = z.strictObject({
  type: z.literal("rotate"),
  degrees: z.number().min(-360).max(360).describe("Clockwise."),
  background: color.default("transparent")
    .describe("The corners that a rotation by other than quarter turns opens."),
});

const flip = z.strictObject({
  type: z.literal("flip"),
  direction: z.enum(["horizontal", "vertical"])
    .describe("horizontal exchanges left and right, vertical top and bottom."),
});

const grayscale = z.strictObject({ type: z.literal("grayscale") });

const blur = z.strictObject({
  type: z.literal("blur"),
  sigma: z.number().min(0.1).max(100)
    .describe("Standard deviation of the Gaussian, in pixels."),
});

const thumbnailSize = {
  width: side.max(2048).describe("Of the box that the thumbnail fits into, in pixels."),
  height: side.max(2048).describe("Of the same box; the proportions stay, nothing is enlarged."),
};

const thumbnail = z.strictObject({ type: z.literal("thumbnail"), ...thumbnailSize });

const convert = z.strictObject({
  type: z.literal("convert"),
  format: outputFormat.describe("What is written, wherever this step stands."),
  quality: quality.optional().describe("As output.quality."),
});

const metadata = z.strictObject({ type: z.literal("metadata") });

const operation = z.discriminatedUnion("type", [
  resize,
  crop,
  rotate,
  flip,
  grayscale,
  blur,
  thumbnail,
  convert,
  metadata,
]);

const output = z.strictObject({
  format: outputFormat.optional().describe(
    "Left out: what convert says, else the destination's extension, else the source's format " +
      "(png for bmp and tiff, jpeg for heic).",
  ),
  quality: quality.optional()
    .describe("For jpeg, webp and avif; png and gif are lossless and have none."),
  strip: z.boolean().default(true).describe(
    "Leave out EXIF, XMP and comments (a place, a camera); not the colour profile.",
  ),
  color_profile: z.enum(["keep", "srgb"]).default("keep").describe(
    "keep: the pixels stay as they are, and the profile that explains them with them. srgb: the " +
      "colours are converted, and the profile is left out, for programs that know none. CMYK is " +
      "converted always.",
  ),
  background: color.default("#ffffff").describe(
    "What shows through where the source is transparent and the format is not (jpeg).",
  ),
});

/** The schema of a job's payload. */
export const payloadSchema = z.strictObject({
  url: jobUrl.optional().describe(
    "The image: http, https, data or file (where the worker allows it); a bare host/path means " +
      "https. Its format is told from its first bytes, never from its name or content type.",
  ),
  data: z.string().min(1).regex(/^[A-Za-z0-9+/_=\s-]+$/, "must be base64").optional()
    .describe("The image itself, in base64 (standard or URL alphabet), in place of a url."),
  format: z.enum(sourceFormats).optional()
    .describe("What the image has to be; another format fails the job. Left out: any of these."),
  frames: z.enum(["all", "first"]).default("all").describe(
    "Of an animated GIF or WebP: all frames, as long as the output's format can move (gif, webp), " +
      "or the first alone. Of a TIFF the first page is read, of an animated PNG or AVIF the first frame.",
  ),
  operations: z.array(operation).max(OPERATIONS_MAX).default([]).describe(
    "Steps in their order, on the image as it is displayed: EXIF's orientation is applied before. " +
      "With none, and no output: format, size, colours and a thumbnail are told.",
  ),
  output: output.optional().describe("How the result is written."),
  destination: z.string().min(1).max(4096).optional().describe(
    "Where the output goes instead of into the result: a file's path (below the worker's " +
      "jobs.file_write_roots), or a URL that takes a PUT.",
  ),
  thumbnail: z.strictObject(thumbnailSize).optional()
    .describe("A second, small image, always inline, made from the finished one."),
}).refine((payload) => (payload.url === undefined) !== (payload.data === undefined), {
  message: "give the image either by url or inline as data, exactly one of them",
  ...ruleAbout("url", "data"),
});

/** A payload as its schema yields it, defaults filled in. */
export type ImagePayload = z.output<typeof payloadSchema>;

/** One step of a payload. */
export type Operation = ImagePayload["operations"][number];

/** The step of one kind. */
export type OperationOf<Type extends Operation["type"]> = Extract<Operation, { type: Type }>;

/** A format that an image can be written in. */
export type OutputFormat = (typeof outputFormats)[number];

/** A format that an image can be read from. */
export type SourceFormat = (typeof sourceFormats)[number];

/** Where a rectangle lies in another. */
export type GravityName = z.output<typeof gravity>;
