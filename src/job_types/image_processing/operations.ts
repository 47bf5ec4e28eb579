/**
 * What each operation does to a picture. Before any of them grows an image, the pixels that would
 * result are held against the job's bound.
 *
 * @module
 */

import { FilterType, Gravity, MagickColor, MagickGeometry } from "@imagemagick/magick-wasm";
import { PermanentJobError } from "../contract.ts";
import { blur } from "./blur.ts";
import { asJobError, DECODED_SIDE_MAX } from "./engine.ts";
import type { GravityName, Operation, OperationOf } from "./payload.ts";
import type { Picture, Size } from "./picture.ts";

/** An operation that changes pixels; `convert` and `metadata` do not. */
export type PixelOperation = Exclude<Operation, OperationOf<"convert"> | OperationOf<"metadata">>;

/** Tells operations that change pixels from those that say what to do with them. */
export function isPixelOperation(operation: Operation): operation is PixelOperation {
  return operation.type !== "convert" && operation.type !== "metadata";
}

/**
 * Changes every frame of `picture`.
 *
 * @throws {PermanentJobError} when a crop lies outside the picture, or more than `pixelsMax` pixels
 * would result.
 */
export function applyOperation(picture: Picture, operation: PixelOperation, pixelsMax: number) {
  try {
    switch (operation.type) {
      case "resize":
        return resize(picture, operation, pixelsMax);
      case "thumbnail":
        return resizeWithin(picture, operation);
      case "crop":
        return crop(picture, operation);
      case "rotate":
        return rotate(picture, operation, pixelsMax);
      case "flip":
        for (const frame of picture.frames) {
          if (operation.direction === "horizontal") frame.flop();
          else frame.flip();
        }
        return;
      case "grayscale":
        for (const frame of picture.frames) frame.grayscale();
        return;
      case "blur":
        for (const frame of picture.frames) blur(frame, operation.sigma);
        return;
    }
  } catch (error) {
    throw asJobError(error, `The operation ${operation.type} cannot be done`);
  }
}

/**
 * The size to which the operation first scales a picture of some size; undefined for one that needs
 * all pixels as they are.
 */
export function firstScaleOf(operation: PixelOperation): ((size: Size) => Size) | undefined {
  if (operation.type === "thumbnail") return (size) => fitInside(size, operation);
  if (operation.type !== "resize") return undefined;
  return (size) => scaleOf(size, operation);
}

/** What `fit` makes of a size, before anything is cut off or padded. */
function scaleOf(size: Size, operation: OperationOf<"resize">): Size {
  const box = wholeBox(size, operation);
  if (operation.fit === "fill") return box;
  return operation.fit === "cover" ? fitOutside(size, box) : fitInside(size, box);
}

/** Makes the picture as large as fits into the box, never larger than it was. */
export function resizeWithin(picture: Picture, box: Size): void {
  const size = fitInside(picture, box);
  if (size.width <= picture.width && size.height <= picture.height) scaleTo(picture, size);
}

function resize(picture: Picture, operation: OperationOf<"resize">, pixelsMax: number): void {
  const box = wholeBox(picture, operation);
  if (!operation.enlarge && picture.width <= box.width && picture.height <= box.height) return;
  requirePixels(picture, box, pixelsMax, "resize");
  switch (operation.fit) {
    case "fill":
      return scaleTo(picture, box);
    case "inside":
      return scaleTo(picture, fitInside(picture, box));
    case "cover":
      // The image is scaled to cover the box, so the longer side may exceed it by far.
      requirePixels(picture, fitOutside(picture, box), pixelsMax, "resize");
      scaleTo(picture, fitOutside(picture, box));
      return cutOut(picture, placeBox(picture, box, operation.gravity));
    case "contain":
      scaleTo(picture, fitInside(picture, box));
      return pad(picture, box, operation);
  }
}

/** A side that is not given follows from the proportions. */
function wholeBox(picture: Size, { width, height }: OperationOf<"resize">): Size {
  const ratio = picture.width / picture.height;
  return {
    width: width ?? atLeastOne((height ?? picture.height) * ratio),
    height: height ?? atLeastOne((width ?? picture.width) / ratio),
  };
}

function fitInside(picture: Size, box: Size): Size {
  return scaled(picture, Math.min(box.width / picture.width, box.height / picture.height));
}

function fitOutside(picture: Size, box: Size): Size {
  const size = scaled(picture, Math.max(box.width / picture.width, box.height / picture.height));
  return { width: Math.max(size.width, box.width), height: Math.max(size.height, box.height) };
}

function scaled(size: Size, factor: number): Size {
  return { width: atLeastOne(size.width * factor), height: atLeastOne(size.height * factor) };
}

function atLeastOne(length: number): number {
  return Math.max(1, Math.round(length));
}

function scaleTo(picture: Picture, size: Size): void {
  if (size.width === picture.width && size.height === picture.height) return;
  const geometry = new MagickGeometry(size.width, size.height);
  geometry.ignoreAspectRatio = true;
  for (const frame of picture.frames) frame.resize(geometry, FilterType.Lanczos);
  picture.settleSize();
}

function pad(picture: Picture, box: Size, operation: OperationOf<"resize">): void {
  const background = new MagickColor(operation.background);
  for (const frame of picture.frames) {
    if (background.a < 255) frame.hasAlpha = true;
    frame.extent(
      new MagickGeometry(box.width, box.height),
      gravities[operation.gravity],
      background,
    );
    frame.resetPage();
  }
}

interface Rectangle extends Size {
  readonly x: number;
  readonly y: number;
}

function crop(picture: Picture, operation: OperationOf<"crop">): void {
  const { width, height, x, y } = operation;
  const rectangle = x === undefined || y === undefined
    ? placeBox(picture, operation, operation.gravity ?? "center")
    : { x, y, width, height };
  if (
    rectangle.x < 0 || rectangle.y < 0 || rectangle.x + width > picture.width ||
    rectangle.y + height > picture.height
  ) {
    throw new PermanentJobError(
      `The crop of ${width}x${height} at ${rectangle.x},${rectangle.y} reaches beyond the image, ` +
        `which has ${picture.width}x${picture.height} pixels at that step.`,
    );
  }
  cutOut(picture, rectangle);
}

function placeBox(picture: Size, box: Size, gravity: GravityName): Rectangle {
  const place = (slack: number, first: string, last: string) =>
    gravity.includes(first) ? 0 : gravity.includes(last) ? slack : Math.floor(slack / 2);
  return {
    x: place(picture.width - box.width, "west", "east"),
    y: place(picture.height - box.height, "north", "south"),
    width: box.width,
    height: box.height,
  };
}

function cutOut(picture: Picture, { x, y, width, height }: Rectangle): void {
  for (const frame of picture.frames) {
    frame.crop(new MagickGeometry(x, y, width, height));
    frame.resetPage();
  }
}

function rotate(picture: Picture, operation: OperationOf<"rotate">, pixelsMax: number): void {
  const radians = (operation.degrees * Math.PI) / 180;
  const [cos, sin] = [Math.abs(Math.cos(radians)), Math.abs(Math.sin(radians))];
  const size = {
    width: Math.ceil(picture.width * cos + picture.height * sin),
    height: Math.ceil(picture.width * sin + picture.height * cos),
  };
  requirePixels(picture, size, pixelsMax, "rotate");
  const background = new MagickColor(operation.background);
  const opensCorners = operation.degrees % 90 !== 0;
  for (const frame of picture.frames) {
    if (opensCorners && background.a < 255) frame.hasAlpha = true;
    frame.backgroundColor = background;
    frame.rotate(operation.degrees);
    frame.resetPage();
  }
}

function requirePixels(picture: Picture, size: Size, pixelsMax: number, type: string): void {
  const frames = picture.frames.length;
  const isTooLong = Math.max(size.width, size.height) > DECODED_SIDE_MAX;
  if (!isTooLong && size.width * size.height * frames <= pixelsMax) return;
  const times = frames === 1 ? "" : ` in each of ${frames} frames`;
  throw new PermanentJobError(
    `The operation ${type} would give ${size.width}x${size.height} pixels${times}; ` +
      `this worker allows ${pixelsMax} in all (jobs.pixels_max) and ${DECODED_SIDE_MAX} a side.`,
  );
}

const gravities: Record<GravityName, Gravity> = {
  center: Gravity.Center,
  north: Gravity.North,
  northeast: Gravity.Northeast,
  east: Gravity.East,
  southeast: Gravity.Southeast,
  south: Gravity.South,
  southwest: Gravity.Southwest,
  west: Gravity.West,
  northwest: Gravity.Northwest,
};
