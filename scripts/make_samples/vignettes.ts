/**
 * The smaller pictures of the sample site: a contour map, a mended fabric and the moon's phases.
 *
 * @module
 */

import { clamp, fractalNoise, hash, mix, smoothstep } from "./noise.ts";

type Color = readonly [red: number, green: number, blue: number];

/** A hiking map: a lake, brown contour lines every 20 m, woods and a dashed path. */
export function paintMap(width: number, height: number): Uint8Array {
  const heightAt = (x: number, y: number) =>
    fractalNoise((x / width) * 2.6 + 4.2, (y / width) * 2.6 + 1.4, 5, 901) * 900;
  return paint(width, height, (x, y) => {
    const here = heightAt(x, y);
    const rise = Math.hypot(heightAt(x + 1, y) - here, heightAt(x, y + 1) - here) + 1e-6;
    // Distance to the nearest line in pixels, whatever the steepness.
    const toLine = (interval: number) =>
      Math.abs(here / interval - Math.round(here / interval)) * interval / rise;
    const paper: Color = [246, 243, 232];
    const isLake = here < 355;
    const woods = smoothstep(505, 475, here) * smoothstep(375, 385, here);
    let color = isLake ? [186, 215, 232] as Color : between(paper, [209, 226, 186], woods);
    if (!isLake) {
      color = between(color, [172, 120, 70], 0.55 * (1 - smoothstep(0.35, 1.1, toLine(20))));
      color = between(color, [150, 92, 48], 0.85 * (1 - smoothstep(0.7, 1.6, toLine(100))));
    }
    color = between(color, [64, 120, 168], 1 - smoothstep(0.8, 1.8, Math.abs(here - 355) / rise));
    const path = y - height * (0.42 + 0.2 * Math.sin(x / width * 5) + 0.08 * Math.sin(x / 31));
    const dash = x % 22 < 14 ? 1 : 0;
    const onPath = dash * (1 - smoothstep(1.2, 2.2, Math.abs(path) * 0.75));
    return between(color, [176, 40, 46], isLake ? 0 : onPath);
  });
}

/** Orange ripstop with a round patch, sewn on. */
export function paintPatch(width: number, height: number): Uint8Array {
  return paint(width, height, (x, y) => {
    const [dx, dy] = [x - width * 0.53, y - height * 0.5];
    const [radius, angle] = [Math.hypot(dx, dy), Math.atan2(dy, dx)];
    const edge = height * 0.3;
    const isPatch = radius < edge;
    const base: Color = isPatch ? [44, 78, 104] : [208, 98, 34];
    const weave = 0.88 + 0.07 * Math.sin(x * 1.7) * Math.sin(y * 1.7) + 0.05 * hash(x, y, 911);
    const rib = x % 24 < 2 || y % 24 < 2 ? 0.12 : 0;
    const fold = 0.75 + 0.5 * fractalNoise(x / 190 + y / 400, y / 230, 4, 913);
    const shadow = isPatch ? 0 : 0.35 * smoothstep(edge * 1.09, edge, radius);
    const stitch = Math.abs(radius - edge * 0.92) < 2 && Math.sin(angle * 44) > -0.2 ? 1 : 0;
    const light = (weave + rib) * fold * (1 - shadow) * (0.8 + 0.35 * (1 - y / height));
    return between([base[0] * light, base[1] * light, base[2] * light], [236, 226, 200], stitch);
  });
}

/** The moon's disc at `phase`, from 0 (new) over 0.5 (full) to 1. */
export function paintMoon(side: number, phase: number): Uint8Array {
  const sun = phase * 2 * Math.PI;
  return paint(side, side, (x, y) => {
    const [u, v] = [(x + 0.5) / side * 2.3 - 1.15, (y + 0.5) / side * 2.3 - 1.15];
    const inside = 1 - u * u - v * v;
    const night: Color = [10, 13, 26];
    if (inside <= 0) return hash(x, y, 921) > 0.994 ? [150, 155, 180] : night;
    const depth = Math.sqrt(inside);
    const lit = smoothstep(-0.04, 0.22, Math.sin(sun) * u - Math.cos(sun) * depth);
    const seas = smoothstep(0.46, 0.62, fractalNoise(u * 1.9 + 7, v * 1.9 + 3, 4, 923));
    const dust = fractalNoise(u * 9, v * 9, 4, 925);
    const grey = (232 - 92 * seas) * (0.78 + 0.36 * dust);
    const shown = mix(0.1, 1, lit) * smoothstep(0, 0.06, inside);
    return between(night, [grey, grey * 0.98, grey * 0.93], shown);
  });
}

function paint(width: number, height: number, colorAt: (x: number, y: number) => Color) {
  const pixels = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const color = colorAt(x, y).map((value) => clamp(Math.round(value), 0, 255));
      pixels.set(color, (y * width + x) * 3);
    }
  }
  return pixels;
}

function between(from: Color, to: Color, amount: number): Color {
  return [mix(from[0], to[0], amount), mix(from[1], to[1], amount), mix(from[2], to[2], amount)];
}
