/**
 * What must come from the operating system to be real: another clock for one process, a small disk.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { join } from "node:path";

const CLOCK_SHIM = fileURLToPath(new URL("./clock_shim.c", import.meta.url));

/** Whether this machine can give a process another clock: it has a C compiler (`.ci/run` sees to it). */
export const canShiftClocks = Deno.build.os === "linux" && await succeeds("cc", ["--version"]);

/** Builds the shim into `directory`; resolves to the environment of a process whose clock is off. */
export async function shiftedClock(
  directory: string,
  shiftSeconds: number,
): Promise<Record<string, string>> {
  const library = join(directory, "clock_shim.so");
  await run("cc", ["-shared", "-fPIC", "-O2", "-o", library, CLOCK_SHIM, "-ldl"]);
  return { LD_PRELOAD: library, CLOCK_SHIFT_S: String(shiftSeconds) };
}

/** Whether this process may mount file systems; root may, outside of a strict container. */
export const canMount = Deno.build.os === "linux" && await mountWorks();

/** A disk of a few megabytes that can be filled to the last byte. */
export class SmallDisk {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async mount(directory: string, megabytes: number): Promise<SmallDisk> {
    await Deno.mkdir(directory, { recursive: true });
    await run("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", directory]);
    return new SmallDisk(directory);
  }

  /** Takes all the room that is left. */
  async fill(): Promise<void> {
    const file = await Deno.open(this.#filler, { create: true, write: true });
    try {
      for (let size = 1 << 20; size >= 1; size >>= 1) {
        while (await fits(file, size));
      }
    } finally {
      file.close();
    }
  }

  /** Gives the room back. */
  async free(): Promise<void> {
    await Deno.remove(this.#filler);
  }

  async unmount(): Promise<void> {
    await run("umount", [this.directory]);
  }

  get #filler(): string {
    return join(this.directory, "filler");
  }
}

async function fits(file: Deno.FsFile, size: number): Promise<boolean> {
  try {
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size;) at += await file.write(bytes.subarray(at));
    return true;
  } catch (failure) {
    if (failure instanceof Error && /No space left/.test(failure.message)) return false;
    throw failure;
  }
}

async function mountWorks(): Promise<boolean> {
  const directory = await Deno.makeTempDir({ prefix: "conductor-ha-mount-" });
  try {
    if (!await succeeds("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", directory])) {
      return false;
    }
    await run("umount", [directory]);
    return true;
  } finally {
    await Deno.remove(directory);
  }
}

async function succeeds(program: string, args: readonly string[]): Promise<boolean> {
  try {
    const { success } = await new Deno.Command(program, {
      args: [...args],
      stdout: "null",
      stderr: "null",
    }).output();
    return success;
  } catch (failure) {
    if (failure instanceof Deno.errors.NotFound) return false;
    throw failure;
  }
}

async function run(program: string, args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args: [...args] }).output();
  if (!success) throw new Error(`${program} failed: ${new TextDecoder().decode(stderr)}`);
}
