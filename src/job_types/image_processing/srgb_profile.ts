/**
 * The colour profile of sRGB, put together from its definition (IEC 61966-2-1) as ICC.1:2010 lays a
 * matrix profile out: what colours are converted to.
 *
 * @module
 */

/** Primaries and white, adapted to D50 as ICC wants them, in XYZ. */
const TRISTIMULI = {
  wtpt: [0.9642, 1, 0.8249],
  rXYZ: [0.43607, 0.22249, 0.01392],
  gXYZ: [0.38515, 0.71687, 0.09708],
  bXYZ: [0.14307, 0.06061, 0.7141],
} as const;

/** g, a, b, c, d of the curve: Y = (aX + b)^g for X >= d, cX below. */
const CURVE = [2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045] as const;

const HEADER_BYTES = 128;

/** Makes the profile's bytes. */
export function srgbProfile(): Uint8Array {
  const curve = [...ascii("para\0\0\0\0"), 0, 3, 0, 0, ...CURVE.flatMap(fixed)];
  const tags: [string, number[]][] = [
    ["desc", localized("sRGB")],
    ["cprt", localized("CC0")],
    ...Object.entries(TRISTIMULI).map(([tag, xyz]): [string, number[]] => [
      tag,
      [...ascii("XYZ \0\0\0\0"), ...xyz.flatMap(fixed)],
    ]),
    ["rTRC", curve],
    ["gTRC", curve],
    ["bTRC", curve],
  ];
  const table = uint32(tags.length);
  const contents: number[] = [];
  const contentsAt = HEADER_BYTES + 4 + tags.length * 12;
  for (const [tag, content] of tags) {
    table.push(...ascii(tag), ...uint32(contentsAt + contents.length), ...uint32(content.length));
    contents.push(...content, ...new Array(-content.length & 3).fill(0));
  }
  const bytes = new Uint8Array(contentsAt + contents.length);
  bytes.set(uint32(bytes.length));
  bytes.set([4, 0x20], 8); // version 4.2
  bytes.set(ascii("mntrRGB XYZ "), 12);
  bytes.set(ascii("acsp"), 36);
  bytes.set(TRISTIMULI.wtpt.flatMap(fixed), 68);
  bytes.set([...table, ...contents], HEADER_BYTES);
  return bytes;
}

/** A multiLocalizedUnicodeType of one record, in English. */
function localized(text: string): number[] {
  const units = [...text].flatMap((character) => [0, character.charCodeAt(0)]);
  return [
    ...ascii("mluc\0\0\0\0"),
    ...uint32(1),
    ...uint32(12),
    ...ascii("enUS"),
    ...uint32(units.length),
    ...uint32(28),
    ...units,
  ];
}

/** s15Fixed16Number. */
function fixed(value: number): number[] {
  return uint32(Math.round(value * 65_536));
}

function uint32(value: number): number[] {
  return [24, 16, 8, 0].map((bits) => (value >>> bits) & 0xff);
}

function ascii(text: string): number[] {
  return [...text].map((character) => character.charCodeAt(0));
}
