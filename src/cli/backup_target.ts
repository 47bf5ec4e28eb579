/**
 * Where a backup goes: a file that appears under its name whole or not at all, or stdout.
 *
 * @module
 */

import { dirname, isAbsolute } from "node:path";
import { reasonOf } from "./reason.ts";
import { Misuse, NegativeAnswer } from "./failure.ts";
import { printable, writeBytes } from "./terminal.ts";

/** Takes the bytes of a backup; in the end it is finished or abandoned. */
export interface BackupTarget {
  write(bytes: Uint8Array): Promise<void>;
  /** All was written, and it is whole. */
  finish(): Promise<void>;
  /** It will not be whole: nothing is left of it that can be taken back. */
  abandon(): Promise<void>;
}

/** What was written there is out of our hands; that it is not whole, the exit code says. */
export const STDOUT_TARGET: BackupTarget = {
  write: writeBytes,
  finish: () => Promise.resolve(),
  abandon: () => Promise.resolve(),
};

/** As many symbolic links as Linux follows. */
const LINKS_MAX = 40;

/**
 * The path at which the backup is to appear: a symbolic link is followed, and stays.
 *
 * @param replaces whether a file that is there may be replaced
 * @throws Misuse when there is something that is no regular file, or that may not be replaced
 */
export async function targetPath(
  file: string,
  { replaces }: { readonly replaces: boolean },
): Promise<string> {
  const name = printable(file);
  const present = await infoOf(file, Deno.stat);
  if (present !== undefined && !present.isFile) {
    throw new Misuse(
      `${name} is ${
        kindOf(present)
      }, and a backup is made a regular file; name another, or give - ` +
        "for stdout",
    );
  }
  if (present !== undefined && !replaces) {
    throw new Misuse(`${name} is there already; choose another name, or replace it with --force`);
  }
  return await followed(file);
}

/** A file beside `path`, readable by its owner alone, which takes that name when it is finished. */
export class FileTarget implements BackupTarget {
  /** What the user calls it. */
  readonly #name: string;
  readonly #path: string;
  readonly #partial: string;
  #open: Deno.FsFile | undefined;

  private constructor(name: string, path: string) {
    this.#name = name;
    this.#path = path;
    this.#partial = `${path}.partial-${crypto.randomUUID()}`;
  }

  /** @throws NegativeAnswer when it cannot be made */
  static async open(name: string, path: string): Promise<FileTarget> {
    const target = new FileTarget(name, path);
    target.#open = await target.#attempt(() =>
      Deno.open(target.#partial, { write: true, createNew: true, mode: 0o600 })
    );
    return target;
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#attempt(async () => {
      for (let at = 0; at < bytes.byteLength;) {
        at += await this.#open!.write(bytes.subarray(at));
      }
    });
  }

  async finish(): Promise<void> {
    await this.#attempt(async () => {
      await this.#open!.sync();
      this.#close();
      await Deno.rename(this.#partial, this.#path);
      await syncDirectory(dirname(this.#path));
    });
  }

  async abandon(): Promise<void> {
    this.#close();
    try {
      await Deno.remove(this.#partial);
    } catch (failure) {
      if (!(failure instanceof Deno.errors.NotFound)) throw failure;
    }
  }

  #close(): void {
    this.#open?.close();
    this.#open = undefined;
  }

  /** The system's own words name a file that nobody knows of. */
  async #attempt<Result>(act: () => Promise<Result>): Promise<Result> {
    try {
      return await act();
    } catch (cause) {
      throw cannotWrite(this.#name, cause);
    }
  }
}

/** Where a symbolic link leads, whether there is something or not. */
async function followed(file: string): Promise<string> {
  let path = file;
  for (let links = 0; links <= LINKS_MAX; links++) {
    const info = await infoOf(path, Deno.lstat);
    if (info?.isSymlink !== true) return path;
    const target = await Deno.readLink(path);
    // Not normalised: what `..` means behind another link only the system knows.
    path = isAbsolute(target) ? target : `${dirname(path)}/${target}`;
  }
  throw new Misuse(`${printable(file)} is the first of more than ${LINKS_MAX} symbolic links`);
}

async function infoOf(
  path: string,
  look: (path: string) => Promise<Deno.FileInfo>,
): Promise<Deno.FileInfo | undefined> {
  try {
    return await look(path);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    throw cannotWrite(path, cause);
  }
}

function kindOf(info: Deno.FileInfo): string {
  if (info.isDirectory) return "a directory";
  if (info.isCharDevice === true) return "a character device";
  if (info.isBlockDevice === true) return "a block device";
  if (info.isFifo === true) return "a pipe";
  return info.isSocket === true ? "a socket" : "no regular file";
}

function cannotWrite(name: string, cause: unknown): NegativeAnswer {
  return new NegativeAnswer(`cannot write ${printable(name)}: ${reasonOf(cause)}`, { cause });
}

/** Makes the new name durable; Windows has no way to, and needs none. */
async function syncDirectory(path: string): Promise<void> {
  if (Deno.build.os === "windows") return;
  using directory = await Deno.open(path === "" ? "." : path);
  await directory.sync();
}
