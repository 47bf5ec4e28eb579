/**
 * What a release consists of: the names that the build writes, deploy/install.sh downloads and
 * .github/workflows/release.yml publishes.
 *
 * @module
 */

import { basename, join } from "node:path";

/** The systems that `deno compile` knows, and what the file for each is called. */
export const TARGETS: ReadonlyMap<string, string> = new Map([
  ["x86_64-unknown-linux-gnu", "conductor-linux-x64"],
  ["aarch64-unknown-linux-gnu", "conductor-linux-arm64"],
  ["x86_64-apple-darwin", "conductor-macos-x64"],
  ["aarch64-apple-darwin", "conductor-macos-arm64"],
  ["x86_64-pc-windows-msvc", "conductor-windows-x64.exe"],
]);

/** What else is released, by its path in the repository: the installer, and what that installs beside. */
export const COMPANIONS: readonly string[] = [
  "deploy/install.sh",
  "deploy/systemd/conductor-master.service",
  "deploy/systemd/conductor-worker.service",
  "deploy/systemd/master.env.example",
  "deploy/systemd/worker.env.example",
];

/** Every file of a release but SHA256SUMS, which names them. */
export const RELEASED: readonly string[] = [
  ...TARGETS.values(),
  "conductor.cdx.json",
  "conductor.licenses.txt",
  ...COMPANIONS.map((path) => basename(path)),
];

/** Puts the companions beside what was built. */
export async function copyCompanions(root: string, dist: string): Promise<void> {
  for (const path of COMPANIONS) await Deno.copyFile(join(root, path), join(dist, basename(path)));
}
