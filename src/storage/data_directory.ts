/** The directory that holds one node's files. */

import { accessSync, constants, mkdirSync, statSync } from "node:fs";
import { DataDirectoryRefused } from "./storage_failure.ts";

/**
 * Makes sure that `path` is a directory this process can write in; makes it, for its owner alone, if
 * there is none.
 *
 * @throws {DataDirectoryRefused} with a sentence for the operator
 */
export function createDataDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    if (!statSync(path).isDirectory()) throw notDirectory(path);
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    if (cause instanceof DataDirectoryRefused) throw cause;
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code === "EEXIST" || code === "ENOTDIR") throw notDirectory(path, cause);
    if (code === "EACCES" || code === "EPERM" || code === "EROFS") {
      throw new DataDirectoryRefused(
        `Cannot use data directory "${path}": this process may not write there (${code}); ` +
          "change its owner or mode, or choose another directory",
        { cause },
      );
    }
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new DataDirectoryRefused(`Cannot make data directory "${path}": ${detail}`, { cause });
  }
}

function notDirectory(path: string, cause?: unknown): DataDirectoryRefused {
  return new DataDirectoryRefused(
    `Cannot use data directory "${path}": it, or a part of its path, is a file`,
    { cause },
  );
}
