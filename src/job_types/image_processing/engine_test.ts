import assert from "node:assert/strict";
import { ImageMagick, MagickError, MagickFormat } from "@imagemagick/magick-wasm";
import { PermanentJobError } from "../contract.ts";
import { asJobError, engineGeneration, startEngine } from "./engine.ts";
import { readImageHeader } from "./header.ts";
import { makeBmp, makePng, quarters, text } from "./image_fixtures.ts";
import { Picture } from "./picture.ts";

const ALONE = { allFrames: false, colorProfile: "keep" } as const;

// These tests go around our own look at the first bytes: the decoder itself has to refuse as well.

const foreign: [string, MagickFormat | undefined, string][] = [
  ["SVG", MagickFormat.Svg, "<svg xmlns='http://www.w3.org/2000/svg' width='1' height='1'/>"],
  ["SVG that is to be recognized", undefined, "<svg xmlns='http://www.w3.org/2000/svg'/>"],
  ["MVG", MagickFormat.Mvg, "viewbox 0 0 1 1 image over 0,0 0,0 'https://127.0.0.1/x.png'"],
  ["MSL", MagickFormat.Msl, "<image><read filename='/policy.xml'/></image>"],
  ["PDF", MagickFormat.Pdf, "%PDF-1.4"],
  ["text", MagickFormat.Txt, "# ImageMagick pixel enumeration: 1,1,255,srgb"],
  ["a caption", MagickFormat.Caption, "hello"],
];

for (const [name, format, content] of foreign) {
  Deno.test(`the decoder does not run ${name}`, async () => {
    await startEngine({ pixelsMax: 1_000 });
    const read = () =>
      format === undefined
        ? ImageMagick.read(text(content), () => {})
        : ImageMagick.read(text(content), format, () => {});
    assert.throws(
      read,
      (error) => error instanceof MagickError && /NotAuthorized/.test(error.message),
    );
  });
}

Deno.test("the decoder reads no URL and no file by name", async () => {
  await startEngine({ pixelsMax: 1_000 });
  for (const name of ["https://127.0.0.1/x.png", "ephemeral:/policy.xml", "text:/policy.xml"]) {
    assert.throws(() => ImageMagick.read(name, () => {}), /NotAuthorized|NoDecodeDelegate/);
  }
});

Deno.test("the decoder's own bound on pixels holds where a header was believed", async () => {
  const png = makePng(50, 50, quarters(50, 50));
  await startEngine({ pixelsMax: 1_000 });
  const read = () => ImageMagick.read(png, MagickFormat.Png, () => {});
  assert.throws(read, (error) => {
    const job = asJobError(error, "The PNG image cannot be decoded");
    return job instanceof PermanentJobError &&
      /more memory, pixels, frames or time/.test(job.message);
  });
  await startEngine({ pixelsMax: 2_500 });
  assert.doesNotThrow(read);
});

Deno.test("errors of others pass through unchanged", () => {
  const error = new TypeError("ours");
  assert.equal(asJobError(error, "x"), error);
});

Deno.test("a BMP without its pixels is explained in words", async () => {
  await startEngine({ pixelsMax: 10_000 });
  const bytes = makeBmp(50, 50, quarters(50, 50)).subarray(0, 60);
  assert.throws(() => ImageMagick.read(bytes, MagickFormat.Bmp, () => {}), (error) => {
    const job = asJobError(error, "The BMP image cannot be decoded");
    assert.ok(job instanceof PermanentJobError);
    assert.match(
      job.message,
      /^The BMP image cannot be decoded: its data is cut short or corrupt \([^@`]*\)\.$/,
    );
    return true;
  });
});

Deno.test("after a crash of the decoder the next job has a fresh one", async () => {
  await startEngine({ pixelsMax: 10_000 });
  const bmp = makeBmp(50, 50, quarters(50, 50));
  const picture = Picture.decode(bmp, readImageHeader(bmp), ALONE);
  const before = engineGeneration();
  const crash = new WebAssembly.RuntimeError("memory access out of bounds");
  const job = asJobError(crash, "The BMP image cannot be decoded");
  assert.ok(job instanceof PermanentJobError);
  assert.match(job.message, /the decoder crashed on it \(memory access out of bounds\)/);
  assert.notEqual(engineGeneration(), before);
  picture[Symbol.dispose](); // its memory is gone: this touches nothing

  await startEngine({ pixelsMax: 10_000 });
  using again = Picture.decode(bmp, readImageHeader(bmp), ALONE);
  assert.equal(again.width, 50);
  // The policy of the first start holds in the second.
  assert.throws(
    () => ImageMagick.read(text("<svg/>"), MagickFormat.Svg, () => {}),
    /NotAuthorized/,
  );
});
