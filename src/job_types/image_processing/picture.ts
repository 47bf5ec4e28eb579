/**
 * A decoded image: one frame, or the frames of an animation, upright and in RGB.
 *
 * @module
 */

import {
  AlphaAction,
  Channels,
  ColorSpace,
  DitherMethod,
  type IMagickImage,
  type IMagickImageCollection,
  MagickColor,
  MagickImage,
  MagickImageCollection,
  MagickReadSettings,
  Orientation,
  Percentage,
  QuantizeSettings,
} from "@imagemagick/magick-wasm";
import { PermanentJobError } from "../contract.ts";
import { asJobError, engineGeneration } from "./engine.ts";
import { hasQuality, isAnimationFormat, magickFormats } from "./formats.ts";
import { colorProfileOf, makeRgb, type ProfileChoice } from "./colors.ts";
import type { ImageHeader } from "./header.ts";
import type { OutputFormat } from "./payload.ts";

/** How {@linkcode Picture.encode} writes. */
export interface EncodeOptions {
  readonly format: OutputFormat;
  /** 1 to 100, of a format that has any; absent: the coder's own default. */
  readonly quality?: number | undefined;
  /** Leaves out all metadata but the colour profile. */
  readonly strip: boolean;
  /** What shows through transparent places in a format without transparency. */
  readonly background: string;
}

/** How {@linkcode Picture.decode} reads. */
export interface DecodeOptions {
  /** Of an animation; the first alone otherwise. */
  readonly allFrames: boolean;
  /** What becomes of the colour profile. */
  readonly colorProfile: ProfileChoice;
  /**
   * The size that the first step will scale to, for whatever size the picture turns out to have: a
   * JPEG that is more than twice as large is decoded at a fraction of its size, which takes a
   * fraction of the time.
   */
  readonly firstScale?: ((size: Size) => Size) | undefined;
}

/** In pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Frames that are always of the canvas's size; give it back with `using`, it owns memory. */
export class Picture implements Disposable {
  /** At least one. */
  readonly frames: IMagickImageCollection;
  /** What the decoder complained of without giving up. */
  readonly warnings: readonly string[];
  /** EXIF's number (1 to 8) as it was in the file; 1 is upright. */
  readonly storedOrientation: number;
  /** Whether the file has a transparency channel, used or not. */
  readonly hadAlpha: boolean;
  /** The colour space of the file; here it is RGB or grey. */
  readonly storedColorSpace: ColorSpace;
  /** The names of the file's profiles, and what that of its colours calls itself. */
  readonly storedProfiles: StoredProfiles;
  /** Its size, as long as the frames are but a fraction of it. */
  #fullSize: Size | undefined;
  readonly #generation = engineGeneration();

  private constructor(frames: IMagickImageCollection, read: ReadFacts) {
    this.frames = frames;
    this.warnings = read.warnings;
    this.storedOrientation = read.storedOrientation;
    this.hadAlpha = read.hadAlpha;
    this.storedColorSpace = read.storedColorSpace;
    this.storedProfiles = read.storedProfiles;
  }

  /**
   * Decodes the first frame, or all of an animation, with the decoder of `header.format` alone.
   *
   * @throws {PermanentJobError} when the data is cut short or corrupt.
   */
  static decode(bytes: Uint8Array, header: ImageHeader, options: DecodeOptions): Picture {
    const frames = MagickImageCollection.create();
    try {
      const hint = jpegHint(header, options);
      const warnings = options.allFrames
        ? readAll(frames, bytes, header)
        : readFirst(frames, bytes, header, hint);
      const first = frames[0];
      // Coalescing gives every frame the canvas's size, and GIF's an alpha channel.
      const hadAlpha = first?.hasAlpha ?? false;
      const storedColorSpace = first?.colorSpace ?? ColorSpace.Undefined;
      const storedProfiles = {
        names: first?.profileNames ?? [],
        color: first?.getColorProfile()?.description ?? undefined,
      };
      if (isAnimationFormat(header.format)) frames.coalesce();
      const storedOrientation = orientationOf(frames, header);
      for (const frame of frames) {
        makeUpright(frame, storedOrientation);
        warnings.push(...makeRgb(frame, options.colorProfile));
      }
      const picture = new Picture(frames, {
        warnings: [...new Set(warnings)],
        storedOrientation,
        hadAlpha,
        storedColorSpace,
        storedProfiles,
      });
      if (hint !== undefined) picture.#fullSize = uprightSize(header, storedOrientation);
      return picture;
    } catch (error) {
      const generation = engineGeneration();
      const jobError = asJobError(
        error,
        `The ${header.format.toUpperCase()} image cannot be decoded`,
      );
      if (engineGeneration() === generation) frames.dispose();
      throw jobError;
    }
  }

  /** Calls `use` with a copy of the first frame alone, gone when it returns. */
  withFirstFrame<Result>(use: (copy: Picture) => Result): Result {
    return this.first.clone((image) => {
      const frames = MagickImageCollection.create();
      frames.push(image);
      const copy = new Picture(frames, this);
      copy.#fullSize = this.#fullSize;
      return use(copy);
    });
  }

  get first(): IMagickImage {
    const first = this.frames[0];
    if (first === undefined) throw new Error("invariant: a picture has at least one frame");
    return first;
  }

  /** In pixels. */
  get width(): number {
    return this.#fullSize?.width ?? this.first.width;
  }

  /** In pixels. */
  get height(): number {
    return this.#fullSize?.height ?? this.first.height;
  }

  /** Says that the frames now have the size that was asked for, whatever they were decoded at. */
  settleSize(): void {
    this.#fullSize = undefined;
  }

  /** The file's bytes, in a format of our choice. */
  encode(options: EncodeOptions): Uint8Array {
    try {
      for (const frame of this.frames) prepareForWriting(frame, options);
      const format = magickFormats[options.format];
      const isAnimation = this.frames.length > 1 && isAnimationFormat(options.format);
      // GIF frames that repeat the whole canvas are many times as large as the differences.
      if (isAnimation && options.format === "gif") this.frames.optimize();
      if (options.format === "gif") { for (const frame of this.frames) reduceColors(frame); }
      const written = isAnimation ? this.frames : this.first;
      return written.write(format, (data) => data.slice());
    } catch (error) {
      throw asJobError(
        error,
        `The output cannot be written as ${options.format.toUpperCase()}`,
        "its encoder refuses it",
      );
    }
  }

  [Symbol.dispose](): void {
    // The memory of an engine that crashed is gone as a whole.
    if (engineGeneration() === this.#generation) this.frames.dispose();
  }
}

type ReadFacts = Pick<
  Picture,
  "warnings" | "storedOrientation" | "hadAlpha" | "storedColorSpace" | "storedProfiles"
>;

/** What was known of the profiles before any was used or left out. */
export interface StoredProfiles {
  readonly names: readonly string[];
  readonly color: string | undefined;
}

/** How much larger than wanted a picture is decoded at least: the filter that comes then does the rest. */
const HINT_FACTOR = 2;

/** JPEG's blocks of 8x8 are decoded to squares of any smaller number of pixels. */
const BLOCK_SIDE = 8;

/**
 * The size that JPEG's decoder is told to come down to, undefined when it is to decode all. The
 * orientation is not known before, so it is as large as either way of lying asks for.
 */
function jpegHint({ format, width, height }: ImageHeader, options: DecodeOptions) {
  if (format !== "jpeg" || options.firstScale === undefined) return undefined;
  const lying = options.firstScale({ width, height });
  const standing = options.firstScale({ width: height, height: width });
  const wanted = HINT_FACTOR * Math.max(
    lying.width / width,
    lying.height / height,
    standing.width / height,
    standing.height / width,
  );
  const factor = Math.ceil(wanted * BLOCK_SIDE) / BLOCK_SIDE;
  if (factor >= 1) return undefined;
  return { width: Math.ceil(width * factor), height: Math.ceil(height * factor) };
}

function uprightSize({ width, height }: ImageHeader, orientation: number): Size {
  return orientation >= 5 ? { width: height, height: width } : { width, height };
}

function readFirst(
  frames: IMagickImageCollection,
  bytes: Uint8Array,
  header: ImageHeader,
  hint: Size | undefined,
): string[] {
  const warnings: string[] = [];
  const image = MagickImage.create();
  frames.push(image);
  image.onWarning = ({ error }) =>
    warnings.push(error.message.replace(/\s*(`[^`']*')?\s*@ .*$/s, ""));
  const settings = new MagickReadSettings({
    format: magickFormats[header.format],
    frameIndex: 0,
    frameCount: 1,
  });
  if (hint !== undefined) settings.setDefine("jpeg:size", `${hint.width}x${hint.height}`);
  image.read(bytes, settings);
  delete image.onWarning;
  // JPEG's and TIFF's decoders fill what is missing with grey and merely mention it.
  const fatal = warnings.find((warning) => /premature end|not enough|read error/i.test(warning));
  if (fatal === undefined) return warnings;
  throw new PermanentJobError(
    `The ${header.format.toUpperCase()} image cannot be decoded: its data is cut short or corrupt ` +
      `(${fatal}).`,
  );
}

function readAll(
  frames: IMagickImageCollection,
  bytes: Uint8Array,
  header: ImageHeader,
): string[] {
  frames.read(bytes, new MagickReadSettings({ format: magickFormats[header.format] }));
  return [];
}

function orientationOf(frames: IMagickImageCollection, { format }: ImageHeader): number {
  const first = frames[0];
  // Decoders other than JPEG's leave the number in the EXIF block.
  const exif = Number(first?.getAttribute("exif:Orientation"));
  const read = first?.orientation ?? Orientation.Undefined;
  // PNG's decoder takes a text of that name for it, which may be older than the block.
  const mayBe = format === "png" ? [exif, read] : [read, exif];
  return mayBe.find((number) => number >= 1 && number <= 8) ?? 1;
}

function makeUpright(image: IMagickImage, orientation: number): void {
  image.orientation = orientation as Orientation;
  image.autoOrient();
  image.resetPage();
}

function prepareForWriting(image: IMagickImage, options: EncodeOptions): void {
  if (options.format === "jpeg" && image.hasAlpha) {
    image.backgroundColor = new MagickColor(options.background);
    image.alpha(AlphaAction.Remove);
  }
  // PNG's coder would take the number for how hard to compress, and a small one makes it large.
  if (options.quality !== undefined && hasQuality(options.format)) {
    image.quality = qualityFor(options.format, options.quality);
  }
  // The number that the file came with: PNG's writer would keep it beside the block that was put right.
  image.removeAttribute("exif:Orientation");
  // Measured on the sample photo: a fifth of the time of the default, for a twentieth more bytes.
  if (options.format === "avif") image.settings.setDefine("heic:speed", "8");
  if (options.strip) strip(image);
  // Without times the same job gives the same bytes. This also takes back what strip() excludes,
  // for that is the profile too; and tEXt with zTXt must not be named, or it goes as well.
  image.setArtifact("png:exclude-chunk", options.strip ? "date,tIME,eXIf" : "date,tIME");
}

/** AVIF's coder takes 100 for lossless, which its encoder refuses. */
function qualityFor(format: OutputFormat, quality: number): number {
  return format === "avif" ? Math.min(quality, AVIF_QUALITY_MAX) : quality;
}

const AVIF_QUALITY_MAX = 99;

/** Leaves the colour profile: without it the same numbers are other colours. */
function strip(image: IMagickImage): void {
  const profile = colorProfileOf(image);
  image.strip();
  if (profile !== undefined) image.setProfile(profile);
  for (const name of image.attributeNames) image.removeAttribute(name);
}

/**
 * To GIF's 256 colours of which one may be transparent. The writer would do so itself, but by a
 * dither whose time grows with the square of the longer side: seconds for a strip of few pixels.
 */
function reduceColors(image: IMagickImage): void {
  if (image.hasAlpha) image.threshold(new Percentage(50), Channels.Alpha);
  const settings = new QuantizeSettings();
  settings.colors = image.hasAlpha ? 255 : 256;
  settings.ditherMethod = DitherMethod.FloydSteinberg;
  image.quantize(settings);
}
