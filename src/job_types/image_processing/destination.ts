/**
 * Where a finished image goes instead of into the result: a file within the directories that the
 * worker lets jobs write to, or a URL that takes a PUT.
 *
 * @module
 */

import { basename, dirname, extname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { type FileAccess, type GuardedFetch, PermanentJobError } from "../contract.ts";
import { requireSuccess } from "../fetch_error.ts";
import { describeUrl, refuseCredentials } from "../job_url.ts";
import type { OutputFormat } from "./payload.ts";

/** A place that was found acceptable before any work was done. */
export interface Destination {
  /** For the result and for messages: an absolute path, or a URL without secrets. */
  readonly name: string;
  /** What the name's extension asks for; absent when it says nothing about an image. */
  readonly format?: OutputFormat | undefined;
  /** The extension, when it is that of an image in a format that is not written; `.tiff`. */
  readonly foreignExtension?: string | undefined;
  write(bytes: Uint8Array, contentType: string): Promise<void>;
}

/** What {@linkcode openDestination} needs of a job's context. */
export interface DestinationContext {
  readonly files: FileAccess;
  readonly fetch: GuardedFetch;
  readonly signal: AbortSignal;
}

/**
 * Checks `text` and returns where it leads.
 *
 * @throws {PermanentJobError} when it is a path outside the directories that jobs may write to, or
 * a URL of another kind than http, https and file.
 */
export async function openDestination(
  text: string,
  context: DestinationContext,
): Promise<Destination> {
  const scheme = /^([a-z][a-z0-9+.-]+):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme === "http" || scheme === "https") return urlDestination(text, context);
  if (scheme === undefined) return await fileDestination(text, context.files);
  if (scheme === "file") return await fileDestination(pathOf(text), context.files);
  throw new PermanentJobError(
    `The destination ${JSON.stringify(text)} has the scheme ${scheme}; ` +
      "give a file's path or an http or https URL.",
  );
}

function urlDestination(text: string, context: DestinationContext): Destination {
  if (!URL.canParse(text)) {
    throw new PermanentJobError(`The destination ${JSON.stringify(text)} is not a valid URL.`);
  }
  const url = new URL(text);
  refuseCredentials(url);
  // The query of a presigned URL is a secret; results are for more eyes.
  const name = describeUrl(url);
  return {
    name,
    ...meaningOfExtension(url.pathname),
    async write(bytes, contentType) {
      const response = await context.fetch(url, {
        method: "PUT",
        headers: { "content-type": contentType },
        body: bytes,
        signal: context.signal,
      });
      await (await requireSuccess(response)).body.cancel();
    },
  };
}

async function fileDestination(path: string, files: FileAccess): Promise<Destination> {
  const target = await confine(path, files.writeRoots);
  return {
    name: target,
    ...meaningOfExtension(target),
    async write(bytes) {
      await Deno.mkdir(dirname(target), { recursive: true });
      // Again, because directories may have become links since the job began.
      await confine(target, files.writeRoots);
      await replaceFile(target, bytes);
    },
  };
}

/**
 * The path with every link of its directories resolved, once it is known to lie in one of `roots`.
 * A relative path counts from the first root. The last name is not resolved: it is replaced, not
 * followed.
 */
async function confine(path: string, roots: readonly string[]): Promise<string> {
  const [firstRoot] = roots;
  if (firstRoot === undefined) {
    throw new PermanentJobError(
      `The destination ${JSON.stringify(path)} is a file, and this worker lets jobs write none. ` +
        "Name the directories they may write to in jobs.file_write_roots, or give a URL that " +
        "takes a PUT.",
    );
  }
  if (path.includes("\0") || path.endsWith("/") || path.endsWith(sep) || basename(path) === "..") {
    throw new PermanentJobError(`The destination ${JSON.stringify(path)} does not name a file.`);
  }
  const wanted = isAbsolute(path) ? resolve(path) : resolve(firstRoot, path);
  const directory = await readableDirectory(dirname(wanted));
  if (directory !== undefined) {
    const target = join(directory, basename(wanted));
    for (const root of roots) {
      if (!isWithin(target, await realDirectory(root))) continue;
      await requireFileOrNothing(target);
      return target;
    }
  }
  throw new PermanentJobError(
    `The destination ${JSON.stringify(path)} lies outside the directories that jobs of this ` +
      `worker may write to (${roots.join(", ")}).`,
  );
}

/** Undefined for one that this process may not even look at: none of the roots is such. */
async function readableDirectory(path: string): Promise<string | undefined> {
  try {
    return await realDirectory(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
}

/** Resolves the links of the part that exists; what does not exist yet holds none. */
async function realDirectory(path: string): Promise<string> {
  try {
    const real = await Deno.realPath(path);
    if ((await Deno.stat(real)).isDirectory) return real;
    throw new PermanentJobError(`${JSON.stringify(path)} is a file, not a directory.`);
  } catch (error) {
    if (error instanceof Deno.errors.NotADirectory) {
      throw new PermanentJobError(`A part of ${JSON.stringify(path)} is a file, not a directory.`);
    }
    if (!(error instanceof Deno.errors.NotFound) || dirname(path) === path) throw error;
    if (await isDanglingLink(path)) {
      throw new PermanentJobError(`${JSON.stringify(path)} is a link that leads nowhere.`);
    }
    return join(await realDirectory(dirname(path)), basename(path));
  }
}

async function isDanglingLink(path: string): Promise<boolean> {
  const info = await Deno.lstat(path).catch(() => undefined);
  return info?.isSymlink === true;
}

function isWithin(path: string, root: string): boolean {
  const way = relative(root, path);
  return way !== "" && way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

async function requireFileOrNothing(path: string): Promise<void> {
  const info = await Deno.lstat(path).catch(() => undefined);
  if (info === undefined || info.isFile || info.isSymlink) return;
  throw new PermanentJobError(
    `The destination ${JSON.stringify(path)} exists and is not a file.`,
  );
}

/**
 * Writes a new file beside the old and renames it over, so that a reader sees the old content or the
 * new, never half of it. Neither step follows a link.
 */
async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = join(dirname(path), `.conductor-${crypto.randomUUID()}.tmp`);
  try {
    using file = await Deno.open(temporary, { write: true, createNew: true, mode: 0o644 });
    for (let written = 0; written < bytes.length;) {
      written += await file.write(bytes.subarray(written));
    }
    await file.sync();
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {/* it may never have come to be */});
    throw error;
  }
}

function pathOf(url: string): string {
  try {
    return fileURLToPath(url);
  } catch (cause) {
    throw new PermanentJobError(`The destination ${JSON.stringify(url)} is not a valid URL.`, {
      cause,
    });
  }
}

const extensions: Readonly<Record<string, OutputFormat>> = {
  ".png": "png",
  ".jpg": "jpeg",
  ".jpeg": "jpeg",
  ".webp": "webp",
  ".gif": "gif",
  ".avif": "avif",
};

const foreignExtensions: ReadonlySet<string> = new Set(
  [".bmp", ".tif", ".tiff", ".heic", ".heif", ".jxl", ".jp2", ".ico", ".svg", ".pdf", ".psd"],
);

function meaningOfExtension(path: string): Pick<Destination, "format" | "foreignExtension"> {
  const extension = extname(path).toLowerCase();
  return {
    format: extensions[extension],
    foreignExtension: foreignExtensions.has(extension) ? extension : undefined,
  };
}
