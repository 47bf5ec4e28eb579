/**
 * Reads an image's dimensions from its header, without decoding a pixel, so that a small file that
 * unfolds into gigabytes is refused before any memory is given to it. Our own and not the
 * decoder's "ping", because what it does not do has to be certain, and because the frames of an
 * animation count too.
 *
 * @module
 */

import { PermanentJobError } from "../contract.ts";
import type { SourceFormat } from "./payload.ts";
import { latin1, readSignature } from "./signature.ts";

/** What a header says. */
export interface ImageHeader {
  readonly format: SourceFormat;
  /** Of the canvas as it is stored, before EXIF orientation; in pixels. */
  readonly width: number;
  readonly height: number;
  /** Of a GIF or WebP animation, pages of a TIFF; 1 for all else. */
  readonly frames: number;
  /** As stored; absent where the header does not say. */
  readonly bitsPerChannel?: number;
}

/**
 * Names the format and reads the dimensions.
 *
 * @throws {PermanentJobError} when the bytes are no image of a format that we accept, or their
 * header is cut short or makes no sense; the message says what was found.
 */
export function readImageHeader(bytes: Uint8Array): ImageHeader {
  const signature = readSignature(bytes);
  if (signature.kind === "other") {
    throw new PermanentJobError(
      `The source is not an image that can be processed: it holds ${signature.description}. ` +
        "Accepted are PNG, JPEG, WebP, GIF, BMP, TIFF, AVIF and HEIC.",
    );
  }
  const { format } = signature;
  try {
    const header = { format, ...readers[format](new HeaderView(bytes)) };
    if (header.width > 0 && header.height > 0) return header;
    throw new RangeError(`it declares ${header.width}x${header.height} pixels`);
  } catch (error) {
    // RangeError is what DataView throws when a field lies beyond the last byte.
    if (!(error instanceof RangeError)) throw error;
    const reason = error.message.startsWith("it ") ? error.message : "it is cut short";
    // Without its cause: what a DataView says helps nobody who reads why the job failed.
    throw new PermanentJobError(
      `The ${format.toUpperCase()} header cannot be read: ${reason}; ` +
        `the source has ${bytes.length} bytes.`,
    );
  }
}

type Dimensions = Omit<ImageHeader, "format">;

const readers: Record<SourceFormat, (view: HeaderView) => Dimensions> = {
  png: readPng,
  jpeg: readJpeg,
  gif: readGif,
  webp: readWebp,
  bmp: readBmp,
  tiff: readTiff,
  avif: readIsoMedia,
  heic: readIsoMedia,
};

/** Numbers at offsets; a `RangeError` beyond the end. */
class HeaderView extends DataView<ArrayBufferLike> {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    super(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.bytes = bytes;
  }

  text(at: number, length: number): string {
    if (at + length > this.byteLength) throw new RangeError("it is cut short");
    return latin1(this.bytes, at, length);
  }

  uint24(at: number): number {
    return this.getUint16(at, true) | (this.getUint8(at + 2) << 16);
  }
}

/** PNG (ISO 15948) §11.2.2: IHDR is the first chunk. */
function readPng(view: HeaderView): Dimensions {
  if (view.text(12, 4) !== "IHDR") throw new RangeError("it does not begin with IHDR");
  return {
    width: view.getUint32(16),
    height: view.getUint32(20),
    frames: 1,
    bitsPerChannel: view.getUint8(24),
  };
}

/** ITU-T T.81 §B.2: segments up to the frame header (SOF). */
function readJpeg(view: HeaderView): Dimensions {
  let at = 2;
  while (true) {
    if (view.getUint8(at) !== 0xff) throw new RangeError("it has bytes between its segments");
    const marker = view.getUint8(at + 1);
    if (marker === 0xff) at += 1; // fill byte
    else if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)) at += 2; // no length
    else if (isStartOfFrame(marker)) {
      return {
        width: view.getUint16(at + 7),
        height: view.getUint16(at + 5),
        frames: 1,
        bitsPerChannel: view.getUint8(at + 4),
      };
    } else if (marker === 0xda || marker === 0xd9) {
      throw new RangeError("it has no frame header before its first scan");
    } else at += 2 + view.getUint16(at + 2);
  }
}

/** C4 (tables), C8 (reserved) and CC (arithmetic tables) share the range without being frames. */
function isStartOfFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

/** GIF89a §18-26. The canvas is the logical screen, or more where a frame reaches beyond it. */
function readGif(view: HeaderView): Dimensions {
  let width = view.getUint16(6, true);
  let height = view.getUint16(8, true);
  let frames = 0;
  let at = 13 + colorTableBytes(view.getUint8(10));
  // A file that merely ends lacks only its trailer; many such are about and are decoded.
  while (at < view.byteLength && view.getUint8(at) !== 0x3b) {
    const block = view.getUint8(at);
    if (block === 0x21) {
      at = skipSubBlocks(view, at + 2);
    } else if (block === 0x2c) {
      frames += 1;
      width = Math.max(width, view.getUint16(at + 1, true) + view.getUint16(at + 5, true));
      height = Math.max(height, view.getUint16(at + 3, true) + view.getUint16(at + 7, true));
      at = skipSubBlocks(view, at + 10 + colorTableBytes(view.getUint8(at + 9)) + 1);
    } else {
      throw new RangeError(`it has a block of unknown kind 0x${block.toString(16)}`);
    }
  }
  if (frames === 0) {
    throw new RangeError(at > view.byteLength ? "it is cut short" : "it contains no frame");
  }
  return { width, height, frames };
}

function colorTableBytes(packed: number): number {
  return (packed & 0x80) === 0 ? 0 : 3 << ((packed & 0x07) + 1);
}

function skipSubBlocks(view: HeaderView, from: number): number {
  let at = from;
  for (let length = view.getUint8(at); length !== 0; length = view.getUint8(at)) at += 1 + length;
  return at + 1;
}

/** RFC 9649 §2: the canvas from VP8X, or the single frame's own header. */
function readWebp(view: HeaderView): Dimensions {
  const chunk = view.text(12, 4);
  if (chunk === "VP8 ") {
    return {
      width: view.getUint16(26, true) & 0x3fff,
      height: view.getUint16(28, true) & 0x3fff,
      frames: 1,
    };
  }
  if (chunk === "VP8L") {
    const packed = view.getUint32(21, true);
    return { width: (packed & 0x3fff) + 1, height: ((packed >>> 14) & 0x3fff) + 1, frames: 1 };
  }
  if (chunk !== "VP8X") throw new RangeError(`it begins with the chunk ${JSON.stringify(chunk)}`);
  const isAnimated = (view.getUint8(20) & 0x02) !== 0;
  return {
    width: view.uint24(24) + 1,
    height: view.uint24(27) + 1,
    frames: isAnimated ? Math.max(1, countWebpFrames(view)) : 1,
  };
}

function countWebpFrames(view: HeaderView): number {
  let frames = 0;
  for (let at = 30; at + 8 <= view.byteLength;) {
    if (view.text(at, 4) === "ANMF") frames += 1;
    const size = view.getUint32(at + 4, true);
    at += 8 + size + (size & 1);
  }
  return frames;
}

/** BITMAPCOREHEADER (12 bytes) or one of BITMAPINFOHEADER's family, whose height may be negative. */
function readBmp(view: HeaderView): Dimensions {
  if (view.getUint32(14, true) === 12) {
    return { width: view.getUint16(18, true), height: view.getUint16(20, true), frames: 1 };
  }
  return {
    width: view.getInt32(18, true),
    height: Math.abs(view.getInt32(22, true)),
    frames: 1,
  };
}

/** TIFF 6.0 §2, and BigTIFF: the first directory's tags, and how many directories follow. */
function readTiff(view: HeaderView): Dimensions {
  const little = view.text(0, 1) === "I";
  const big = view.getUint16(2, little) === 43;
  const offsetAt = (at: number) =>
    big ? Number(view.getBigUint64(at, little)) : view.getUint32(at, little);
  let directory = offsetAt(big ? 8 : 4);
  const first = directory;
  const tags = new Map<number, number>();
  const seen = new Set<number>();
  while (directory !== 0 && !seen.has(directory) && seen.size < TIFF_PAGES_MAX) {
    seen.add(directory);
    const count = big
      ? Number(view.getBigUint64(directory, little))
      : view.getUint16(directory, little);
    const entryBytes = big ? 20 : 12;
    const entries = directory + (big ? 8 : 2);
    for (let index = 0; directory === first && index < count; index++) {
      const at = entries + index * entryBytes;
      const isShort = view.getUint16(at + 2, little) === 3;
      const value = at + (big ? 12 : 8);
      tags.set(
        view.getUint16(at, little),
        isShort ? view.getUint16(value, little) : view.getUint32(value, little),
      );
    }
    directory = offsetAt(entries + count * entryBytes);
  }
  return { width: tags.get(256) ?? 0, height: tags.get(257) ?? 0, frames: Math.max(1, seen.size) };
}

/** Pages beyond this are not counted; only the first is decoded. */
const TIFF_PAGES_MAX = 10_000;

/**
 * ISO 23008-12 §6.5.3: the largest `ispe` (image spatial extent) of the file's items, which is that
 * of the whole picture where it is put together from tiles.
 */
function readIsoMedia(view: HeaderView): Dimensions {
  const meta = findBox(view, 0, view.byteLength, "meta");
  const iprp = meta && findBox(view, meta.start + 4, meta.end, "iprp");
  const ipco = iprp && findBox(view, iprp.start, iprp.end, "ipco");
  if (!ipco) throw new RangeError("it has no picture properties (meta/iprp/ipco)");
  let largest = { width: 0, height: 0 };
  for (const box of boxes(view, ipco.start, ipco.end)) {
    if (box.type !== "ispe") continue;
    const extent = { width: view.getUint32(box.start + 4), height: view.getUint32(box.start + 8) };
    if (extent.width * extent.height > largest.width * largest.height) largest = extent;
  }
  return { ...largest, frames: 1 };
}

interface Box {
  readonly type: string;
  /** Of its content, after the box's own header. */
  readonly start: number;
  readonly end: number;
}

function findBox(view: HeaderView, start: number, end: number, type: string): Box | undefined {
  for (const box of boxes(view, start, end)) if (box.type === type) return box;
  return undefined;
}

function* boxes(view: HeaderView, start: number, end: number): Generator<Box> {
  for (let at = start; at + 8 <= end;) {
    const declared = view.getUint32(at);
    const isLong = declared === 1;
    const size = isLong ? Number(view.getBigUint64(at + 8)) : declared === 0 ? end - at : declared;
    const headerBytes = isLong ? 16 : 8;
    if (size < headerBytes) throw new RangeError(`it has a box of ${size} bytes`);
    yield { type: view.text(at + 4, 4), start: at + headerBytes, end: Math.min(at + size, end) };
    at += size;
  }
}
