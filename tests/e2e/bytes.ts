/**
 * Looking for bytes in whatever a node left on its disk.
 *
 * @module
 */

import { join } from "node:path";

/** The file, or every file of the directory. */
export function filesBelow(path: string): string[] {
  if (!Deno.statSync(path).isDirectory) return [path];
  return [...Deno.readDirSync(path)].flatMap(({ name }) => filesBelow(join(path, name)));
}

/** Whether a part stands somewhere in a content. */
export function holds(content: Uint8Array, part: Uint8Array): boolean {
  for (let at = content.indexOf(part[0]!); at >= 0; at = content.indexOf(part[0]!, at + 1)) {
    if (part.every((each, offset) => content[at + offset] === each)) return true;
  }
  return false;
}
