// @ts-check
/** From values to the lines of a chart, in its own units. */

export const WIDTH = 600;
export const HEIGHT = 140;

/**
 * The scale's end: 1, 2 or 5 times a power of ten, at or above every value.
 *
 * @param {readonly { values: readonly (number | null)[] }[]} series
 */
export function topOf(series) {
  let most = 0;
  for (const { values } of series) {
    for (const value of values) if (value !== null && value > most) most = value;
  }
  if (most === 0) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  const factor = [1, 2, 5, 10].find((each) => each * power >= most) ?? 10;
  return factor * power;
}

/**
 * The lines of a series: where values are missing there is a gap.
 *
 * @param {readonly (number | null)[]} values
 * @param {number} top
 */
export function linesOf(values, top) {
  /** @type {{ d: string, from: number, to: number }[]} */
  const lines = [];
  let isOpen = false;
  values.forEach((value, index) => {
    if (value === null || value === undefined) {
      isOpen = false;
      return;
    }
    const x = round(values.length < 2 ? WIDTH : (index / (values.length - 1)) * WIDTH);
    const y = round(HEIGHT - (value / top) * HEIGHT);
    const line = lines.at(-1);
    if (isOpen && line !== undefined) {
      line.d += `L${x} ${y}`;
      line.to = x;
    } else lines.push({ d: `M${x} ${y}h.1`, from: x, to: x });
    isOpen = true;
  });
  return lines;
}

/** @param {number} value */
function round(value) {
  return Math.round(value * 10) / 10;
}
