/**
 * Tells what bytes are by how they begin. The declared type of a source is never believed: a
 * decoder is chosen from the bytes alone, and only from the formats that we accept.
 *
 * @module
 */

import type { SourceFormat } from "./payload.ts";

/** Either a format that we decode, or a few words for what was found instead. */
export type Signature =
  | { readonly kind: "image"; readonly format: SourceFormat }
  | { readonly kind: "other"; readonly description: string };

/** Names what `bytes` hold. Reads at most the first kilobyte. */
export function readSignature(bytes: Uint8Array): Signature {
  if (bytes.length === 0) return other("nothing: it is empty");
  for (const [format, matches] of imageSignatures) {
    if (matches(bytes)) return { kind: "image", format };
  }
  for (const [prefix, description] of otherSignatures) {
    if (startsWith(bytes, prefix)) return other(description);
  }
  if (latin1(bytes, 4, 4) === "ftyp") return other("a video or another ISO media file");
  return other(describeText(bytes) ?? `data of an unknown kind (first bytes ${hex(bytes)})`);
}

/** Brands of ISO base media files whose pictures we decode. */
const avifBrands = ["avif", "avis"];
const heicBrands = ["heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1"];

const imageSignatures: readonly [SourceFormat, (bytes: Uint8Array) => boolean][] = [
  ["png", (bytes) => startsWith(bytes, "\x89PNG\r\n\x1a\n")],
  ["jpeg", (bytes) => startsWith(bytes, "\xff\xd8\xff")],
  ["gif", (bytes) => startsWith(bytes, "GIF87a") || startsWith(bytes, "GIF89a")],
  ["webp", (bytes) => startsWith(bytes, "RIFF") && latin1(bytes, 8, 4) === "WEBP"],
  ["tiff", (bytes) => ["II*\0", "MM\0*", "II+\0", "MM\0+"].some((p) => startsWith(bytes, p))],
  // "BM" alone begins many a text, so the size of the second header is looked at too.
  ["bmp", (bytes) => startsWith(bytes, "BM") && bytes[15] === 0 && (bytes[14] ?? 0) >= 12],
  ["avif", (bytes) => fileBrands(bytes).some((brand) => avifBrands.includes(brand))],
  ["heic", (bytes) => fileBrands(bytes).some((brand) => heicBrands.includes(brand))],
];

const otherSignatures: readonly [string, string][] = [
  ["%PDF", "a PDF document"],
  ["%!PS", "a PostScript document"],
  ["PK\x03\x04", "a ZIP archive or an office document"],
  ["\x1f\x8b", "gzip-compressed data"],
  ["\x28\xb5\x2f\xfd", "zstd-compressed data"],
  ["8BPS", "a Photoshop document"],
  ["\0\0\x01\0", "a Windows icon"],
  ["\xff\x0a", "a JPEG XL image"],
  ["\0\0\0\x0cJXL ", "a JPEG XL image"],
  ["\0\0\0\x0cjP  ", "a JPEG 2000 image"],
  ["qoif", "a QOI image"],
  ["\x7fELF", "a program"],
  ["MZ", "a program"],
];

function describeText(bytes: Uint8Array): string | undefined {
  const head = bytes.subarray(0, 1024);
  // Control characters other than tab, line feed, form feed and return do not occur in text.
  if (head.some((byte) => byte < 9 || (byte > 13 && byte < 32) || byte === 11)) return undefined;
  const text = new TextDecoder().decode(head).replace(/^\ufeff/, "").trimStart();
  if (/<svg[\s>]/i.test(text)) return "an SVG drawing, which is a program rather than pixels";
  if (/^(<!doctype html|<html|<head|<body)/i.test(text)) return `an HTML page (${quote(text)})`;
  if (text.startsWith("<")) return `an XML document (${quote(text)})`;
  if (/^[{[]/.test(text)) return `JSON (${quote(text)})`;
  return `text (${quote(text)})`;
}

function fileBrands(bytes: Uint8Array): string[] {
  if (latin1(bytes, 4, 4) !== "ftyp") return [];
  const size = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0);
  const brands = [latin1(bytes, 8, 4)];
  for (let at = 16; at + 4 <= Math.min(size, bytes.length, 256); at += 4) {
    brands.push(latin1(bytes, at, 4));
  }
  return brands;
}

function other(description: string): Signature {
  return { kind: "other", description };
}

function startsWith(bytes: Uint8Array, prefix: string): boolean {
  return latin1(bytes, 0, prefix.length) === prefix;
}

/** `length` bytes as characters of the same code, fewer where the bytes end. */
export function latin1(bytes: Uint8Array, at: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + length));
}

function hex(bytes: Uint8Array): string {
  return [...bytes.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 40));
}
