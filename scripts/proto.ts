/**
 * `deno task proto`: lints the .proto files, proves that the original system's clients still fit, and
 * regenerates `src/rpc/gen`. With `--check` it writes nothing and fails when the committed code is
 * not what would be generated.
 *
 * @module
 */

import { dirname, join, relative } from "node:path";
import { fileURLToPath as fromFileUrl } from "node:url";

const BUF = "npm:@bufbuild/buf@1.74.0";
const ROOT = dirname(dirname(fromFileUrl(import.meta.url)));
const PROTO = join(ROOT, "proto");
const GENERATED = join(ROOT, "src", "rpc", "gen");

async function buf(...args: string[]): Promise<void> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-lock", "--quiet", BUF, ...args],
    cwd: PROTO,
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  if (!success) {
    console.error(`proto: buf ${args[0]} failed`);
    Deno.exit(1);
  }
}

/** Files below a directory with their text, by path relative to it. */
async function textsBelow(directory: string): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  const visit = async (path: string) => {
    for await (const entry of Deno.readDir(path)) {
      const child = join(path, entry.name);
      if (entry.isDirectory) await visit(child);
      else texts.set(relative(directory, child), await Deno.readTextFile(child));
    }
  };
  await visit(directory);
  return texts;
}

/** Paths that are in one and not the same in the other. */
function differences(left: Map<string, string>, right: Map<string, string>): string[] {
  const paths = new Set([...left.keys(), ...right.keys()]);
  return [...paths].filter((path) => left.get(path) !== right.get(path)).sort();
}

if (import.meta.main) {
  await buf("lint");
  await buf("breaking", "--against", join(ROOT, "tests", "compatibility", "original_proto"));
  if (Deno.args.includes("--check")) {
    const scratch = await Deno.makeTempDir({ prefix: "conductor-proto-" });
    try {
      // buf.gen.yaml's `out` is relative to the working directory, so `--output` moves it.
      await buf("generate", "--output", join(scratch, "a"));
      const stale = differences(
        await textsBelow(join(scratch, "src/rpc/gen")),
        await textsBelow(GENERATED),
      );
      if (stale.length > 0) {
        console.error(
          `proto: generated code is not current: ${stale.join(", ")}; run "deno task proto"`,
        );
        Deno.exit(1);
      }
    } finally {
      await Deno.remove(scratch, { recursive: true });
    }
  } else {
    await Deno.remove(GENERATED, { recursive: true });
    await buf("generate");
  }
}
