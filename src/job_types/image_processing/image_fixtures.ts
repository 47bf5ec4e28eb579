/**
 * Images for tests, put together byte by byte so that the decoder under test is not the one that
 * made them.
 *
 * @module
 */

import { crc32, deflateSync } from "node:zlib";
import type { FileAccess, GuardedFetch, JobContext, JobLimits } from "../contract.ts";

/** The colour at a place: red, green, blue and, where the format has it, opacity; 0 to 255. */
export type Paint = (x: number, y: number) => readonly [number, number, number, number?];

/** Four quarters: red, green, blue and white. Any flip or turn shows. */
export function quarters(width: number, height: number): Paint {
  return (x, y) => {
    if (y < height / 2) return x < width / 2 ? [255, 0, 0] : [0, 255, 0];
    return x < width / 2 ? [0, 0, 255] : [255, 255, 255];
  };
}

/** A 24-bit BMP, top row first. */
export function makeBmp(width: number, height: number, paint: Paint): Uint8Array {
  const rowBytes = (width * 3 + 3) & ~3;
  const bytes = new Uint8Array(54 + rowBytes * height);
  const view = new DataView(bytes.buffer);
  bytes.set([0x42, 0x4d]);
  view.setUint32(2, bytes.length, true);
  view.setUint32(10, 54, true);
  view.setUint32(14, 40, true);
  view.setInt32(18, width, true);
  view.setInt32(22, -height, true);
  view.setUint16(26, 1, true);
  view.setUint16(28, 24, true);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [r, g, b] = paint(x, y);
      bytes.set([b, g, r], 54 + y * rowBytes + x * 3);
    }
  }
  return bytes;
}

/** How {@linkcode makePng} writes. */
export interface PngOptions {
  /** Default 8. */
  readonly bits?: 8 | 16;
  /** Default false. */
  readonly interlaced?: boolean;
}

/** An RGBA PNG. */
export function makePng(
  width: number,
  height: number,
  paint: Paint,
  { bits = 8, interlaced = false }: PngOptions = {},
): Uint8Array {
  // Adam7: first column, first row, column step, row step of each pass.
  const adam7: [number, number, number, number][] = [
    [0, 0, 8, 8],
    [4, 0, 8, 8],
    [0, 4, 4, 8],
    [2, 0, 4, 4],
    [0, 2, 2, 4],
    [1, 0, 2, 2],
    [0, 1, 1, 2],
  ];
  const raw: number[] = [];
  for (const [x0, y0, dx, dy] of interlaced ? adam7 : [[0, 0, 1, 1] as const]) {
    for (let y = y0; y < height; y += dy) {
      if (x0 >= width) continue;
      raw.push(0);
      for (let x = x0; x < width; x += dx) {
        const [r, g, b, a = 255] = paint(x, y);
        for (const value of [r, g, b, a]) raw.push(...(bits === 16 ? [value, value] : [value]));
      }
    }
  }
  return concat(
    text("\x89PNG\r\n\x1a\n"),
    pngChunk("IHDR", pngHeader(width, height, bits, interlaced)),
    pngChunk("IDAT", deflateSync(new Uint8Array(raw))),
    pngChunk("IEND", new Uint8Array()),
  );
}

/** A PNG of a few bytes that declares any size. */
export function makePngBomb(width: number, height: number): Uint8Array {
  return concat(
    text("\x89PNG\r\n\x1a\n"),
    pngChunk("IHDR", pngHeader(width, height, 8, false)),
    pngChunk("IDAT", deflateSync(new Uint8Array(1000))),
    pngChunk("IEND", new Uint8Array()),
  );
}

function pngHeader(width: number, height: number, bits: number, interlaced: boolean): Uint8Array {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([bits, 6, 0, 0, interlaced ? 1 : 0], 8);
  return header;
}

function pngChunk(type: string, data: Uint8Array): Uint8Array {
  const body = concat(text(type), data);
  return concat(uint32(data.length), body, uint32(crc32(body)));
}

/**
 * An animated GIF89a with one solid colour a frame, each shown `delayMs`, for ever. The first frame
 * covers the canvas, later ones only its left half.
 */
export function makeGif(
  width: number,
  height: number,
  colors: readonly (readonly [number, number, number])[],
  delayMs: number,
): Uint8Array {
  const table = new Uint8Array(128 * 3);
  colors.forEach((color, index) => table.set(color, index * 3));
  const frames = colors.map((_, index) => {
    const frameWidth = index === 0 ? width : width / 2;
    return concat(
      new Uint8Array([0x21, 0xf9, 4, 0x04, ...uint16le(delayMs / 10), 0, 0]),
      new Uint8Array([0x2c, 0, 0, 0, 0, ...uint16le(frameWidth), ...uint16le(height), 0]),
      lzwOf(index, frameWidth * height),
    );
  });
  return concat(
    text("GIF89a"),
    new Uint8Array([...uint16le(width), ...uint16le(height), 0x80 | 6, 0, 0]),
    table,
    concat(text("\x21\xff\x0bNETSCAPE2.0"), new Uint8Array([3, 1, 0, 0, 0])),
    ...frames,
    new Uint8Array([0x3b]),
  );
}

/** LZW that never compresses: a clear code often enough keeps every code at one byte. */
function lzwOf(color: number, pixels: number): Uint8Array {
  const codes: number[] = [];
  for (let index = 0; index < pixels; index++) {
    if (index % 100 === 0) codes.push(128);
    codes.push(color);
  }
  codes.push(129);
  const blocks = [7];
  for (let at = 0; at < codes.length; at += 255) {
    const block = codes.slice(at, at + 255);
    blocks.push(block.length, ...block);
  }
  return new Uint8Array([...blocks, 0]);
}

/** Puts an EXIF block with a camera's name and this orientation into a JPEG. */
export function withExif(jpeg: Uint8Array, orientation: number, make: string): Uint8Array {
  const tiff = new Uint8Array(38 + make.length + 1);
  const view = new DataView(tiff.buffer);
  tiff.set(text("II*\0"));
  view.setUint32(4, 8, true);
  view.setUint16(8, 2, true);
  setEntry(view, 10, 0x010f, 2, make.length + 1, 38);
  setEntry(view, 22, 0x0112, 3, 1, orientation);
  tiff.set(text(`${make}\0`), 38);
  const body = concat(text("Exif\0\0"), tiff);
  const size = body.length + 2;
  return concat(
    jpeg.subarray(0, 2),
    new Uint8Array([0xff, 0xe1, size >> 8, size & 0xff]),
    body,
    jpeg.subarray(2),
  );
}

function setEntry(
  view: DataView,
  at: number,
  tag: number,
  type: number,
  count: number,
  value: number,
) {
  view.setUint16(at, tag, true);
  view.setUint16(at + 2, type, true);
  view.setUint32(at + 4, count, true);
  view.setUint32(at + 8, value, true);
}

/** One after the other. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Characters up to 0xff as one byte each. */
export function text(characters: string): Uint8Array {
  return Uint8Array.from(characters, (character) => character.charCodeAt(0));
}

function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

function uint16le(value: number): [number, number] {
  return [value & 0xff, value >> 8];
}

/** What a test's context may differ in. */
export interface ContextOptions {
  readonly limits?: Partial<JobLimits>;
  readonly files?: Partial<FileAccess>;
  readonly fetch?: GuardedFetch;
  readonly signal?: AbortSignal;
}

/** A context that keeps what a job reports. */
export function makeContext(options: ContextOptions = {}) {
  const reports: { fraction: number; message: string | undefined }[] = [];
  const lines: string[] = [];
  const context: JobContext = {
    jobId: "job-1",
    jobType: "image_processing",
    attempt: 1,
    signal: options.signal ?? new AbortController().signal,
    limits: {
      resultBytesMax: 1_000_000,
      inputBytesMax: 20_000_000,
      streamBytesMax: 20_000_000,
      pixelsMax: 4_000_000,
      ...options.limits,
    },
    files: { readRoots: [], writeRoots: [], ...options.files },
    fetch: options.fetch ?? (() => Promise.reject(new Error("this test allows no network"))),
    tempDir: "/nonexistent",
    progress: (fraction, message) => reports.push({ fraction, message }),
    log: (line) => lines.push(line),
  };
  return { context, reports, lines };
}
