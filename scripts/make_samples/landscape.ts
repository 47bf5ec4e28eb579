/**
 * Paints a mountain lake at sunset, pixel by pixel: something that has what a photograph has
 * (gradients, fine texture, grain, light and dark) and belongs to nobody.
 *
 * @module
 */

import { clamp, fractalNoise, hash, mix, ridgedNoise, smoothstep } from "./noise.ts";

type Color = [red: number, green: number, blue: number];

/** Where the water begins, as a part of the height. */
const HORIZON = 0.635;

const SUN = { u: 0.615, v: 0.5 };

/** A part of the scene; the whole is from 0 to 1 both ways. */
export interface Frame {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

const WHOLE: Frame = { left: 0, top: 0, right: 1, bottom: 1 };

/** Samples squared, per pixel: 2 smooths edges by four samples. */
const SAMPLES = 2;

/** 24-bit sRGB pixels, row by row. */
export function paintLandscape(width: number, height: number, frame = WHOLE): Uint8Array {
  const pixels = new Uint8Array(width * height * 3);
  const trees = plantTrees();
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const sum: Color = [0, 0, 0];
      for (let sample = 0; sample < SAMPLES * SAMPLES; sample++) {
        const u = (x + ((sample % SAMPLES) + 0.5) / SAMPLES) / width;
        const v = (y + (Math.floor(sample / SAMPLES) + 0.5) / SAMPLES) / height;
        const color = scene(
          mix(frame.left, frame.right, u),
          mix(frame.top, frame.bottom, v),
          trees,
        );
        add(sum, color, 1 / (SAMPLES * SAMPLES));
      }
      const graded = develop(sum, x, y, width, height);
      pixels.set(graded, (y * width + x) * 3);
    }
  }
  return pixels;
}

function scene(u: number, v: number, trees: readonly Tree[]): Color {
  const near = foreground(u, v, trees);
  if (near !== undefined) return near;
  return v < HORIZON ? land(u, v) : water(u, v);
}

/** Sky and mountains: all that the lake mirrors. */
function land(u: number, v: number): Color {
  for (let index = ranges.length - 1; index >= 0; index--) {
    const range = ranges[index]!;
    const ridge = ridgeOf(range, u);
    if (v >= ridge) return slope(range, u, v, ridge);
  }
  return sky(u, v);
}

function sky(u: number, v: number): Color {
  const t = clamp(v / HORIZON);
  const color = gradient(skyStops, t);
  const [dx, dy] = [(u - SUN.u) * 1.5, v - SUN.v];
  const distance = Math.sqrt(dx * dx + dy * dy);
  add(color, [1.0, 0.5, 0.16], 0.55 * Math.exp(-distance * 6.5));
  add(color, [1.0, 0.72, 0.38], 0.7 * Math.exp(-distance * 22));
  const clouded = cloud(color, u, v, distance);
  const disc = 1 - smoothstep(0.0235, 0.0265, distance);
  return blend(clouded, [5.2, 3.5, 1.5], disc);
}

const skyStops: readonly [number, Color][] = [
  [0, [0.035, 0.085, 0.24]],
  [0.3, [0.085, 0.16, 0.36]],
  [0.55, [0.27, 0.27, 0.45]],
  [0.75, [0.68, 0.4, 0.38]],
  [0.88, [0.95, 0.56, 0.3]],
  [1, [1.0, 0.7, 0.38]],
];

function cloud(behind: Color, u: number, v: number, fromSun: number): Color {
  // Seen from below, clouds crowd together towards the horizon.
  const depth = 1 / (HORIZON + 0.1 - v);
  const [x, y] = [u * 2.1 + depth * 0.12, depth * 1.15];
  const swirl = fractalNoise(x * 1.7 + 9, y * 1.7, 3, 71) * 0.7;
  const density = fractalNoise(x * 1.5 + swirl, y * 2.6 + swirl * 0.6, 6, 17);
  const cover = smoothstep(0.5, 0.78, density) * smoothstep(0.0, 0.14, v) *
    (1 - smoothstep(HORIZON - 0.13, HORIZON - 0.02, v));
  // Lit from beneath: the edge towards the sun, below, is thinner and glows.
  const above = fractalNoise(x * 1.5 + swirl, (y + 0.09) * 2.6 + swirl * 0.6, 5, 17);
  const lit = clamp(0.45 + (density - above) * 4.5);
  const warmth = Math.exp(-fromSun * 2.1);
  const dark: Color = [0.2 + 0.25 * warmth, 0.17 + 0.12 * warmth, 0.27];
  const bright: Color = [0.75 + 0.65 * warmth, 0.38 + 0.36 * warmth, 0.36 + 0.02 * warmth];
  return blend(behind, blend(dark, bright, lit), cover * 0.88);
}

/** One row of mountains behind another. */
interface Range {
  readonly seed: number;
  /** Of its lowest valleys, as a part of the height. */
  readonly base: number;
  readonly relief: number;
  readonly frequency: number;
  readonly rock: Color;
  /** How much of the evening's haze lies before it, 0 to 1. */
  readonly haze: number;
  readonly snow: number;
}

const ranges: readonly Range[] = [
  {
    seed: 3,
    base: 0.6,
    relief: 0.36,
    frequency: 1.9,
    rock: [0.135, 0.125, 0.215],
    haze: 0.3,
    snow: 0.8,
  },
  {
    seed: 11,
    base: 0.605,
    relief: 0.22,
    frequency: 3.1,
    rock: [0.075, 0.072, 0.13],
    haze: 0.24,
    snow: 0.25,
  },
  {
    seed: 29,
    base: 0.618,
    relief: 0.13,
    frequency: 4.3,
    rock: [0.034, 0.043, 0.066],
    haze: 0.13,
    snow: 0,
  },
  {
    seed: 47,
    base: 0.632,
    relief: 0.06,
    frequency: 7.5,
    rock: [0.014, 0.026, 0.03],
    haze: 0.04,
    snow: 0,
  },
];

function ridgeOf(range: Range, u: number): number {
  const broad = ridgedNoise(u * range.frequency, range.seed, 6, range.seed);
  // The ranges leave a gap where the sun sets.
  const gap = 1 - 0.62 * Math.exp(-(((u - SUN.u) / 0.16) ** 2));
  const tips = range.snow === 0 ? 0.006 * fractalNoise(u * 210, range.seed, 2, range.seed + 5) : 0;
  return range.base - range.relief * broad * gap - tips;
}

function slope(range: Range, u: number, v: number, ridge: number): Color {
  const below = v - ridge;
  // Gullies run down from the crest; light comes from the sun's side.
  const bend = fractalNoise(u * 11, v * 15, 4, range.seed + 1) * 0.05;
  const relief = (at: number) =>
    ridgedNoise((at + bend) * range.frequency * 4.6, (v + bend) * 17, 6, range.seed + 2);
  const side = clamp((SUN.u - u) / 0.06, -1, 1);
  const light = clamp(0.5 + (relief(u) - relief(u + side * 0.0035)) * 4.5);
  const isForest = range.snow === 0;
  const grain = isForest
    ? fractalNoise(u * 420, v * 150, 3, range.seed + 3) * 1.7 - 1.1
    : fractalNoise(u * 150, v * 150, 4, range.seed + 3) - 0.5;
  const towardsSun = Math.exp(-Math.abs(u - SUN.u) * 2.4);
  let color = scale(range.rock, Math.max(0.2, 0.55 + 0.9 * light + 0.75 * grain));
  const glow = isForest ? 0.1 : 0.25;
  add(color, [0.34, 0.16, 0.07], light * light * towardsSun * (glow + range.haze));
  if (range.snow > 0) {
    const line = 0.085 + 0.07 * fractalNoise(u * 16, v * 16, 4, range.seed + 4);
    const snow = smoothstep(line, line - 0.05, below + (0.5 - light) * 0.06) * range.snow;
    const sunlit = light * light * towardsSun;
    const shade: Color = [
      0.16 + 0.15 * light + 1.15 * sunlit,
      0.19 + 0.2 * light + 0.4 * sunlit,
      0.36,
    ];
    color = blend(color, shade, snow * 0.9);
  }
  const mist = clamp(
    range.haze + 0.75 * smoothstep(range.base - 0.09, range.base + 0.03, v) *
        (0.25 + range.haze),
  );
  const haze: Color = [
    0.34 + 0.62 * towardsSun,
    0.26 + 0.22 * towardsSun,
    0.36 - 0.12 * towardsSun,
  ];
  return blend(color, haze, mist);
}

function water(u: number, v: number): Color {
  const near = (v - HORIZON) / (1 - HORIZON);
  // Waves look longer the nearer they are.
  const distance = 0.045 / (near + 0.02);
  const wave = fractalNoise(u * 9 * (0.4 + distance), 34 * distance + near * 5, 4, 101) - 0.5;
  const ripple = fractalNoise(u * 70 * (0.3 + distance), 260 * distance, 3, 103) - 0.5;
  const calm = 0.2 + 0.8 * smoothstep(0.02, 0.55, near);
  const bent = v + (wave * 0.07 + ripple * 0.035) * calm;
  const mirrored = clamp(2 * HORIZON - bent, 0.02, HORIZON - 0.001);
  const reflection = land(u + (wave * 0.012 + ripple * 0.014) * calm, mirrored);
  // Looking down rather than along it, one sees into the water.
  const depth = smoothstep(0.02, 1.05, near);
  const color = blend(scale(reflection, 0.86), [0.012, 0.038, 0.07], 0.12 + 0.62 * depth);
  const path = Math.exp(-(((u - SUN.u) / (0.018 + 0.085 * near)) ** 2));
  const sparkle = smoothstep(0.02, 0.3, ripple + wave * 0.6);
  add(color, [1.25, 0.68, 0.26], path * sparkle * (0.95 - 0.55 * near));
  const shore = 1 - smoothstep(0, 0.012, near);
  return blend(color, [0.03, 0.04, 0.042], shore * 0.7);
}

interface Tree {
  readonly u: number;
  readonly top: number;
  readonly foot: number;
  readonly seed: number;
}

function plantTrees(): Tree[] {
  const trees: Tree[] = [];
  for (let index = 0; index < 26; index++) {
    const isLeft = index % 5 < 3;
    const along = hash(index, 1, 211) ** 1.35;
    const u = isLeft ? -0.02 + 0.3 * along : 1.02 - 0.2 * along;
    const height = (0.42 - 0.3 * along) * (0.55 + 0.6 * hash(index, 2, 211));
    const foot = bankAt(u) + 0.015;
    trees.push({ u, top: foot - height, foot, seed: index });
  }
  return trees;
}

/** The dark bank in front, highest at both sides. */
function bankAt(u: number): number {
  const rise = 0.25 * Math.exp(-(((u + 0.05) / 0.24) ** 2)) +
    0.16 * Math.exp(-(((u - 1.03) / 0.16) ** 2));
  return 1.035 - rise + 0.02 * (fractalNoise(u * 7, 1, 4, 401) - 0.5);
}

function foreground(u: number, v: number, trees: readonly Tree[]): Color | undefined {
  for (const tree of trees) if (isTree(tree, u, v)) return bark(u, v);
  const blades = 0.028 * fractalNoise(u * 260, 3, 2, 409) ** 2;
  return v > bankAt(u) - blades ? bark(u, v) : undefined;
}

function isTree(tree: Tree, u: number, v: number): boolean {
  const height = tree.foot - tree.top;
  const down = (v - tree.top) / height;
  if (down < 0 || down > 1) return false;
  const across = (u - tree.u) * 1.5 / height;
  if (Math.abs(across) > 0.3) return false;
  if (Math.abs(across) < 0.006 + 0.012 * down) return true;
  // Whorls of branches, each drooping to a fringe of needles.
  const whorls = 19;
  const droop = down - Math.abs(across) * 0.5;
  const phase = droop * whorls + hash(tree.seed, 7, 5) * 3;
  const whorl = Math.floor(phase);
  const side = across > 0 ? 1 : 0;
  const reach = (0.008 + 0.2 * down ** 0.9) * (0.7 + 0.5 * hash(whorl, tree.seed * 2 + side, 307));
  const fringe = 0.75 + 0.5 * fractalNoise(u * 520, v * 520, 2, tree.seed + 500);
  const within = 0.42 + 0.58 * (phase - whorl);
  return down < 0.94 && Math.abs(across) < reach * within * fringe;
}

function bark(u: number, v: number): Color {
  const grain = fractalNoise(u * 180, v * 180, 3, 601);
  const warmth = Math.exp(-Math.abs(u - SUN.u) * 3);
  return [
    0.007 + 0.02 * grain * warmth + 0.006 * grain,
    0.01 + 0.012 * grain,
    0.012 + 0.008 * grain,
  ];
}

/** Exposure, film curve, darker corners and grain. */
function develop(
  color: Color,
  x: number,
  y: number,
  width: number,
  height: number,
): [number, number, number] {
  const [dx, dy] = [x / width - 0.5, y / height - 0.5];
  const exposure = 0.62 * (1 - 0.55 * (dx * dx + dy * dy));
  const grain = (hash(x, y, 701) + hash(x, y, 702) - 1) * 0.011;
  return color.map((value) => {
    const exposed = value * exposure;
    // The "ACES" film curve as K. Narkowicz fitted it.
    const film = (exposed * (2.51 * exposed + 0.03)) / (exposed * (2.43 * exposed + 0.59) + 0.14);
    const shown = clamp(film) ** (1 / 2.2) + grain;
    return Math.round(clamp(shown) * 255);
  }) as [number, number, number];
}

function gradient(stops: readonly [number, Color][], t: number): Color {
  for (let index = 1; index < stops.length; index++) {
    const [start, from] = stops[index - 1]!;
    const [end, to] = stops[index]!;
    if (t <= end) return blend(from, to, smoothstep(start, end, t));
  }
  return [...stops.at(-1)![1]];
}

function blend(from: Color, to: Color, amount: number): Color {
  return [mix(from[0], to[0], amount), mix(from[1], to[1], amount), mix(from[2], to[2], amount)];
}

function scale(color: Color, factor: number): Color {
  return [color[0] * factor, color[1] * factor, color[2] * factor];
}

function add(color: Color, other: Color, factor: number): void {
  color[0] += other[0] * factor;
  color[1] += other[1] * factor;
  color[2] += other[2] * factor;
}
