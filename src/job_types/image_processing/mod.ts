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
import { readSource } from "./source.ts";

export type { ImagePayload, Operation } from "./payload.ts";
export type { ImageFile, ImageResult } from "./pipeline.ts";

/** See the module's comment. */
export const imageProcessing = defineJobType<ImagePayload>({
  name: "image_processing",
  summary: "Resize, crop, rotate, convert or describe an image from a URL, a file or inline data.",
  isolation: "process",
  payloadSchema,
  // A tiny sunset, so that the example works wherever it is tried.
  example: {
    url: "data:image/webp;base64,UklGRjwAAABXRUJQVlA4IDAAAADwAQCdASoQAAwAAsBMJZACdGuAAszndZAA/qMx" +
      "F12vPZwwovVYcumtN0m242KfAAA=",
    operations: [
      { type: "resize", width: 320, height: 180, fit: "cover" },
      { type: "convert", format: "jpeg", quality: 80 },
    ],
  },
  run,
});

async function run(payload: ImagePayload, context: JobContext): Promise<ImageResult> {
  // All that can be refused cheaply is refused before bytes move, and before the decoder starts.
  const destination = payload.destination === undefined
    ? undefined
    : await openDestination(payload.destination, context);
  const bytes = await readSource(payload, context);
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
  if (width * height <= pixelsMax) return;
  throw new PermanentJobError(
    `The image's header declares ${width}x${height} pixels, ${
      width * height
    } in all; this worker ` +
      `decodes at most ${pixelsMax}.`,
  );
}
