/**
 * `deno task build`: one file, `dist/conductor`, with the runtime and the program in it.
 *
 * The plain road is `deno compile`. It downloads a runtime (denort) unless `DENORT_BIN` names one;
 * where that cannot be had, the build says so in one line and writes a self-extracting executable
 * instead: a shell stub, then the Deno that runs this script and the bundled program as a tar.gz.
 *
 * @module
 */

import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const DIST = join(ROOT, "dist");

/** The systems that `deno compile` knows, and what the file for each is called. */
const TARGETS: Readonly<Record<string, string>> = {
  "x86_64-unknown-linux-gnu": "conductor-linux-x64",
  "aarch64-unknown-linux-gnu": "conductor-linux-arm64",
  "x86_64-apple-darwin": "conductor-macos-x64",
  "aarch64-apple-darwin": "conductor-macos-arm64",
  "x86_64-pc-windows-msvc": "conductor-windows-x64.exe",
};

interface Run {
  readonly success: boolean;
  readonly stderr: string;
}

async function run(program: string, args: readonly string[], cwd = ROOT): Promise<Run> {
  const output = await new Deno.Command(program, { args: [...args], cwd, stdout: "null" }).output();
  return { success: output.success, stderr: new TextDecoder().decode(output.stderr) };
}

async function compile(output: string, target: string | undefined): Promise<Run> {
  // It refuses to write over what it has not made itself, such as a self-extracting file.
  await Deno.remove(output).catch((failure) => {
    if (!(failure instanceof Deno.errors.NotFound)) throw failure;
  });
  return await run(Deno.execPath(), [
    "compile",
    "--quiet",
    "--no-check",
    "--allow-all",
    ...(target === undefined ? [] : ["--target", target]),
    "--output",
    output,
    "main.ts",
  ]);
}

/** What `deno compile` says when it is the runtime's download that failed, not the program. */
function isDownloadFailure(stderr: string): boolean {
  return /denort|dl\.deno\.land|error sending request|Writing temporary file|Failed to fetch|download/i
    .test(stderr);
}

/** The shell in front of the archive. It must not change after its size is known. */
function stub(id: string, archiveOffset: number): string {
  return `#!/bin/sh
# Conductor, self-extracting: the Deno runtime and the program follow this text as a tar.gz.
# It is unpacked once into a cache directory of yours and run from there.
set -eu
umask 077
fail() { echo "conductor: $1" >&2; exit 1; }
id=${id}
dir=
for base in "\${CONDUCTOR_CACHE_DIR:-}" "\${XDG_CACHE_HOME:-}" "\${HOME:+$HOME/.cache}" "\${TMPDIR:-/tmp}/conductor-$(id -u)"; do
  [ -n "$base" ] || continue
  if [ -x "$base/conductor/$id/deno" ] && [ -O "$base/conductor/$id" ]; then dir=$base/conductor/$id; break; fi
done
if [ -z "$dir" ]; then
  for base in "\${CONDUCTOR_CACHE_DIR:-}" "\${XDG_CACHE_HOME:-}" "\${HOME:+$HOME/.cache}" "\${TMPDIR:-/tmp}/conductor-$(id -u)"; do
    [ -n "$base" ] || continue
    mkdir -p "$base/conductor" 2>/dev/null || continue
    [ -O "$base/conductor" ] || continue
    part=$(mktemp -d "$base/conductor/part.XXXXXX" 2>/dev/null) || continue
    if tail -c +${archiveOffset} "$0" | tar -xzf - -C "$part" && mv "$part" "$base/conductor/$id" 2>/dev/null; then
      dir=$base/conductor/$id
    else
      rm -rf "$part"
      # Another process may have unpacked it meanwhile.
      [ -x "$base/conductor/$id/deno" ] && [ -O "$base/conductor/$id" ] && dir=$base/conductor/$id
    fi
    [ -z "$dir" ] || break
  done
fi
[ -n "$dir" ] || fail "cannot unpack: no writable cache directory; set CONDUCTOR_CACHE_DIR to one"
exec "$dir/deno" run --quiet --allow-all --no-config --no-lock --no-remote --cached-only --unstable-raw-imports "$dir/app/main.js" "$@"
`;
}

async function bundle(directory: string): Promise<void> {
  const { success, stderr } = await run(Deno.execPath(), [
    "bundle",
    "--quiet",
    "--platform",
    "deno",
    "--code-splitting",
    "--outdir",
    directory,
    "main.ts",
  ]);
  if (!success) throw new Error(`deno bundle failed:\n${stderr}`);
}

async function selfExtracting(output: string): Promise<void> {
  const work = await Deno.makeTempDir({ prefix: "conductor-build-" });
  try {
    const payload = join(work, "payload");
    await Deno.mkdir(join(payload, "app"), { recursive: true });
    await bundle(join(payload, "app"));
    await Deno.copyFile(Deno.execPath(), join(payload, "deno"));
    await Deno.chmod(join(payload, "deno"), 0o755);
    const archive = join(work, "payload.tar.gz");
    const packed = await run("tar", ["-czf", archive, "-C", payload, "deno", "app"]);
    if (!packed.success) throw new Error(`tar failed: ${packed.stderr}`);
    const bytes = await Deno.readFile(archive);
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    const id = digest.toHex().slice(0, 16);
    await Deno.writeFile(output, concatenated(stubFor(id), bytes), { mode: 0o755 });
    await Deno.chmod(output, 0o755);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

/** The stub names the offset at which it ends itself; the digits are padded so that it is stable. */
function stubFor(id: string): Uint8Array {
  const encoder = new TextEncoder();
  let text = stub(id, 0);
  for (let length = -1; length !== encoder.encode(text).byteLength;) {
    length = encoder.encode(text).byteLength;
    text = stub(id, length + 1);
  }
  return encoder.encode(text);
}

function concatenated(...parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.byteLength;
  }
  return whole;
}

async function report(path: string): Promise<void> {
  const { size } = await Deno.stat(path);
  console.log(`dist/${basename(path)}  ${(size / 1024 / 1024).toFixed(0)} MiB`);
}

async function buildHere(): Promise<void> {
  const output = join(DIST, Deno.build.os === "windows" ? "conductor.exe" : "conductor");
  const compiled = await compile(output, undefined);
  if (!compiled.success) {
    if (!isDownloadFailure(compiled.stderr)) throw new Error(compiled.stderr.trim());
    if (Deno.build.os === "windows") {
      throw new Error("the runtime for deno compile could not be downloaded; set DENORT_BIN");
    }
    console.error(
      "build: the runtime for `deno compile` cannot be downloaded here (DENORT_BIN may name one); " +
        "writing a self-extracting executable instead",
    );
    await selfExtracting(output);
  }
  await report(output);
}

async function buildFor(target: string): Promise<void> {
  const name = TARGETS[target];
  if (name === undefined) {
    throw new Error(
      `unknown target "${target}"; the targets are:\n  ${Object.keys(TARGETS).join("\n  ")}`,
    );
  }
  const output = join(DIST, name);
  const compiled = await compile(output, target);
  if (!compiled.success) {
    throw new Error(
      isDownloadFailure(compiled.stderr)
        ? `${target}: its runtime comes from Deno's download host (dl.deno.land), which this ` +
          "machine does not reach; build where it does, or set DENORT_BIN"
        : compiled.stderr.trim(),
    );
  }
  await report(output);
}

async function main(args: readonly string[]): Promise<void> {
  await Deno.mkdir(DIST, { recursive: true });
  const position = args.indexOf("--target");
  if (args.includes("--all")) {
    for (const target of Object.keys(TARGETS)) await buildFor(target);
  } else if (position >= 0) await buildFor(args[position + 1] ?? "");
  else await buildHere();
}

if (import.meta.main) {
  try {
    await main(Deno.args);
  } catch (failure) {
    console.error(`build: ${(failure as Error).message}`);
    Deno.exit(1);
  }
}
