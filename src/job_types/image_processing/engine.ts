/**
 * The one place that starts ImageMagick (compiled to WebAssembly) and decides what it may do.
 * Importing this module reads the 15 MB program, so only the pipeline, itself imported when a job
 * runs, does so.
 *
 * @module
 */

import {
  ConfigurationFiles,
  ImageMagick,
  initializeImageMagick,
  MagickError,
  ResourceLimits,
} from "@imagemagick/magick-wasm";
import wasm from "@imagemagick/magick-wasm/magick.wasm" with { type: "bytes" };
import { type JobLimits, PermanentJobError } from "../contract.ts";

/** Largest side that is decoded, or comes to be on the way: JPEG's own limit, in pixels. */
export const DECODED_SIDE_MAX = 65_535;

/** Pixels in memory at once, in bytes; the address space of 32-bit WebAssembly ends at 4 GiB. */
const MEMORY_BYTES_MAX = 2 * 1024 ** 3;

/** A colour profile, EXIF block or the like, in bytes. */
const PROFILE_BYTES_MAX = 8 * 1024 ** 2;

/** Frames of one animation that are decoded together. */
export const FRAMES_MAX = 2_000;

/** A backstop; the worker kills the process at the job's own timeout. */
const JOB_SECONDS_MAX = 3_600;

/**
 * What ImageMagick may do at all. Everything is forbidden first; then the coders of the formats
 * that are accepted are allowed by name. So no SVG, MVG, MSL, PDF, text, URL or file coder runs,
 * whatever a file pretends to be. HEIC is also the name of the module that codes AVIF.
 */
const POLICY = `<policymap>
  <policy domain="delegate" rights="none" pattern="*"/>
  <policy domain="filter" rights="none" pattern="*"/>
  <policy domain="path" rights="none" pattern="@*"/>
  <policy domain="path" rights="none" pattern="|*"/>
  <policy domain="coder" rights="none" pattern="*"/>
  <policy domain="coder" rights="read|write" pattern="{PNG,JPEG,WEBP,GIF,BMP,TIFF,AVIF,HEIC}"/>
</policymap>`;

let started: Promise<void> | undefined;
let generation = 0;

/** Changes when the engine is started anew; what belongs to an earlier one must not be touched. */
export function engineGeneration(): number {
  return generation;
}

/** Starts ImageMagick, once a process, and bounds what the job that follows may use. */
export async function startEngine(limits: Pick<JobLimits, "pixelsMax">): Promise<void> {
  await (started ??= initialize());
  ResourceLimits.width = BigInt(DECODED_SIDE_MAX);
  ResourceLimits.height = BigInt(DECODED_SIDE_MAX);
  // Resizing goes through an image that has the new width and the old height.
  ResourceLimits.area = 2n * BigInt(limits.pixelsMax);
  ResourceLimits.memory = BigInt(MEMORY_BYTES_MAX);
  ResourceLimits.maxMemoryRequest = BigInt(MEMORY_BYTES_MAX);
  ResourceLimits.maxProfileSize = BigInt(PROFILE_BYTES_MAX);
  // ImageMagick allows one less.
  ResourceLimits.listLength = BigInt(FRAMES_MAX) + 1n;
  // No disk: what does not fit in memory fails instead of filling WebAssembly's file system in memory.
  ResourceLimits.disk = 0n;
  // Counted from here: ImageMagick restarts its clock when this limit is set.
  ResourceLimits.time = BigInt(JOB_SECONDS_MAX);
}

async function initialize(): Promise<void> {
  const files = ConfigurationFiles.default;
  files.policy.data = POLICY;
  await initializeImageMagick(wasm, files);
}

/**
 * Forgets a program that crashed: its memory is in no state to be used again. The next job starts
 * a fresh one. The library keeps the program in a static field that its types do not show.
 */
function abandonEngine(): void {
  started = undefined;
  generation += 1;
  (ImageMagick as unknown as { _api: unknown })._api = undefined;
}

/**
 * Says in a person's words why ImageMagick failed at `action`. All its failures are permanent: the
 * same bytes fail again. Errors from elsewhere come back as they are. `fault` is what is wrong, where
 * it is not the job's bounds.
 */
export function asJobError(
  error: unknown,
  action: string,
  fault = "its data is cut short or corrupt",
): unknown {
  if (error instanceof WebAssembly.RuntimeError) {
    abandonEngine();
    return new PermanentJobError(`${action}: the decoder crashed on it (${error.message}).`, {
      cause: error,
    });
  }
  if (!(error instanceof MagickError)) return error;
  // "UnexpectedEndOfFile `x' @ error/png.c/MagickPNGError/1308": the reason and, for programmers, a place.
  const reason = error.message.replace(/\s*(`[^`']*')?\s*(\([^)]*\) > \([^)]*\)\s*)?@ .*$/s, "");
  const explanation = /ResourcesExhausted|MemoryAllocation|ExceedsLimit|LimitExceeded/.test(reason)
    ? `it needs more memory, pixels, frames or time than a job may use (${reason}); a smaller image may do`
    : `${fault} (${reason})`;
  // Without its cause, which says the same once more, with a place that helps programmers alone.
  return new PermanentJobError(`${action}: ${explanation}.`);
}
