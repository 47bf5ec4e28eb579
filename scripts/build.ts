/**
 * `deno task build`: one file, `dist/conductor`, with the runtime and the program in it, and beside it
 * what that is made of, `dist/conductor.cdx.json`, and on which terms, `dist/conductor.licenses.txt`.
 *
 * The program is bundled first, because `deno compile` of the sources takes whole packages with it
 * (and overflows its stack on the folders of one). It then puts the bundle under a runtime, denort,
 * which it downloads unless `DENORT_BIN` names one. Where that cannot be had, the build says so in
 * one line and writes a self-extracting executable instead, with the Deno that runs this script.
 *
 * @module
 */

import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { writeBundle } from "./build/bundle.ts";
import { deno, run } from "./build/command.ts";
import { bundledPackages, noticesOf, termsOf } from "./build/licenses.ts";
import { copyCompanions, RELEASED, TARGETS } from "./build/release.ts";
import { type Lock, sbomOf } from "./build/sbom.ts";
import { writeSelfExtracting } from "./build/self_extracting.ts";
import { checksumsOf } from "./build/stamp.ts";
import { V8_FLAGS } from "./build/v8_flags.ts";
import { VERSION } from "../src/cli/version.ts";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const DIST = join(ROOT, "dist");
const IS_WINDOWS = Deno.build.os === "windows";

const HELP = `deno task build [OPTION]
  --target NAME      for another system: ${[...TARGETS.keys()].join(", ")}
  --all              for all of those
  --self-extracting  write a self-extracting executable for this system, without asking for denort
  --output PATH      where to write the one for this system; else dist/conductor
`;

/** `deno compile` could not get hold of a runtime to put under the program. */
class RuntimeMissing extends Error {}

if (import.meta.main) {
  try {
    await main(Deno.args);
  } catch (failure) {
    console.error(`build: ${failure instanceof Error ? failure.message : failure}`);
    Deno.exit(1);
  }
}

async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      target: { type: "string" },
      all: { type: "boolean" },
      "self-extracting": { type: "boolean" },
      output: { type: "string", default: join(DIST, IS_WINDOWS ? "conductor.exe" : "conductor") },
      help: { type: "boolean" },
    },
  });
  if (values.help) return console.log(HELP.trimEnd());
  const targets = values.all
    ? [...TARGETS.keys()]
    : values.target === undefined
    ? []
    : [values.target];
  const unknown = targets.find((target) => !TARGETS.has(target));
  if (unknown !== undefined) {
    throw new Error(`unknown target "${unknown}"; one of: ${[...TARGETS.keys()].join(", ")}`);
  }
  const output = targets.length === 0 ? resolve(values.output) : join(DIST, "conductor");
  await Deno.mkdir(dirname(output), { recursive: true });
  const bundle = await Deno.makeTempDir({ prefix: "conductor-build-" });
  try {
    await writeBundle(bundle);
    if (targets.length === 0) {
      await buildHere(output, bundle, values["self-extracting"] === true);
    }
    for (const target of targets) await buildFor(target, bundle);
    await writeOrigins(output);
    if (values.all) await finishRelease();
  } finally {
    await Deno.remove(bundle, { recursive: true });
  }
}

/** For this system: compiled, or else self-extracting; shown to start either way. */
async function buildHere(output: string, bundle: string, selfExtracting: boolean): Promise<void> {
  if (selfExtracting || !await compiled(output, bundle)) {
    // `deno compile` and a running old version both want the name free.
    await removeIfThere(output);
    await writeSelfExtracting(output, { runtime: Deno.execPath(), app: bundle });
  }
  // It may unpack itself: beside the bundle, which goes when the build is done.
  const { stdout, stderr } = await run(output, ["--version"], { CONDUCTOR_CACHE_DIR: bundle });
  if (stdout.trim() !== `conductor ${VERSION}`) {
    throw new Error(`${output} does not start: ${firstLine(stderr)}`);
  }
  await report(output);
}

/**
 * The bill of materials and the licenses beside the program: the same for all systems, as they have the
 * same packages.
 */
async function writeOrigins(output: string): Promise<void> {
  const runtime = Deno.version.deno;
  const bundled = await termsOf(await bundledPackages());
  const lock: Lock = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.lock")));
  const sbom = sbomOf(lock, { name: "conductor", version: VERSION, bundled }, runtime);
  const path = output.replace(/\.exe$/, "");
  await Deno.writeTextFile(`${path}.cdx.json`, `${JSON.stringify(sbom, null, 2)}\n`);
  await Deno.writeTextFile(`${path}.licenses.txt`, noticesOf(bundled, runtime));
  // With the runtime.
  const parts = bundled.size + 1;
  console.log(`${relative(Deno.cwd(), path)}.cdx.json and .licenses.txt: ${parts} components`);
}

/** The rest of a release, and digests of all of it, in the format of `sha256sum --check`. */
async function finishRelease(): Promise<void> {
  await copyCompanions(ROOT, DIST);
  await Deno.writeTextFile(join(DIST, "SHA256SUMS"), await checksumsOf(DIST, RELEASED));
}

/** Returns false, and says why, where there is no runtime to compile with. */
async function compiled(output: string, bundle: string): Promise<boolean> {
  try {
    await compile(output, bundle);
    return true;
  } catch (failure) {
    if (!(failure instanceof RuntimeMissing) || IS_WINDOWS) throw failure;
    console.error(`build: ${failure.message}; writing a self-extracting executable instead`);
    return false;
  }
}

async function buildFor(target: string, bundle: string): Promise<void> {
  const output = join(DIST, TARGETS.get(target) ?? target);
  await compile(output, bundle, target);
  await report(output);
}

/** @throws {RuntimeMissing} */
async function compile(output: string, bundle: string, target?: string): Promise<void> {
  // It refuses to write over what it has not made itself, such as a self-extracting file.
  await removeIfThere(output);
  // A code cache would be a file of a guessable name in a directory that all users share.
  const options = ["--quiet", "--no-check", "--no-config", "--no-code-cache", "--allow-all"];
  options.push("--unstable-raw-imports", `--v8-flags=${V8_FLAGS}`);
  const { success, stderr } = await deno(
    [
      "compile",
      ...options,
      ...(target ? ["--target", target] : []),
      "--output",
      output,
    ],
    join(bundle, "main.js"),
  );
  if (success) return;
  for await (const { name } of Deno.readDir(dirname(output))) {
    if (!name.startsWith(`${basename(output)}.tmp-`)) continue;
    await Deno.remove(join(dirname(output), name));
  }
  if (!stderr.includes("Setting up base binary")) {
    throw new Error(`deno compile failed:\n${stderr.trim()}`);
  }
  const reason = /^\s*1: (.*)$/m.exec(stderr)?.[1] ?? firstLine(stderr);
  throw new RuntimeMissing(
    `deno compile has no runtime for ${target ?? Deno.build.target}, and cannot get it ` +
      `(DENORT_BIN may name one): ${reason}`,
  );
}

async function removeIfThere(path: string): Promise<void> {
  await Deno.remove(path).catch((failure) => {
    if (!(failure instanceof Deno.errors.NotFound)) throw failure;
  });
}

function firstLine(text: string): string {
  return text.trim().split("\n")[0] ?? "";
}

async function report(path: string): Promise<void> {
  const { size } = await Deno.stat(path);
  console.log(`${relative(Deno.cwd(), path)}  ${(size / 1024 / 1024).toFixed(0)} MiB`);
}
