/**
 * `deno task build:sdk`: the SDK as an npm package, in `dist/sdk`, for `npm pack` and `npm publish`.
 *
 * The code is bundled, so that what the SDK shares with the program does not become anybody's API; the
 * declarations are what `deno pack` makes of the sources: what is public, and nothing else. Libraries
 * stay dependencies of the package: whoever installs it can bring them up to date, and has them once.
 *
 * @module
 */

import { copy } from "./build/copy.ts";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import manifest from "../deno.json" with { type: "json" };

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
/** What the package offers, as `deno.json` does under the same names. */
const DOORS = ["./client", "./worker"] as const;
/** Older ones lack what the code uses. */
const NODE = ">=20.15";

const HELP = `deno task build:sdk [OPTION]
  --output DIRECTORY  where to write the package; else dist/sdk
`;

if (import.meta.main) {
  const { values } = parseArgs({
    args: Deno.args,
    options: { output: { type: "string" }, help: { type: "boolean" } },
  });
  if (values.help) console.log(HELP.trimEnd());
  else {
    try {
      const directory = resolve(values.output ?? join(ROOT, "dist", "sdk"));
      await buildSdk(directory);
      console.log(`${relative(Deno.cwd(), directory)}  for "npm pack" and "npm publish"`);
    } catch (failure) {
      console.error(`build:sdk: ${failure instanceof Error ? failure.message : failure}`);
      Deno.exit(1);
    }
  }
}

/** Writes the package to `directory`, in place of what was there. */
export async function buildSdk(directory: string): Promise<void> {
  await Deno.remove(directory, { recursive: true }).catch((failure) => {
    if (!(failure instanceof Deno.errors.NotFound)) throw failure;
  });
  await Deno.mkdir(directory, { recursive: true });
  await writeCode(directory);
  await writeTypes(join(directory, "types"));
  const dependencies = await dependenciesOf(directory);
  await Deno.writeTextFile(
    join(directory, "package.json"),
    `${JSON.stringify(packageOf(dependencies), null, 2)}\n`,
  );
  await Deno.copyFile(join(ROOT, "LICENSE"), join(directory, "LICENSE"));
  await Deno.copyFile(join(ROOT, "src", "sdk", "README.md"), join(directory, "README.md"));
}

/** The source file behind a door. */
function entryOf(door: typeof DOORS[number]): string {
  return manifest.exports[door];
}

function packageOf(dependencies: Readonly<Record<string, string>>) {
  return {
    name: manifest.name,
    version: manifest.version,
    description: "Client and worker library of the Conductor job scheduler",
    license: manifest.license,
    type: "module",
    engines: { node: NODE },
    exports: Object.fromEntries(DOORS.map((door) => [door, {
      types: `./types/${declarationOf(entryOf(door))}`,
      default: `./${basename(door)}.js`,
    }])),
    dependencies,
    // Nothing happens when a module is loaded: what is not used may be left out.
    sideEffects: false,
  };
}

/** `sdk/client.d.ts` of `./src/sdk/client.ts` */
function declarationOf(source: string): string {
  return source.replace(/^\.\/src\//, "").replace(/\.ts$/, ".d.ts");
}

async function writeCode(directory: string): Promise<void> {
  const libraries = Object.keys(manifest.imports).flatMap((name) => [name, `${name}/*`]);
  await deno([
    // The last option must not be one that takes several values.
    ...["bundle", "--external", ...libraries, "--quiet", "--platform", "deno"],
    ...["--code-splitting", "--outdir", directory],
    ...DOORS.map(entryOf),
  ], ROOT);
}

/** `deno pack` takes a whole package, so it is given one that has the SDK alone. */
async function writeTypes(directory: string): Promise<void> {
  const scratch = await Deno.makeTempDir({ prefix: "conductor-sdk-types-" });
  try {
    for (const door of DOORS) {
      for (const file of await filesBehind(entryOf(door))) {
        await Deno.mkdir(dirname(join(scratch, file)), { recursive: true });
        await Deno.copyFile(join(ROOT, file), join(scratch, file));
      }
    }
    const { name, version, license, compilerOptions, imports } = manifest;
    const exports = Object.fromEntries(DOORS.map((door) => [door, entryOf(door)]));
    await Deno.writeTextFile(
      join(scratch, "deno.json"),
      JSON.stringify({ name, version, license, compilerOptions, imports, exports }),
    );
    const archive = join(scratch, "package.tgz");
    await deno(["pack", "--quiet", "--allow-dirty", "--output", archive], scratch);
    await run("tar", ["xzf", archive], scratch);
    await copy(join(scratch, "package", "src"), directory, (name) => name.endsWith(".d.ts"));
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
}

/** Our own files that a module imports, itself among them, also those of which it needs types alone. */
async function filesBehind(entry: string): Promise<string[]> {
  const { modules } = JSON.parse(await deno(["info", "--json", entry], ROOT)) as {
    readonly modules: readonly { readonly specifier: string }[];
  };
  return modules.filter(({ specifier }) => specifier.startsWith("file:"))
    .map(({ specifier }) => relative(ROOT, fileURLToPath(specifier)));
}

/** The libraries that the code imports, at the versions that it is tested with. */
async function dependenciesOf(directory: string): Promise<Record<string, string>> {
  const used = new Set<string>();
  for await (const { name } of Deno.readDir(directory)) {
    if (!name.endsWith(".js")) continue;
    const text = await Deno.readTextFile(join(directory, name));
    for (const [, specifier = ""] of text.matchAll(/^(?:import|export)\b[^;]*?from "([^"]+)"/gms)) {
      const library = Object.keys(manifest.imports)
        .find((each) => specifier === each || specifier.startsWith(`${each}/`));
      if (library !== undefined) used.add(library);
    }
  }
  return Object.fromEntries([...used].sort().map((name) => [name, rangeOf(name)]));
}

/** Repairs of a library are taken up; what it adds is not waited for, and not relied upon. */
function rangeOf(name: string): string {
  const version = /@(\d[^@/]*)$/.exec(manifest.imports[name as keyof typeof manifest.imports])?.[1];
  if (version === undefined) throw new Error(`deno.json gives no version of ${name}`);
  return `~${version}`;
}

function deno(args: readonly string[], directory: string): Promise<string> {
  return run(Deno.execPath(), args, directory);
}

/** What it printed. @throws Error with what it complained of */
async function run(program: string, args: readonly string[], directory: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    cwd: directory,
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  if (success) return decoder.decode(stdout);
  const said = decoder.decode(stderr.length > 0 ? stderr : stdout);
  throw new Error(`${basename(program)} ${args[0]} failed:\n${said.trim()}`);
}
