/**
 * The attempts' own directories, below a worker's: whatever an attempt leaves in its own goes with it,
 * and what an earlier life of the worker left behind goes when the next one begins.
 *
 * @module
 */

import { join } from "node:path";

/** Tries to remove a directory in which something may still be being written. */
const REMOVALS_MAX = 5;

/**
 * Makes the directory of attempts if there is none, and empties it. Only for who has claimed it: then
 * what is in there belongs to nobody.
 *
 * @returns how many attempts had left something.
 */
export async function clearAttempts(root: string): Promise<number> {
  await Deno.mkdir(root, { recursive: true, mode: 0o700 });
  const names = [...Deno.readDirSync(root)].map(({ name }) => name);
  for (const name of names) await removeAttempt(join(root, name));
  return names.length;
}

/** Removes an attempt's directory, if it has made one. */
export async function removeAttempt(directory: string): Promise<void> {
  for (let tries = 1;; tries++) {
    try {
      return await Deno.remove(directory, { recursive: true });
    } catch (failure) {
      if (failure instanceof Deno.errors.NotFound) return;
      if (tries === REMOVALS_MAX) throw failure;
      if (failure instanceof Deno.errors.PermissionDenied) await unlock(directory);
    }
  }
}

/** A job may have taken its own right to change a directory away. */
async function unlock(directory: string): Promise<void> {
  await Deno.chmod(directory, 0o700);
  for await (const entry of Deno.readDir(directory)) {
    if (entry.isDirectory) await unlock(join(directory, entry.name));
  }
}
