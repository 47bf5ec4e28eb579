// @ts-check
/**
 * JSON as it is shown. Numbers keep every digit that they were written with. JavaScript's have about 16, so an
 * id of 64 bits would be shown as that of something else.
 */

/** A number that may be written otherwise by what reads it into a double: long ones, and exponents. */
const LONG_NUMBER = /(?:^|[:,[\s])-?(?:\d[\d.]{15}|\d+(?:\.\d+)?[eE])/;

/**
 * What TypeScript's library has not yet; browsers that have not either show what a number holds.
 *
 * @type {{ rawJSON?: (text: string) => { rawJSON: string }, isRawJSON?: (value: unknown) => boolean }}
 */
const { rawJSON, isRawJSON } = /** @type {any} */ (JSON);

/**
 * What `JSON.parse` gives, but for numbers that would lose digits: see {@linkcode exactNumber}.
 *
 * @param {string} text
 * @returns {unknown}
 */
export function parseExactly(text) {
  return rawJSON !== undefined && LONG_NUMBER.test(text)
    ? JSON.parse(text, /** @type {any} */ (keepDigits))
    : JSON.parse(text);
}

/**
 * The digits of a number that was kept; undefined of anything else.
 *
 * @param {any} value
 * @returns {string | undefined}
 */
export function exactNumber(value) {
  return isRawJSON?.(value) ? value.rawJSON : undefined;
}

/**
 * @param {string} _key
 * @param {unknown} value
 * @param {{ source?: string }} context
 */
function keepDigits(_key, value, { source }) {
  if (typeof value !== "number" || source === undefined) return value;
  return String(value) !== source && LONG_NUMBER.test(source) ? rawJSON?.(source) : value;
}

/**
 * Whether JSON has more levels of lists and objects than `levelsMax`.
 *
 * @param {number} levelsMax
 * @param {string} json
 */
export function isDeeperThan(levelsMax, json) {
  let levels = 0;
  for (let at = 0; at < json.length; at++) {
    const character = json[at];
    if (character === '"') at = endOfText(json, at + 1);
    else if (character === "[" || character === "{") levels++;
    else if (character === "]" || character === "}") levels--;
    if (levels > levelsMax) return true;
  }
  return false;
}

/**
 * Where the quote is that ends the text; the end of it all if there is none.
 *
 * @param {string} json
 * @param {number} begin
 */
function endOfText(json, begin) {
  let at = begin;
  while (at < json.length && json[at] !== '"') at += json[at] === "\\" ? 2 : 1;
  return at;
}
