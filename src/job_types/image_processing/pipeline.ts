/**
 * From an image's bytes to a job's result: decode, operate, encode, deliver. Imports the decoder,
 * so it is itself imported only when a job runs.
 *
 * @module
 */

import type { IMagickImage } from "@imagemagick/magick-wasm";
import { Breathing } from "../breathing.ts";
import { type JobContext, PermanentJobError, ResultTooLargeError } from "../contract.ts";
import type { Destination } from "./destination.ts";
import { asJobError, FRAMES_MAX, startEngine } from "./engine.ts";
import { hasQuality, isAnimationFormat, outputLikeSource } from "./formats.ts";
import type { ImageHeader } from "./header.ts";
import { type ImageMetadata, metadataOf } from "./metadata.ts";
import {
  applyOperation,
  firstScaleOf,
  isPixelOperation,
  type PixelOperation,
  resizeWithin,
} from "./operations.ts";
import { type PaletteColor, paletteOf } from "./palette.ts";
import { type ImagePayload, type OutputFormat, outputFormats } from "./payload.ts";
import { type EncodeOptions, Picture, type Size } from "./picture.ts";

/** A finished image, inline or where it was put. */
export interface ImageFile {
  readonly format: OutputFormat;
  readonly content_type: string;
  readonly width: number;
  readonly height: number;
  readonly bytes: number;
  /** Present when there are several. */
  readonly frames?: number;
  /** Base64; absent when there is a destination. */
  readonly data?: string;
  readonly destination?: string;
}

/** The result of a job. */
export interface ImageResult {
  readonly source: {
    readonly format: string;
    /** As displayed: EXIF orientation applied. */
    readonly width: number;
    readonly height: number;
    readonly bytes: number;
    readonly frames: number;
    readonly has_alpha: boolean;
    /** EXIF's number as stored, 1 to 8; 1 is upright. */
    readonly orientation: number;
  };
  /** `#rrggbb`; null when nothing is visible. With `palette`, given when no output is asked for. */
  readonly dominant_color?: string | null;
  readonly palette?: readonly PaletteColor[];
  readonly metadata?: ImageMetadata;
  readonly output?: ImageFile;
  readonly thumbnail?: ImageFile;
  /** What of the payload has no effect, and what the decoder complained of, when it went on. */
  readonly warnings?: readonly string[];
}

/** An image as it was read. */
export interface ImageSource {
  readonly bytes: Uint8Array;
  readonly header: ImageHeader;
  /** Absent: the output, if any, is returned inline. */
  readonly destination?: Destination | undefined;
}

/** Longest side of the thumbnail that is made without being asked for, in pixels. */
const THUMBNAIL_SIDE = 256;

/** Of one result. */
const WARNINGS_MAX = 10;

/** Colours of a summary. */
const PALETTE_COLORS = 6;

/**
 * Does what the payload says.
 *
 * @throws {PermanentJobError} when the image is corrupt, an operation impossible or the result
 * larger than may be returned.
 */
export async function processImage(
  source: ImageSource,
  payload: ImagePayload,
  context: JobContext,
): Promise<ImageResult> {
  const plan = planOf(payload, source);
  requireFrames(source.header, plan, context.limits.pixelsMax);
  await startEngine(context.limits);
  try {
    return await carryOut(plan, source, payload, context);
  } catch (error) {
    throw asJobError(error, "The image cannot be processed");
  }
}

async function carryOut(
  plan: Plan,
  source: ImageSource,
  payload: ImagePayload,
  context: JobContext,
): Promise<ImageResult> {
  const course = { context, breathing: new Breathing(context.signal) };
  const operations = payload.operations.filter(isPixelOperation);
  using picture = context.span("decode", () =>
    Picture.decode(source.bytes, source.header, {
      allFrames: plan.allFrames,
      colorProfile: payload.output?.color_profile ?? "keep",
      firstScale: firstScale(plan, operations),
    }), { format: source.header.format, bytes: source.bytes.length });
  for (const warning of picture.warnings) context.log(`decoder: ${warning}`);
  const warnings = [...ignoredOf(plan), ...picture.warnings].slice(0, WARNINGS_MAX);
  await pause(course, 0.3, `decoded ${picture.width}x${picture.height}`);
  const about = describe(picture, source, payload);

  for (const [index, operation] of operations.entries()) {
    context.span(
      operation.type,
      () => applyOperation(picture, operation, context.limits.pixelsMax),
    );
    await pause(course, 0.3 + (0.4 * (index + 1)) / operations.length, operation.type);
  }

  const small = plan.thumbnail === undefined ? {} : summarize(picture, plan);
  await pause(course, 0.8, "encoding");
  const output = plan.output === undefined
    ? {}
    : { output: await deliver(picture, plan.output, source.destination, course) };
  const result = {
    ...about,
    ...(warnings.length > 0 ? { warnings } : {}),
    ...small,
    ...output,
  };
  requireResultBytes(result, context.limits.resultBytesMax);
  context.progress(1, "done");
  return result;
}

interface Plan {
  /** Absent: nothing is written, the job only looks. */
  readonly output?: EncodeOptions;
  /** All frames of an animation are kept. */
  readonly allFrames: boolean;
  readonly thumbnail?: { readonly width: number; readonly height: number };
  /** Nothing but a look is wanted: colours belong to it. */
  readonly colors: boolean;
}

function planOf(payload: ImagePayload, { header, destination }: ImageSource): Plan {
  const conversions = payload.operations.filter((operation) => operation.type === "convert");
  const convert = conversions.at(-1);
  const writes = payload.output !== undefined || destination !== undefined ||
    payload.operations.some((operation) => operation.type !== "metadata");
  const isBare = !writes && payload.operations.length === 0;
  const thumbnail = payload.thumbnail ??
    (isBare ? { width: THUMBNAIL_SIDE, height: THUMBNAIL_SIDE } : undefined);
  const asked = payload.output?.format ?? convert?.format;
  if (asked === undefined && destination?.foreignExtension !== undefined) {
    throw new PermanentJobError(
      `The destination ends in ${destination.foreignExtension}, a format that is not written; ` +
        `end it in one of ${outputFormats.join(", ")}, or give output.format.`,
    );
  }
  const format = asked ?? destination?.format ?? outputLikeSource[header.format];
  const output = {
    format,
    quality: payload.output?.quality ?? convert?.quality,
    strip: payload.output?.strip ?? true,
    background: payload.output?.background ?? "#ffffff",
  };
  return {
    ...(writes ? { output } : {}),
    allFrames: header.frames > 1 && isAnimationFormat(header.format) && writes &&
      isAnimationFormat(format) && payload.frames === "all",
    ...(thumbnail ? { thumbnail } : {}),
    colors: !writes,
  };
}

/** What was asked for and has no effect, in words. */
function ignoredOf({ output }: Plan): string[] {
  if (output?.quality === undefined || hasQuality(output.format)) return [];
  return [`quality ${output.quality} has no effect: ${output.format} is lossless and has none`];
}

/** Where a picture that is only looked at gets its thumbnail, or one that is written its size. */
function firstScale(
  { output, thumbnail }: Plan,
  [first]: readonly PixelOperation[],
): ((size: Size) => Size) | undefined {
  if (first !== undefined) return firstScaleOf(first);
  if (output !== undefined || thumbnail === undefined) return undefined;
  return firstScaleOf({ type: "thumbnail", ...thumbnail });
}

function requireFrames(header: ImageHeader, plan: Plan, pixelsMax: number): void {
  const { width, height, frames } = header;
  const isWithin = frames <= FRAMES_MAX && width * height * frames <= pixelsMax;
  if (!plan.allFrames || isWithin) return;
  throw new PermanentJobError(
    `The animation has ${frames} frames of ${width}x${height} pixels; this worker decodes at most ` +
      `${pixelsMax} pixels (jobs.pixels_max) in ${FRAMES_MAX} frames. An output in another format ` +
      "than gif or webp, or one with frames set to first, needs the first frame alone.",
  );
}

function describe(
  picture: Picture,
  source: ImageSource,
  payload: ImagePayload,
): Pick<ImageResult, "source" | "metadata"> {
  const { bytes, header } = source;
  const wantsMetadata = payload.operations.some((operation) => operation.type === "metadata");
  return {
    source: {
      format: header.format,
      width: picture.width,
      height: picture.height,
      bytes: bytes.length,
      frames: header.frames,
      has_alpha: picture.hadAlpha,
      orientation: picture.storedOrientation,
    },
    ...(wantsMetadata ? { metadata: metadataOf(picture, source) } : {}),
  };
}

function summarize(
  picture: Picture,
  plan: Plan,
): Pick<ImageResult, "dominant_color" | "palette" | "thumbnail"> {
  return picture.withFirstFrame((copy) => {
    resizeWithin(copy, plan.thumbnail ?? copy);
    const palette = plan.colors ? paletteOf(pixelsOf(copy.first), PALETTE_COLORS) : undefined;
    const format = copy.first.hasAlpha && !copy.first.isOpaque ? "png" : "jpeg";
    const bytes = copy.encode({ format, quality: 80, strip: true, background: "#ffffff" });
    return {
      ...(palette ? { dominant_color: palette[0]?.color ?? null, palette } : {}),
      thumbnail: { ...fileOf(copy, format, bytes), data: bytes.toBase64() },
    };
  });
}

function pixelsOf(image: IMagickImage): Uint8Array {
  const rgba = image.getPixels((pixels) =>
    pixels.toByteArray(0, 0, image.width, image.height, "RGBA")
  );
  if (rgba === null) throw new Error("invariant: a decoded image has pixels");
  return rgba;
}

async function deliver(
  picture: Picture,
  options: EncodeOptions,
  destination: Destination | undefined,
  course: Course,
): Promise<ImageFile> {
  const { context } = course;
  const bytes = context.span("encode", () => picture.encode(options), { format: options.format });
  const file = fileOf(picture, options.format, bytes);
  if (destination === undefined) {
    // Before base64 adds a third: an output of hundreds of megabytes need not become a string first.
    if (bytes.length > context.limits.resultBytesMax) throw tooLarge(bytes.length, context.limits);
    return { ...file, data: bytes.toBase64() };
  }
  await pause(course, 0.9, `writing ${destination.name}`);
  await destination.write(bytes, file.content_type);
  return { ...file, destination: destination.name };
}

function fileOf(picture: Picture, format: OutputFormat, bytes: Uint8Array): ImageFile {
  const frames = isAnimationFormat(format) ? picture.frames.length : 1;
  return {
    format,
    content_type: `image/${format}`,
    width: picture.width,
    height: picture.height,
    bytes: bytes.length,
    ...(frames > 1 ? { frames } : {}),
  };
}

function requireResultBytes(result: ImageResult, resultBytesMax: number): void {
  const bytes = new TextEncoder().encode(JSON.stringify(result)).length;
  if (bytes > resultBytesMax) throw tooLarge(bytes, { resultBytesMax });
}

function tooLarge(bytes: number, { resultBytesMax }: { resultBytesMax: number }) {
  return new ResultTooLargeError(
    `The result would take ${bytes} bytes, more than the ${resultBytesMax} that a result may ` +
      "carry. Give a destination (a file's path or a URL that takes a PUT), a smaller size or a " +
      "lower quality.",
  );
}

/** What a job's steps have in common. */
interface Course {
  readonly context: JobContext;
  readonly breathing: Breathing;
}

/** Reports, lets a cancellation arrive that has waited in the event loop for long, and obeys it. */
async function pause(course: Course, fraction: number, message: string): Promise<void> {
  course.context.progress(fraction, message);
  await course.breathing.pause();
}
