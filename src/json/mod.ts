/**
 * JSON from elsewhere: that it loses nothing on its way through a process, and holds nobody up.
 *
 * @module
 */

export {
  exactNumber,
  KEEPS_DIGITS,
  parseBigIntegers,
  parseExactly,
  stringifyBigIntegers,
  stringifyExactly,
  withBigIntegers,
} from "./exact_json.ts";
export { isDeeperThan } from "./json_depth.ts";
export { lostKindOf, lostWithin } from "./lost_kind.ts";
