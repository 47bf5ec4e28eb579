/**
 * What the program takes along of others, and on which terms: the packages that its modules reach, and
 * the text that goes with every copy of them, `conductor.licenses.txt`.
 *
 * @module
 */

import { join } from "node:path";
import { deno } from "./command.ts";

/** The parts of `deno info --json` that are read. */
export interface ModuleGraph {
  readonly modules: readonly { readonly kind?: string; readonly npmPackage?: string }[];
  readonly npmPackages: Readonly<Record<string, GraphPackage>>;
}

interface GraphPackage {
  readonly dependencies: readonly string[];
  /** Older versions of Deno do not tell it. */
  readonly localPath?: string;
}

/** Where a package lies, by its key in `deno.lock`. */
export type Places = ReadonlyMap<string, string>;

/** A package, and on which terms it is taken along. */
export interface Terms {
  /** As SPDX has it: `MIT`. */
  readonly license: string;
  /** What its authors want to be passed on. */
  readonly texts: readonly string[];
}

/** The packages that the program's modules reach. */
export async function bundledPackages(): Promise<Places> {
  const { success, stdout, stderr } = await deno(["info", "--json"], "main.ts");
  if (!success) throw new Error(`deno info failed:\n${stderr.trim()}`);
  return reached(JSON.parse(stdout));
}

/** Packages that modules import, and what those ask for in turn. */
export function reached({ modules, npmPackages }: ModuleGraph): Places {
  const places = new Map<string, string>();
  const reach = (key: string) => {
    const found = npmPackages[key];
    if (found === undefined) throw new Error(`deno info: ${key} is imported, and is no package`);
    if (places.has(key)) return;
    if (found.localPath === undefined) {
      throw new Error(
        `this Deno does not tell where ${key} lies; build with that of CONTRIBUTING.md`,
      );
    }
    places.set(key, found.localPath);
    found.dependencies.forEach(reach);
  };
  for (const { npmPackage } of modules) if (npmPackage !== undefined) reach(npmPackage);
  return new Map([...places].sort(([one], [other]) => one < other ? -1 : 1));
}

/** @throws Error when a package does not say what its terms are */
export async function termsOf(places: Places): Promise<ReadonlyMap<string, Terms>> {
  const all = new Map<string, Terms>();
  for (const [key, place] of places) {
    const { license } = JSON.parse(await Deno.readTextFile(join(place, "package.json")));
    if (typeof license !== "string") throw new Error(`${key} does not say what its license is`);
    const names: string[] = [];
    for await (const { name, isFile } of Deno.readDir(place)) {
      if (isFile && /^(licen[cs]e|notice|copying)/i.test(name)) names.push(name);
    }
    const texts = names.sort().map((name) => Deno.readTextFileSync(join(place, name)).trim());
    all.set(key, { license, texts });
  }
  return all;
}

/** The text that goes with every copy. What several packages have alike is said once. */
export function noticesOf(terms: ReadonlyMap<string, Terms>, runtime: string): string {
  const keysByText = new Map<string, string[]>();
  for (const [key, { license, texts }] of terms) {
    const text = texts.join("\n\n") || `(The package has no text of its license, ${license}.)`;
    keysByText.set(text, [...keysByText.get(text) ?? [], `${nameOf(key)}: ${license}`]);
  }
  const parts = [...keysByText].map(([text, names]) => `${names.join("\n")}\n\n${text}`);
  return [
    "Conductor is under the MIT license. It contains the following works of others, on their terms.",
    `deno ${runtime}: MIT (https://github.com/denoland/deno/blob/v${runtime}/LICENSE.md)`,
    ...parts,
  ].join(`\n\n${"-".repeat(80)}\n\n`) + "\n";
}

/** Without the peers that it was resolved with. */
function nameOf(key: string): string {
  return /^@?[^@]+@[^_]+/.exec(key)?.[0] ?? key;
}
