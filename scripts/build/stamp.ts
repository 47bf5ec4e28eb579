/**
 * The commit in a built program, and the digests beside several.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { COMMIT_PLACEHOLDER } from "../../src/cli/version.ts";

/**
 * The commit of the tree at `root`, with `-dirty` where the tree is not it; "" outside of Git. `given`
 * says it where Git is not there to be asked, as in an image's build.
 */
export async function commitOf(
  root: string,
  given = Deno.env.get("BUILD_COMMIT") ?? "",
): Promise<string> {
  if (given !== "") {
    if (!/^[0-9a-f]{7,64}$/.test(given)) throw new Error(`BUILD_COMMIT is no commit: "${given}"`);
    return given.slice(0, 12);
  }
  const head = await git(root, "rev-parse", "--short=12", "HEAD");
  if (head === "") return "";
  const changes = await git(root, "status", "--porcelain", "--untracked-files=no");
  return changes === "" ? head : `${head}-dirty`;
}

async function git(root: string, ...args: string[]): Promise<string> {
  try {
    const command = new Deno.Command("git", { args: ["-C", root, ...args], stderr: "null" });
    const { success, stdout } = await command.output();
    return success ? new TextDecoder().decode(stdout).trim() : "";
  } catch (failure) {
    // A source archive is built where there is no Git.
    if (failure instanceof Deno.errors.NotFound) return "";
    throw failure;
  }
}

/**
 * Writes the commit into a bundle, in place of what stands for it.
 *
 * @throws Error unless the bundle has exactly one place for it
 */
export async function stampBundle(directory: string, commit: string): Promise<void> {
  let places = 0;
  for await (const { name } of Deno.readDir(directory)) {
    if (!name.endsWith(".js")) continue;
    const path = join(directory, name);
    const text = await Deno.readTextFile(path);
    const parts = text.split(COMMIT_PLACEHOLDER);
    if (parts.length === 1) continue;
    places += parts.length - 1;
    await Deno.writeTextFile(path, parts.join(commit));
  }
  if (places !== 1) throw new Error(`the bundle has ${places} places for the commit, not one`);
}

/** Lines of `sha256sum` for these files of a directory, by name. */
export async function checksumsOf(directory: string, names: readonly string[]): Promise<string> {
  const lines: string[] = [];
  for (const name of [...names].sort()) {
    const hash = createHash("sha256");
    await pipeline(createReadStream(join(directory, name)), hash);
    lines.push(`${hash.digest("hex")}  ${name}\n`);
  }
  return lines.join("");
}
