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
  const table = new Uint8Array(GIF_COLORS * 3);
  // As many as a table holds are colours of their own; those after them have the first ones again.
  colors.slice(0, GIF_COLORS).forEach((color, index) => table.set(color, index * 3));
  const frames = colors.map((_, index) => {
    const frameWidth = index === 0 ? width : width / 2;
    return concat(
      new Uint8Array([0x21, 0xf9, 4, 0x04, ...uint16le(delayMs / 10), 0, 0]),
      new Uint8Array([0x2c, 0, 0, 0, 0, ...uint16le(frameWidth), ...uint16le(height), 0]),
      lzwOf(index % GIF_COLORS, frameWidth * height),
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

/** Below the clear code. */
const GIF_COLORS = 128;

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

/** An uncompressed little-endian RGB TIFF of two pages, the second a single black pixel. */
export function makeTiff(width: number, height: number, paint: Paint): Uint8Array {
  const pixels: number[] = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) pixels.push(...paint(x, y).slice(0, 3) as number[]);
  }
  const second = 8 + tiffPage(0, 0, 0, []).length + pixels.length;
  const first = tiffPage(8, width, height, pixels, second);
  return concat(text("II*\0\x08\0\0\0"), first, tiffPage(second, 1, 1, [0, 0, 0]));
}

/** A directory of nine entries, three numbers that do not fit in one, and the pixels. */
function tiffPage(at: number, width: number, height: number, pixels: number[], next = 0) {
  const directoryBytes = 2 + 9 * 12 + 4;
  const bytes = new Uint8Array(directoryBytes + 6 + pixels.length);
  const view = new DataView(bytes.buffer);
  const bitsAt = at + directoryBytes;
  const entries: [tag: number, type: number, count: number, value: number][] = [
    [256, 4, 1, width],
    [257, 4, 1, height],
    [258, 3, 3, bitsAt],
    [259, 3, 1, 1], // no compression
    [262, 3, 1, 2], // RGB
    [273, 4, 1, bitsAt + 6],
    [277, 3, 1, 3],
    [278, 4, 1, height],
    [279, 4, 1, pixels.length],
  ];
  view.setUint16(0, entries.length, true);
  entries.forEach((entry, index) => setEntry(view, 2 + index * 12, ...entry));
  view.setUint32(directoryBytes - 4, next, true);
  for (const offset of [0, 2, 4]) view.setUint16(directoryBytes + offset, 8, true);
  bytes.set(pixels, directoryBytes + 6);
  return bytes;
}

/** A display profile (ICC.1:2001) with sRGB's primaries and a gamma of 2. */
export function makeColorProfile(description: string): Uint8Array {
  const xyz = (x: number, y: number, z: number) =>
    concat(text("XYZ \0\0\0\0"), ...[x, y, z].map((value) => uint32(Math.round(value * 65_536))));
  const curve = concat(text("curv\0\0\0\0"), uint32(1), new Uint8Array([2, 0, 0, 0]));
  const name = text(`${description}\0`);
  const tags: [string, Uint8Array][] = [
    ["desc", concat(text("desc\0\0\0\0"), uint32(name.length), name, new Uint8Array(78))],
    ["cprt", text("text\0\0\0\0nobody\0")],
    ["wtpt", xyz(0.9642, 1, 0.8249)],
    ["rXYZ", xyz(0.4361, 0.2225, 0.0139)],
    ["gXYZ", xyz(0.3851, 0.7169, 0.0971)],
    ["bXYZ", xyz(0.1431, 0.0606, 0.7141)],
    ["rTRC", curve],
    ["gTRC", curve],
    ["bTRC", curve],
  ];
  let at = 128 + 4 + tags.length * 12;
  const table: Uint8Array[] = [uint32(tags.length)];
  const contents: Uint8Array[] = [];
  for (const [tag, content] of tags) {
    table.push(text(tag), uint32(at), uint32(content.length));
    const padded = concat(content, new Uint8Array(-content.length & 3));
    contents.push(padded);
    at += padded.length;
  }
  const header = new Uint8Array(128);
  header.set(uint32(at));
  header.set([2, 0x10], 8);
  header.set(text("mntrRGB XYZ "), 12);
  header.set(text("acsp"), 36);
  header.set(xyz(0.9642, 1, 0.8249).subarray(8), 68);
  return concat(header, ...table, ...contents);
}

/** Puts a colour profile into a JPEG. */
export function withColorProfile(jpeg: Uint8Array, profile: Uint8Array): Uint8Array {
  const body = concat(text("ICC_PROFILE\0\x01\x01"), profile);
  const size = body.length + 2;
  const segment = concat(new Uint8Array([0xff, 0xe2, size >> 8, size & 0xff]), body);
  // JFIF's own segment has to stay the first.
  const first = 4 + new DataView(jpeg.buffer, jpeg.byteOffset).getUint16(4);
  return concat(jpeg.subarray(0, first), segment, jpeg.subarray(first));
}

/** Four quarters, 64x64, as `heif-enc -q 40 -p chroma=420` of libheif 1.15 wrote them. */
export const heicQuarters: Uint8Array = Uint8Array.fromBase64(`
AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAT9tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAA
AAAAAAAAAA5waXRtAAAAAAABAAAAImlsb2MAAAAAREAAAQABAAAAAAFjAAEAAAAAAAAAOgAAACNpaW5mAAAAAAABAAAA
FWluZmUCAAAAAAEAAGh2YzEAAAAAv2lwcnAAAAChaXBjbwAAAHVodmNDAQNwAAAAAAAAAAAAHvAA/P34+AAADwMgAAEA
GEABDAH//wNwAAADAJAAAAMAAAMAHroCQCEAAQAoQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbqSSmubAgAAAMACAAAAwAI
QCIAAQAHRAHBcrAiQAAAABRpc3BlAAAAAAAAAEAAAABAAAAAEHBpeGkAAAAAAwgICAAAABZpcG1hAAAAAAAAAAEAAQOB
AoMAAABCbWRhdAAAADYoAa9Y+Q6SX//znd//lR6Q+xFmJLfhkq/6ZEn/sua5f/2UdsffO0P+8vvd+H70st+ERFd0tsA=
`);

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
    parents: [],
    parentResult: () => Promise.reject(new Error("there are no parents")),
    progress: (fraction, message) => reports.push({ fraction, message }),
    log: (line) => lines.push(line),
    span: (_name, work) => work(),
  };
  return { context, reports, lines };
}
