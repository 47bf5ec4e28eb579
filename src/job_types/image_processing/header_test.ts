import assert from "node:assert/strict";
import fc from "fast-check";
import { PermanentJobError } from "../contract.ts";
import { readImageHeader } from "./header.ts";
import {
  concat,
  makeBmp,
  makeGif,
  makePng,
  makePngBomb,
  quarters,
  text,
} from "./image_fixtures.ts";

Deno.test("a PNG header gives dimensions and bits whatever follows it", () => {
  assert.deepEqual(readImageHeader(makePngBomb(50_000, 40_000)), {
    format: "png",
    width: 50_000,
    height: 40_000,
    frames: 1,
    bitsPerChannel: 8,
  });
});

Deno.test("a JPEG's frame header is found behind other segments and fill bytes", () => {
  const jpeg = new Uint8Array([
    ...[0xff, 0xd8],
    ...[0xff, 0xe0, 0, 4, 1, 2],
    ...[0xff, 0xff, 0xff, 0xc4, 0, 3, 0], // tables, after two fill bytes; not a frame
    ...[0xff, 0xc2, 0, 11, 8, 0x02, 0x58, 0x03, 0x20, 1, 0, 0, 0],
  ]);
  const { width, height } = readImageHeader(jpeg);
  assert.deepEqual([width, height], [800, 600]);
});

Deno.test("a JPEG without a frame before its scan is refused", () => {
  const jpeg = new Uint8Array([0xff, 0xd8, 0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0]);
  assert.throws(() => readImageHeader(jpeg), /no frame header before its first scan/);
});

Deno.test("a header that is cut short is said to be, without the runtime's words beside it", () => {
  assert.throws(() => readImageHeader(new Uint8Array([0xff, 0xd8, 0xff])), (error: Error) => {
    assert.equal(
      error.message,
      "The JPEG header cannot be read: it is cut short; the source has 3 bytes.",
    );
    assert.equal(error.cause, undefined);
    return true;
  });
});

Deno.test("a GIF's frames are counted, and widen the canvas that they exceed", () => {
  const gif = makeGif(20, 10, [[1, 1, 1], [2, 2, 2]], 50);
  assert.deepEqual(readImageHeader(gif), { format: "gif", width: 20, height: 10, frames: 2 });
  // The first frame's descriptor: behind header, colour table, repeat and control blocks.
  const descriptor = 13 + 384 + 19 + 8;
  assert.equal(gif[descriptor], 0x2c);
  gif.set([0x60, 0xea], descriptor + 5); // 60,000 wide
  assert.equal(readImageHeader(gif).width, 60_000);
});

Deno.test("WebP gives the canvas of its lossy, lossless and extended kinds", () => {
  const riff = (chunk: string, data: number[]) =>
    concat(text(`RIFF\0\0\0\0WEBP${chunk}\0\0\0\0`), new Uint8Array(data));
  const lossy = riff("VP8 ", [0, 0, 0, 0x9d, 0x01, 0x2a, 0x20, 0x03, 0x58, 0x02]);
  assert.deepEqual(sizeOf(lossy), [800, 600]);
  const packed = (800 - 1) | ((600 - 1) << 14);
  const lossless = riff("VP8L", [0x2f, ...[0, 8, 16, 24].map((bits) => (packed >>> bits) & 0xff)]);
  assert.deepEqual(sizeOf(lossless), [800, 600]);
  const extended = riff("VP8X", [0x02, 0, 0, 0, 0x1f, 0x03, 0, 0x57, 0x02, 0]);
  const frame = text("ANMF\x02\0\0\0ab");
  assert.deepEqual(readImageHeader(concat(extended, frame, frame)), {
    format: "webp",
    width: 800,
    height: 600,
    frames: 2,
  });
});

Deno.test("a BMP's negative height means top row first", () => {
  assert.deepEqual(sizeOf(makeBmp(7, 5, quarters(7, 5))), [7, 5]);
});

for (const little of [true, false]) {
  Deno.test(`a TIFF in ${little ? "little" : "big"} endian gives its first page and counts`, () => {
    const tiff = new Uint8Array(8 + 2 * (2 + 24 + 4));
    const view = new DataView(tiff.buffer);
    tiff.set(text(little ? "II*\0" : "MM\0*"));
    view.setUint32(4, 8, little);
    for (const [at, width, next] of [[8, 640, 38], [38, 9999, 0]] as const) {
      view.setUint16(at, 2, little);
      view.setUint16(at + 2, 256, little);
      view.setUint16(at + 4, 3, little);
      view.setUint16(at + 10, width, little);
      view.setUint16(at + 14, 257, little);
      view.setUint16(at + 16, 4, little);
      view.setUint32(at + 22, 480, little);
      view.setUint32(at + 26, next, little);
    }
    assert.deepEqual(readImageHeader(tiff), { format: "tiff", width: 640, height: 480, frames: 2 });
    view.setUint32(64, 8, little); // the second page leads back to the first
    assert.equal(readImageHeader(tiff).frames, 2);
  });
}

Deno.test("AVIF and HEIC give the largest of their items' extents", () => {
  const box = (type: string, ...content: Uint8Array[]) => {
    const body = concat(text(type), ...content);
    const size = new Uint8Array(4);
    new DataView(size.buffer).setUint32(0, body.length + 4);
    return concat(size, body);
  };
  const ispe = (width: number, height: number) => {
    const extent = new Uint8Array(12);
    new DataView(extent.buffer).setUint32(4, width);
    new DataView(extent.buffer).setUint32(8, height);
    return box("ispe", extent);
  };
  for (const [brand, format] of [["avif", "avif"], ["heic", "heic"], ["mif1", "heic"]] as const) {
    const file = concat(
      box("ftyp", text(`${brand}\0\0\0\0`)),
      box(
        "meta",
        new Uint8Array(4),
        box("hdlr"),
        box("iprp", box("ipco", ispe(512, 512), box("colr"), ispe(4032, 3024))),
      ),
    );
    const { width, height, format: found } = readImageHeader(file);
    assert.deepEqual([found, width, height], [format, 4032, 3024]);
  }
});

Deno.test("every header that is cut short is refused, none crashes", () => {
  const whole = [
    makePng(9, 9, quarters(9, 9)),
    makeGif(8, 8, [[1, 1, 1]], 10),
    makeBmp(9, 9, quarters(9, 9)),
  ];
  for (const bytes of whole) {
    for (let length = 0; length < 24; length++) {
      assert.throws(() => readImageHeader(bytes.subarray(0, length)), PermanentJobError);
    }
  }
});

Deno.test("whatever follows a signature, the answer is a header or a refusal", () => {
  const signatures = [
    "\x89PNG\r\n\x1a\n",
    "\xff\xd8\xff",
    "GIF89a",
    "RIFF\0\0\0\0WEBPVP8X",
    "RIFF\0\0\0\0WEBPVP8L",
    "BM\0\0\0\0\0\0\0\0\0\0\0\0\x28\0",
    "II*\0",
    "MM\0*",
    "II+\0",
    "\0\0\0\x10ftypavif\0\0\0\0",
  ];
  fc.assert(
    fc.property(
      fc.constantFrom(...signatures),
      fc.uint8Array({ maxLength: 200 }),
      (signature, rest) => {
        try {
          const header = readImageHeader(concat(text(signature), rest));
          assert.ok(header.width > 0 && header.height > 0 && header.frames > 0);
        } catch (error) {
          assert.ok(error instanceof PermanentJobError, String(error));
        }
      },
    ),
    { numRuns: 2_000 },
  );
});

function sizeOf(bytes: Uint8Array): [number, number] {
  const { width, height } = readImageHeader(bytes);
  return [width, height];
}
