/**
 * Files with tokens: an access token or a join token on the first line, a refresh token on the second
 * where there is one. They are secrets, so nobody but their owner may read them.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { exposedMode } from "../security/light.ts";
import { reasonOf } from "./reason.ts";
import { Misuse } from "./failure.ts";

/** What a file with tokens holds. */
export interface TokenFile {
  /** An access token, or one to join with. */
  readonly token: string;
  /** "" when there is none. */
  readonly refreshToken: string;
}

/** Longest file that is read, in bytes: two tokens are far shorter. */
const FILE_BYTES_MAX = 64 * 1024;

/**
 * Reads a file with tokens, anew each time, so that it can be renewed.
 *
 * @throws Misuse when it cannot be read, is open to others than its owner, or holds no token
 */
export function readTokenFile(path: string): TokenFile {
  const text = read(path);
  const lines = text.split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== "");
  const [token, refreshToken = ""] = lines;
  if (token === undefined || lines.length > 2 || lines.some((line) => /\s/.test(line))) {
    throw new Misuse(
      `the token file ${path} must hold a token on its first line and, at most, a refresh token on ` +
        "its second",
    );
  }
  return { token, refreshToken };
}

/**
 * Writes a file with tokens, whole or not at all, readable by its owner alone.
 *
 * @throws Misuse when it cannot be written
 */
export function writeTokenFile(path: string, { token, refreshToken }: TokenFile): void {
  const incoming = join(dirname(path), `.${crypto.randomUUID()}.token`);
  try {
    const text = `${token}\n${refreshToken === "" ? "" : `${refreshToken}\n`}`;
    Deno.writeTextFileSync(incoming, text, { createNew: true, mode: 0o600 });
    Deno.renameSync(incoming, path);
  } catch (cause) {
    removeIfThere(incoming);
    throw new Misuse(`cannot write the token file ${path}: ${reasonOf(cause)}`, { cause });
  }
}

function read(path: string): string {
  let exposed: string | undefined;
  let text: string;
  try {
    // The mode is taken from the opened file, so that it is the mode of what is read.
    using file = Deno.openSync(path, { read: true });
    exposed = exposedMode(file.statSync(), Deno.uid());
    const bytes = new Uint8Array(FILE_BYTES_MAX);
    text = new TextDecoder().decode(bytes.subarray(0, file.readSync(bytes) ?? 0));
  } catch (cause) {
    throw new Misuse(`cannot read the token file ${path}: ${reasonOf(cause)}`, { cause });
  }
  if (exposed !== undefined) {
    throw new Misuse(
      `the token file ${path} can be read by others than its owner (mode ${exposed}): run chmod ` +
        `600 ${path}`,
    );
  }
  return text;
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (failure) {
    if (!(failure instanceof Deno.errors.NotFound)) throw failure;
  }
}
