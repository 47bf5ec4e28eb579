/**
 * The program as a few files of JavaScript that need no package: what is put under a runtime
 * (scripts/build.ts), and what `.ci/run` lets its tests start, since it starts sooner than the sources.
 * `deno run -A scripts/build/bundle.ts DIRECTORY` writes it there.
 *
 * @module
 */

import wasm from "@imagemagick/magick-wasm/magick.wasm" with { type: "bytes" };
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { deno } from "./command.ts";
import { commitOf, stampBundle } from "./stamp.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** How src/job_types/image_processing/engine.ts imports it. */
const WASM = "@imagemagick/magick-wasm/magick.wasm";

if (import.meta.main) {
  const [directory] = Deno.args;
  if (directory === undefined) throw new Error("where to? deno run -A bundle.ts DIRECTORY");
  await writeBundle(directory);
}

/** Writes `main.js` and what it imports into `directory`. @throws Error when it cannot be bundled */
export async function writeBundle(directory: string): Promise<void> {
  const { success, stderr } = await deno(
    [
      // The last option must not be one that takes several values, such as --external.
      ...["bundle", "--external", "*.wasm", "--quiet", "--platform", "deno"],
      ...["--code-splitting", "--outdir", directory],
    ],
    "main.ts",
  );
  if (!success) throw new Error(`deno bundle failed:\n${stderr.trim()}`);
  await writeWasm(directory);
  await stampBundle(directory, await commitOf(ROOT));
}

/**
 * Puts the images' codecs beside the bundle. Inside of it they would be 20 MB of text, which the
 * runtime parses at every start, for whatever command.
 */
async function writeWasm(directory: string): Promise<void> {
  const from = `import wasm from "${WASM}" with`;
  let importers = 0;
  for await (const { name } of Deno.readDir(directory)) {
    const path = join(directory, name);
    const text = await Deno.readTextFile(path);
    if (!text.includes(from)) continue;
    await Deno.writeTextFile(path, text.replace(from, `import wasm from "./magick.wasm" with`));
    importers++;
  }
  if (importers !== 1) throw new Error(`${importers} files of the bundle import ${WASM}, not one`);
  await Deno.writeFile(join(directory, "magick.wasm"), wasm);
}
