/**
 * Files of the worker's host that a job may read: regular files below the directories that the
 * worker's owner named, whatever links lie on the way.
 *
 * @module
 */

import { constants } from "node:fs";
import { type FileHandle, lstat, open, realpath } from "node:fs/promises";
import { isAbsolute, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { type FileAccess, PermanentJobError } from "./contract.ts";

/** A file opened for reading, from its start to its end. */
export interface LocalFile {
  /** With every link resolved. */
  readonly path: string;
  readonly sizeBytes: number;
  /** Closes the file when it has been read to its end, is cancelled or fails. */
  readonly stream: ReadableStream<Uint8Array>;
  /** Closes the file, read or not. */
  close(): Promise<void>;
}

/** A file may not be read, or there is none. Permanent. */
export class FileRefusedError extends PermanentJobError {
  override name = "FileRefusedError";
}

const CHUNK_BYTES = 64 * 1024;

/**
 * Opens a file by its path or `file:` URL. A relative path counts from the first read root.
 *
 * @throws {FileRefusedError} when it lies outside the read roots, does not exist, or is not a
 * regular file.
 */
export async function openLocalFile(
  pathOrUrl: string | URL,
  access: Pick<FileAccess, "readRoots">,
): Promise<LocalFile> {
  const wanted = pathOf(pathOrUrl);
  const path = await confined(wanted, access.readRoots);
  const info = await lstat(path);
  if (!info.isFile()) throw new FileRefusedError(`${quoted(wanted)} is not a regular file.`);
  // Neither follows a link nor waits for a writer, should the name have changed since the check.
  const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
  const handle = await open(path, flags).catch((cause) => {
    throw new FileRefusedError(`Cannot open ${quoted(wanted)}.`, { cause });
  });
  try {
    const opened = await handle.stat();
    if (!opened.isFile() || opened.ino !== info.ino) {
      throw new FileRefusedError(`${quoted(wanted)} was replaced while it was being opened.`);
    }
    return localFile(path, opened.size, handle);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function localFile(path: string, sizeBytes: number, handle: FileHandle): LocalFile {
  let closing: Promise<void> | undefined;
  const close = () => closing ??= handle.close();
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const buffer = new Uint8Array(CHUNK_BYTES);
        const { bytesRead } = await handle.read(buffer, 0, CHUNK_BYTES);
        if (bytesRead > 0) return controller.enqueue(buffer.subarray(0, bytesRead));
        await close();
        controller.close();
      } catch (error) {
        await close();
        throw error;
      }
    },
    cancel: close,
  }, { highWaterMark: 0 });
  return { path, sizeBytes, stream, close };
}

function pathOf(pathOrUrl: string | URL): string {
  const text = typeof pathOrUrl === "string" ? pathOrUrl : pathOrUrl.href;
  if (text.includes("\0")) throw new FileRefusedError("The file's path holds a NUL character.");
  if (!/^file:/i.test(text)) return text;
  try {
    return fileURLToPath(text);
  } catch (cause) {
    throw new FileRefusedError(
      `${quoted(text)} is not a file of this host; write it such as file:///data/table.csv.`,
      { cause },
    );
  }
}

/** The real path of `wanted`, once it is known to lie in one of `roots`. */
async function confined(wanted: string, roots: readonly string[]): Promise<string> {
  const [firstRoot] = roots;
  if (firstRoot === undefined) {
    throw new FileRefusedError(
      `${quoted(wanted)} is a file, and this worker lets jobs read none. ` +
        "Name the directories they may read in jobs.file_read_roots, or serve the file by https.",
    );
  }
  const outside = new FileRefusedError(
    `${quoted(wanted)} does not exist within the directories that jobs of this worker may read ` +
      `(${roots.join(", ")}).`,
  );
  // What lies outside and what does not exist get one answer, so that a job cannot probe the host.
  const path = await realPathOrNothing(
    isAbsolute(wanted) ? resolve(wanted) : resolve(firstRoot, wanted),
  );
  if (path === undefined) throw outside;
  for (const root of roots) {
    const realRoot = await realPathOrNothing(root);
    if (realRoot !== undefined && isWithin(path, realRoot)) return path;
  }
  throw outside;
}

async function realPathOrNothing(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch {
    return undefined;
  }
}

function isWithin(path: string, root: string): boolean {
  const way = relative(root, path);
  return way !== "" && way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

function quoted(path: string): string {
  return JSON.stringify(path);
}
