/**
 * Real pages to read: the HTML documentation that some of Debian's packages ship. It is fetched by
 * apt, unpacked into a directory of its own, and not installed.
 *
 * @module
 */

import { join } from "node:path";

/** Small packages with pages of different hands and times. */
const PACKAGES = ["w3m", "lua5.1-doc", "libogg-dev", "debian-faq", "libexpat1-dev"] as const;

/** The packages' names with what their versions begin with when the expectations were written. */
export type PackageName = (typeof PACKAGES)[number];

/** Unpacked packages. */
export interface DebianPages {
  /** Below it stands `PACKAGE/usr/share/doc/...`. */
  readonly directory: string;
  /** By package: the upstream version that was unpacked. */
  readonly versions: Readonly<Record<string, string>>;
}

/** Longest wait for the network, in ms. */
const TIMEOUT_MS = 60_000;

/**
 * Fetches and unpacks them; undefined, with a line that says why, where they cannot be had. The
 * directory is removed when the program ends.
 */
export async function debianPages(): Promise<DebianPages | undefined> {
  const directory = await Deno.makeTempDir({ prefix: "conductor-pages-" });
  globalThis.addEventListener("unload", () => Deno.removeSync(directory, { recursive: true }));
  try {
    await downloaded(directory);
    const versions: Record<string, string> = {};
    for await (const { name } of Deno.readDir(directory)) {
      const [, packageName, version] = /^(.+?)_(?:\d+%3a)?([^-_]+)[^_]*_[^_]+\.deb$/.exec(name) ??
        [];
      if (packageName === undefined || version === undefined) continue;
      versions[packageName] = version;
      await run("dpkg-deb", ["-x", name, packageName], directory);
    }
    return { directory, versions };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    console.log(`Debian's packages cannot be had: tests of real pages are left out (${reason})`);
    return undefined;
  }
}

async function downloaded(directory: string): Promise<void> {
  const download = ["-qq", "-o", "APT::Sandbox::User=root", "download", ...PACKAGES];
  try {
    await run("apt-get", download, directory);
  } catch (error) {
    // A fresh machine has no lists of packages yet; elsewhere they are not for a test to renew.
    if (Deno.env.get("CI") === undefined) throw error;
    await run("apt-get", ["-qq", "update"], directory);
    await run("apt-get", download, directory);
  }
}

async function run(command: string, args: readonly string[], cwd: string): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, {
    args: [...args],
    cwd,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).output();
  if (success) return;
  const lines = new TextDecoder().decode(stderr).trim().split("\n");
  throw new Error(`${command} ${args.at(-1)}: ${lines.at(-1)}`);
}

/** The documentation of a package, as a path. */
export function documentation(pages: DebianPages, packageName: PackageName): string {
  return join(pages.directory, packageName, "usr", "share", "doc");
}
