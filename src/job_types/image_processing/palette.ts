/**
 * The colours that an image is made of, as a person would name them: k-means in OKLab, a space in
 * which equal distances look equally different (B. Ottosson, 2020). Without chance: the same pixels
 * give the same palette.
 *
 * @module
 */

/** One colour and how much of the image it stands for. */
export interface PaletteColor {
  /** `#rrggbb`. */
  readonly color: string;
  /** From 0 to 1, of the visible pixels. */
  readonly share: number;
}

/**
 * At most `countMax` colours, the most frequent first; none when every pixel is transparent.
 *
 * @param rgba four bytes a pixel; a pixel counts as much as it is opaque.
 */
export function paletteOf(rgba: Uint8Array, countMax: number): PaletteColor[] {
  const bins = binPixels(rgba);
  let clusters = chooseSeeds(bins, countMax);
  for (let round = 0; round < ROUNDS; round++) clusters = moveToMeans(bins, clusters);
  const total = bins.reduce((sum, bin) => sum + bin.weight, 0);
  return clusters
    .filter((cluster) => cluster.weight > 0)
    .map((cluster) => ({
      color: hexOf(cluster),
      share: Math.round((cluster.weight / total) * 1000) / 1000,
    }))
    .sort((a, b) => b.share - a.share || (a.color < b.color ? -1 : 1));
}

/** Enough for such few bins to settle. */
const ROUNDS = 8;

/** Squared OKLab distance below which two colours are the same to the eye of a palette. */
const SAME_COLOR = 0.008;

/** A weighted mean of colours: sRGB to print, OKLab to compare. */
interface Cluster {
  readonly weight: number;
  readonly rgb: readonly [number, number, number];
  readonly lab: readonly [number, number, number];
}

/** Gathers pixels whose colours agree in the upper four bits. */
function binPixels(rgba: Uint8Array): Cluster[] {
  const sums = new Map<number, [number, number, number, number]>();
  for (let at = 0; at + 3 < rgba.length; at += 4) {
    const [r, g, b, a] = [rgba[at] ?? 0, rgba[at + 1] ?? 0, rgba[at + 2] ?? 0, rgba[at + 3] ?? 0];
    if (a === 0) continue;
    const key = ((r >> 4) << 8) | ((g >> 4) << 4) | (b >> 4);
    const sum = sums.get(key) ?? [0, 0, 0, 0];
    sums.set(key, [sum[0] + a, sum[1] + a * r, sum[2] + a * g, sum[3] + a * b]);
  }
  return [...sums.values()].map(([weight, r, g, b]) =>
    clusterAt([r / weight, g / weight, b / weight], weight)
  );
}

/** The heaviest bin, then again and again the one with most weight far from all chosen. */
function chooseSeeds(bins: readonly Cluster[], countMax: number): Cluster[] {
  const seeds: Cluster[] = [];
  while (seeds.length < countMax) {
    let best: Cluster | undefined;
    let bestScore = 0;
    for (const bin of bins) {
      const distance = Math.min(1, ...seeds.map((seed) => distanceBetween(seed, bin)));
      const score = distance < SAME_COLOR ? 0 : bin.weight * distance;
      if (score > bestScore) [best, bestScore] = [bin, score];
    }
    if (best === undefined) break;
    seeds.push(best);
  }
  return seeds;
}

function moveToMeans(bins: readonly Cluster[], clusters: readonly Cluster[]): Cluster[] {
  const sums = clusters.map(() => [0, 0, 0, 0] as [number, number, number, number]);
  for (const bin of bins) {
    let nearest = 0;
    clusters.forEach((cluster, index) => {
      const current = clusters[nearest];
      if (current && distanceBetween(cluster, bin) < distanceBetween(current, bin)) nearest = index;
    });
    const sum = sums[nearest];
    if (sum === undefined) continue;
    sum[0] += bin.weight;
    bin.rgb.forEach((value, channel) => sum[channel + 1]! += bin.weight * value);
  }
  return sums.flatMap(([weight, r, g, b]) =>
    weight > 0 ? [clusterAt([r / weight, g / weight, b / weight], weight)] : []
  );
}

function clusterAt(rgb: [number, number, number], weight: number): Cluster {
  return { rgb, weight, lab: oklabOf(rgb) };
}

function distanceBetween(a: Cluster, b: Cluster): number {
  return (a.lab[0] - b.lab[0]) ** 2 + (a.lab[1] - b.lab[1]) ** 2 + (a.lab[2] - b.lab[2]) ** 2;
}

function oklabOf(rgb: readonly [number, number, number]): [number, number, number] {
  const [r, g, b] = [linear(rgb[0]), linear(rgb[1]), linear(rgb[2])];
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s,
  ];
}

function linear(value: number): number {
  const unit = value / 255;
  return unit <= 0.04045 ? unit / 12.92 : ((unit + 0.055) / 1.055) ** 2.4;
}

function hexOf({ rgb }: Cluster): string {
  return `#${rgb.map((value) => Math.round(value).toString(16).padStart(2, "0")).join("")}`;
}
