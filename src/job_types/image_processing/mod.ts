/**
 * The job type `image_processing`: reads an image, changes it as asked, and returns it or puts it
 * where it was told to. With only a source it says what the image is.
 *
 * @module
 */

import { defineJobType, type JobContext, type JobLimits, PermanentJobError } from "../contract.ts";
import { openDestination } from "./destination.ts";
import { type ImageHeader, readImageHeader } from "./header.ts";
import { type ImagePayload, payloadSchema } from "./payload.ts";
import type { ImageResult } from "./pipeline.ts";
import { resultSchema } from "./result_schema.ts";
import { readSource } from "./source.ts";
export type { ImageResult } from "./pipeline.ts";

/** See the module's comment. */
export const imageProcessing = defineJobType<ImagePayload>({
  name: "image_processing",
  summary: "Resize, crop, rotate, convert or describe an image from a URL, a file or inline data.",
  isolation: "process",
  payloadSchema,
  resultSchema,
  limits: [
    {
      name: "pixels",
      key: "jobs.pixels_max",
      meaning: "Of the source, told from its header before anything is decoded, in all frames of " +
        "an animation together; and of what any step would make. More fail for good.",
    },
    { name: "side", value: "65535 pixels", meaning: "Longer sides fail for good." },
    {
      name: "bytes of the source",
      key: "jobs.input_bytes_max",
      meaning: "A longer file fails for good.",
    },
    {
      name: "result",
      key: "jobs.result_bytes_max",
      meaning: "An image that does not fit fails for good: give a destination, or a smaller size.",
    },
    { name: "frames of an animation", value: "2000", meaning: "More fail for good." },
    {
      name: "bits of a channel",
      value: "8",
      meaning: "Images of 16 bits are read, and written with 8.",
    },
    {
      name: "profiles",
      value: "8 MiB",
      meaning: "A longer colour profile or EXIF block fails for good.",
    },
    {
      name: "files",
      key: "jobs.file_read_roots",
      meaning: "A file: url must lie in one of these directories, a destination in one of " +
        "jobs.file_write_roots.",
    },
  ],
  // A tiny sunset, so that the example works wherever it is tried.
  example: {
    url: "data:image/webp;base64,UklGRjwAAABXRUJQVlA4IDAAAADwAQCdASoQAAwAAsBMJZACdGuAAszndZAA/qMx" +
      "F12vPZwwovVYcumtN0m242KfAAA=",
    operations: [
      { type: "resize", width: 320, height: 180, fit: "cover" },
      { type: "convert", format: "jpeg", quality: 80 },
    ],
  },
  examples: [
    {
      title: "What an image is: format, size, colours and a thumbnail",
      payload: { url: "https://example.com/photo.jpg" },
    },
    {
      title: "A photograph for the web: small, upright, in sRGB, without its place",
      payload: {
        url: "https://example.com/photo.heic",
        operations: [{ type: "resize", width: 1_600, height: 1_600, enlarge: false }],
        output: { format: "webp", quality: 82, color_profile: "srgb" },
      },
    },
    {
      title: "The first frame of an animation as a still, its metadata beside it",
      payload: {
        url: "https://example.com/dance.gif",
        frames: "first",
        operations: [{ type: "metadata" }],
        output: { format: "gif" },
      },
    },
  ],
  prepare,
  run,
});

async function prepare(limits: JobLimits): Promise<void> {
  await import("./pipeline.ts");
  const { startEngine } = await import("./engine.ts");
  await startEngine(limits);
}

async function run(payload: ImagePayload, context: JobContext): Promise<ImageResult> {
  // All that can be refused cheaply is refused before bytes move, and before the decoder starts.
  const destination = payload.destination === undefined
    ? undefined
    : await openDestination(payload.destination, context);
  const bytes = await context.span("read", () => readSource(payload, context));
  context.progress(0.2, `read ${bytes.length} bytes`);
  const header = readImageHeader(bytes);
  requireFormat(header, payload);
  requirePixels(header, context.limits);
  const { processImage } = await import("./pipeline.ts");
  return await processImage({ bytes, header, destination }, payload, context);
}

function requireFormat(header: ImageHeader, { format }: ImagePayload): void {
  if (format === undefined || format === header.format) return;
  throw new PermanentJobError(
    `The payload says that the image is ${format}, but the source holds ${header.format}.`,
  );
}

function requirePixels({ width, height }: ImageHeader, { pixelsMax }: JobLimits): void {
  const pixels = width * height;
  if (pixels <= pixelsMax) return;
  throw new PermanentJobError(
    `The image's header declares ${width}x${height} pixels, ${pixels} in all; this worker decodes at ` +
      `most ${pixelsMax}. Give a smaller image, or raise the worker's jobs.pixels_max.`,
  );
}
