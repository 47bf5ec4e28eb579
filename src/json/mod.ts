/**
 * JSON that loses nothing on its way through a process.
 *
 * @module
 */

export {
  exactNumber,
  parseBigIntegers,
  parseExactly,
  stringifyBigIntegers,
  withBigIntegers,
} from "./exact_json.ts";
