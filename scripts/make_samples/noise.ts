/**
 * Smooth randomness without chance: the same place gives the same value.
 *
 * @module
 */

/** A number from 0 to 1 that belongs to two integers and a seed; an integer hash after Wang. */
export function hash(x: number, y: number, seed: number): number {
  let value = Math.imul(x, 374_761_393) ^ Math.imul(y, 668_265_263) ^
    Math.imul(seed, 2_147_483_647 - 1_274_126_177);
  value = Math.imul(value ^ (value >>> 13), 1_274_126_177);
  value = Math.imul(value ^ (value >>> 16), 2_246_822_519);
  return ((value ^ (value >>> 15)) >>> 0) / 4_294_967_295;
}

/** Value noise between the hashes of the four integer places around; 0 to 1. */
function noise(x: number, y: number, seed: number): number {
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const [fx, fy] = [ease(x - left), ease(y - top)];
  const upper = mix(hash(left, top, seed), hash(left + 1, top, seed), fx);
  const lower = mix(hash(left, top + 1, seed), hash(left + 1, top + 1, seed), fx);
  return mix(upper, lower, fy);
}

/** Octaves of noise, each of half the size and half the weight; 0 to 1, about 0.5. */
export function fractalNoise(x: number, y: number, octaves: number, seed: number): number {
  let [sum, weight, total] = [0, 1, 0];
  for (let octave = 0; octave < octaves; octave++) {
    sum += weight * noise(x, y, seed + octave * 101);
    total += weight;
    // Turned from octave to octave, so that the grid does not show.
    [x, y] = [1.62 * x + 1.19 * y + 3.1, -1.19 * x + 1.62 * y + 7.7];
    weight *= 0.5;
  }
  return sum / total;
}

/** Noise folded at its middle, which gives crests; 0 to 1. */
export function ridgedNoise(x: number, y: number, octaves: number, seed: number): number {
  let [sum, weight, total] = [0, 1, 0];
  for (let octave = 0; octave < octaves; octave++) {
    const crest = 1 - Math.abs(2 * noise(x, y, seed + octave * 101) - 1);
    sum += weight * crest * crest;
    total += weight;
    [x, y] = [x * 2.03 + 5.3, y * 2.03 + 1.7];
    weight *= 0.48;
  }
  return sum / total;
}

/** Numbers from 0 to 1 one after the other, from a seed: mulberry32. */
export function sequence(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Within bounds, 0 and 1 when none are given. */
export function clamp(value: number, low = 0, high = 1): number {
  return Math.min(high, Math.max(low, value));
}

/** From `from` at 0 to `to` at 1. */
export function mix(from: number, to: number, amount: number): number {
  return from + (to - from) * amount;
}

/** 0 up to `start`, 1 from `end` on, smooth between; `start` may be the greater. */
export function smoothstep(start: number, end: number, value: number): number {
  return ease(clamp((value - start) / (end - start)));
}

function ease(t: number): number {
  return t * t * (3 - 2 * t);
}
