/** Files that are for the user alone whose process makes them: what is in them is in the clear. */

import { chmodSync, closeSync, existsSync, openSync, statSync } from "node:fs";

const MODE = 0o600;
const OTHERS = 0o077;
/** Of a file of somebody else's, and of file systems that keep no modes or cannot be written. */
const CANNOT_BE_MENDED: ReadonlySet<unknown> = new Set(["EPERM", "EROFS", "ENOTSUP", "ENOSYS"]);

/**
 * Makes the file at `path`, empty, if there is none: SQLite by itself would make one as the umask lets
 * it, and whoever opened that before its mode is changed could go on reading. One that is there is
 * closed to others.
 *
 * Only before SQLite has opened it, since closing any descriptor of a file ends the process's locks on it.
 */
export function makePrivate(path: string): void {
  if (existsSync(path)) closeToOthers(path);
  else closeSync(openSync(path, "a", MODE));
}

/**
 * Takes the rights of others away from a file that an older program made, or that was copied without its
 * mode; no file is fine too. Where that cannot be, the file stays as its owner or its file system has it.
 */
export function closeToOthers(path: string): void {
  const mode = statSync(path, { throwIfNoEntry: false })?.mode ?? 0;
  if ((mode & OTHERS) === 0) return;
  try {
    chmodSync(path, MODE);
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause && CANNOT_BE_MENDED.has(cause.code))) {
      throw cause;
    }
  }
}
