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
export const SIDE_MAX = 16_384;

/** Longest list of operations. */
export const OPERATIONS_MAX = 32;

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
  width: side.optional(),
  height: side.optional(),
  /**
   * What gives way when both sides are given and the proportions differ. `inside`: the result is
   * as large as fits, the proportions stay. `cover`: fills the box, what overlaps is cut off.
   * `contain`: as `inside`, padded with `background` to the whole box. `fill`: stretched.
   */
  fit: z.enum(["inside", "cover", "contain", "fill"]).default("inside"),
  /** Which part `cover` keeps, and where `contain` places the image. */
  gravity: gravity.default("center"),
  /** The padding of `contain`. */
  background: color.default("transparent"),
  /** False: an image already smaller than the box is left as it is. */
  enlarge: z.boolean().default(true),
}).refine((operation) => operation.width !== undefined || operation.height !== undefined, {
  message: "resize needs width, height or both",
  ...ruleAbout("width", "height"),
});

const crop = z.strictObject({
  type: z.literal("crop"),
  width: side,
  height: side,
  /** The upper left corner, in pixels from the image's own; both or neither. */
  x: z.int().min(0).max(65_535).optional(),
  y: z.int().min(0).max(65_535).optional(),
  /** Where the rectangle lies when no corner is given. Default `center`. */
  gravity: gravity.optional(),
}).refine((operation) => (operation.x === undefined) === (operation.y === undefined), {
  message: "crop takes x and y together",
  ...ruleAbout("x", "y"),
}).refine((operation) => operation.x === undefined || operation.gravity === undefined, {
  message: "crop takes either x and y or gravity, not both",
  ...ruleAbout("x", "y", "gravity"),
});

const rotate = z.strictObject({
  type: z.literal("rotate"),
  /** Clockwise. */
  degrees: z.number().min(-360).max(360),
  /** The corners that a rotation by other than quarter turns opens. */
  background: color.default("transparent"),
});

const flip = z.strictObject({
  type: z.literal("flip"),
  /** `horizontal` exchanges left and right, `vertical` top and bottom. */
  direction: z.enum(["horizontal", "vertical"]),
});

const grayscale = z.strictObject({ type: z.literal("grayscale") });

const blur = z.strictObject({
  type: z.literal("blur"),
  /** Standard deviation of the Gaussian, in pixels. */
  sigma: z.number().min(0.1).max(100),
});

const thumbnailSize = { width: side.max(2048), height: side.max(2048) };

const thumbnail = z.strictObject({ type: z.literal("thumbnail"), ...thumbnailSize });

const convert = z.strictObject({
  type: z.literal("convert"),
  format: outputFormat,
  quality: quality.optional(),
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
  /** Default: what `convert` says, else the destination's extension, else the source's format. */
  format: outputFormat.optional(),
  /** For jpeg, webp and avif; png and gif are lossless and have none. */
  quality: quality.optional(),
  /** Leaves out EXIF, XMP and comments (a place, a camera); not the colour profile. */
  strip: z.boolean().default(true),
  /**
   * `keep`: the pixels stay as they are, and the profile that explains them with them. `srgb`: the
   * colours are converted, and the profile is left out, for programs that know none. CMYK is
   * converted always.
   */
  color_profile: z.enum(["keep", "srgb"]).default("keep"),
  /** What shows through where the source is transparent and the format is not (jpeg). */
  background: color.default("#ffffff"),
});

/** The schema of a job's payload. */
export const payloadSchema = z.strictObject({
  /** http, https, data: or file:; a bare `host/path` means https. */
  url: jobUrl.optional(),
  /** The image itself, in base64 (standard or URL alphabet). */
  data: z.string().min(1).regex(/^[A-Za-z0-9+/_=\s-]+$/, "must be base64").optional(),
  /** What the image has to be; another format fails the job. */
  format: z.enum(sourceFormats).optional(),
  /**
   * Of an animated GIF or WebP: `all` frames, as long as the output's format can move (gif, webp),
   * or the `first` alone.
   */
  frames: z.enum(["all", "first"]).default("all"),
  operations: z.array(operation).max(OPERATIONS_MAX).default([]),
  output: output.optional(),
  /** Where the output goes instead of into the result: a file's path, or a URL that takes a PUT. */
  destination: z.string().min(1).max(4096).optional(),
  /** A second, small image, always inline, made from the finished one. */
  thumbnail: z.strictObject(thumbnailSize).optional(),
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
