/**
 * How deeply JSON from elsewhere is nested, before it is parsed: a megabyte of nothing but brackets takes
 * its parser, and whoever walks over what came of it, seconds, in which nothing else of a worker runs.
 *
 * @module
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * Whether JSON has more levels of lists and objects than `levelsMax`, in one pass that ends at the level
 * that is too many. Of what is no JSON the parser says so.
 */
export function isDeeperThan(levelsMax: number, json: string): boolean {
  if (json.length <= levelsMax) return false; // a level takes a character
  let levels = 0;
  for (let at = 0; at < json.length; at++) {
    switch (json.charCodeAt(at)) {
      case QUOTE:
        at = endOfText(json, at + 1);
        break;
      case 0x5b: // [
      case 0x7b: // {
        if (++levels > levelsMax) return true;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        levels--;
    }
  }
  return false;
}

/** Where the quote is that ends the text; the end of it all if there is none. */
function endOfText(json: string, begin: number): number {
  let at = begin;
  for (; at < json.length; at++) {
    const unit = json.charCodeAt(at);
    if (unit === QUOTE) break;
    if (unit === BACKSLASH) at++;
  }
  return at;
}
