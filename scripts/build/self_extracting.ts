/**
 * One executable file for systems with a POSIX shell, tar and gzip: the text of `stub.sh`, then the
 * runtime and the program as a tar.gz. `stub.sh` says how it unpacks and starts itself.
 *
 * @module
 */

import { join } from "node:path";
import { V8_FLAGS } from "./v8_flags.ts";

const STUB = new URL("stub.sh", import.meta.url);

/** What goes into the file. */
export interface SelfExtractingParts {
  /** The executable that runs `app/main.js`; it is called `conductor` when unpacked. */
  readonly runtime: string;
  /** A directory of files, `main.js` among them. */
  readonly app: string;
}

/** Writes the file, all of it or none. */
export async function writeSelfExtracting(
  output: string,
  { runtime, app }: SelfExtractingParts,
): Promise<void> {
  const work = await Deno.makeTempDir({ prefix: "conductor-pack-" });
  const part = `${output}.part`;
  try {
    await Deno.mkdir(join(work, "app"), { mode: 0o700 });
    await Deno.copyFile(runtime, join(work, "conductor"));
    await Deno.chmod(join(work, "conductor"), 0o700);
    const names = [...Deno.readDirSync(app)].map(({ name }) => name).sort();
    for (const name of names) await Deno.copyFile(join(app, name), join(work, "app", name));
    const archive = await packed(work);
    await Deno.writeFile(part, await stubFor(archive, names.length));
    await Deno.writeFile(part, archive, { append: true });
    await Deno.chmod(part, 0o755);
    await Deno.rename(part, output);
  } finally {
    await Deno.remove(work, { recursive: true });
    await Deno.remove(part).catch((failure) => {
      if (!(failure instanceof Deno.errors.NotFound)) throw failure;
    });
  }
}

async function packed(directory: string): Promise<Uint8Array<ArrayBuffer>> {
  const tar = new Deno.Command("tar", {
    args: ["-czf", "-", "-C", directory, "conductor", "app"],
    stderr: "piped",
  });
  const { success, stdout, stderr } = await tar.output();
  if (!success) throw new Error(`tar failed: ${new TextDecoder().decode(stderr).trim()}`);
  return stdout;
}

/** The stub names the offset at which it ends, which depends on how long that number is. */
async function stubFor(
  archive: Uint8Array<ArrayBuffer>,
  fileCount: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", archive));
  const template = (await Deno.readTextFile(STUB))
    .replace("@ID@", digest.toHex().slice(0, 32))
    .replace("@FILES@", String(fileCount))
    .replace("@V8_FLAGS@", V8_FLAGS);
  const encoder = new TextEncoder();
  for (let length = 0;;) {
    const stub = encoder.encode(template.replace("@OFFSET@", String(length + 1)));
    if (stub.byteLength === length) return stub;
    length = stub.byteLength;
  }
}
