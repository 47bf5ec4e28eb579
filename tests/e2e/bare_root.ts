/**
 * A root file system with nothing in it but a built program and what that needs of a system, to be run
 * in as a service is: read-only but for one directory, as a user who is nobody else, without a home,
 * with no network but loopback. Linux, and root, make it: namespaces, bind mounts and chroot.
 *
 * @module
 */

import { dirname, join } from "node:path";
import type { CommandResult } from "./support.ts";

/** The one directory that may be written to, as the program sees it. */
export const DATA = "/var/lib/conductor";

const PROGRAM = "/usr/local/bin/conductor";
/** Nobody's, on systems as Debian has them. */
const USER = 64_990;
/** What a self-extracting program calls; a compiled one calls nothing. */
const TOOLS = ["sh", "tar", "gzip", "tail", "mktemp", "find", "mkdir", "mv", "rm", "sync", "id"]
  .concat("flock");
const DEVICES = ["null", "zero", "urandom"];

/** Why no such root can be made here; undefined: it can. */
export async function bareRootObstacle(): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return "this is not Linux";
  if (Deno.uid() !== 0) return "this is not root";
  const probe = "ip link set lo up && mount --bind /tmp /tmp && command -v setpriv chroot nsenter";
  const args = ["--net", "--mount", "sh", "-c", probe];
  try {
    const { success } = await new Deno.Command("unshare", { args, stdout: "null", stderr: "null" })
      .output();
    return success ? undefined : "no namespaces can be made here";
  } catch (failure) {
    if (failure instanceof Deno.errors.NotFound) return "there is no unshare";
    throw failure;
  }
}

/** The root, as long as it is needed. */
export class BareRoot implements AsyncDisposable {
  readonly #directory: string;
  readonly #anchor: Deno.ChildProcess;

  private constructor(directory: string, anchor: Deno.ChildProcess) {
    this.#directory = directory;
    this.#anchor = anchor;
  }

  /** Installs the program that is at `program`. */
  static async make(program: string): Promise<BareRoot> {
    const directory = await Deno.makeTempDir({ prefix: "conductor-root-" });
    // The user of the service has to come through.
    await Deno.chmod(directory, 0o755);
    const root = join(directory, "root");
    for (const each of ["proc", "dev", "usr/local/bin", DATA.slice(1)]) {
      await Deno.mkdir(join(root, each), { recursive: true });
    }
    await Deno.copyFile(program, join(root, PROGRAM));
    const magic = (await Deno.readFile(program)).subarray(0, 2);
    const unpacksItself = new TextDecoder().decode(magic) === "#!";
    for (const library of await librariesOf(unpacksItself ? Deno.execPath() : program)) {
      await install(library, root);
    }
    for (const tool of unpacksItself ? TOOLS : []) await installTool(tool, root);
    await Deno.mkdir(join(directory, "data"));
    await Deno.chown(join(directory, "data"), USER, USER);
    const anchor = new Deno.Command("unshare", {
      args: ["--net", "--mount", "sh", "-euc", anchorScript(root, join(directory, "data"))],
      stdin: "null",
      stdout: "piped",
    }).spawn();
    const made = new BareRoot(directory, anchor);
    const reader = anchor.stdout.getReader();
    const { done } = await reader.read();
    if (!done) return made;
    await made[Symbol.asyncDispose]();
    throw new Error("the root could not be mounted");
  }

  /** Starts the installed program as the service's user. */
  start(args: readonly string[], environment: Record<string, string> = {}): Deno.ChildProcess {
    return this.#command([PROGRAM, ...args], environment).spawn();
  }

  /** Runs it to its end. */
  async run(args: readonly string[], environment?: Record<string, string>): Promise<CommandResult> {
    return await this.#output([PROGRAM, ...args], environment);
  }

  /** What the service has written to a file in its directory. */
  async written(name: string): Promise<string> {
    return await Deno.readTextFile(join(this.#directory, "data", name));
  }

  async #output(
    command: readonly string[],
    environment: Record<string, string> = {},
  ): Promise<CommandResult> {
    const { code, stdout, stderr } = await this.#command(command, environment, "piped").output();
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  }

  /** Every program on the way is replaced by the next, so that a signal reaches the last one. */
  #command(
    command: readonly string[],
    environment: Record<string, string>,
    output: "piped" | "null" = "null",
  ): Deno.Command {
    const variables = { PATH: "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", ...environment };
    return new Deno.Command("nsenter", {
      args: [
        ...[`--target=${this.#anchor.pid}`, "--net", "--mount", "setpriv", "--no-new-privs"],
        ...["chroot", `--userspec=${USER}:${USER}`, "--groups=", join(this.#directory, "root")],
        ...command,
      ],
      clearEnv: true,
      env: variables,
      stdin: "null",
      stdout: output,
      stderr: output,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#anchor.kill("SIGKILL");
    } catch (failure) {
      // It has ended by itself, having said why.
      if (!(failure instanceof TypeError)) throw failure;
    }
    await this.#anchor.status;
    await Deno.remove(this.#directory, { recursive: true });
  }
}

/** Mounts all in namespaces of its own, says so, and keeps them until it is ended. */
function anchorScript(root: string, data: string): string {
  return [
    "ip link set lo up",
    `mount --bind ${root} ${root}`,
    `mount -t proc proc ${root}/proc`,
    `mount -t tmpfs tmpfs ${root}/dev`,
    ...DEVICES.map((name) =>
      `: >${root}/dev/${name}; mount --bind /dev/${name} ${root}/dev/${name}`
    ),
    `mount -o remount,ro ${root}/dev`,
    `mount --bind ${data} ${root}${DATA}`,
    `mount -o remount,bind,ro ${root}`,
    "echo mounted",
    "exec sleep infinity",
  ].join("\n");
}

async function installTool(name: string, root: string): Promise<void> {
  for (const directory of ["/bin", "/usr/bin"]) {
    const path = join(directory, name);
    if (!await exists(path)) continue;
    await install(path, root);
    for (const library of await librariesOf(path)) await install(library, root);
    return;
  }
}

/** The files that the loader maps for a program. */
async function librariesOf(path: string): Promise<string[]> {
  const { stdout } = await new Deno.Command("ldd", { args: [path] }).output();
  return new TextDecoder().decode(stdout).match(/\/\S+(?= \(0x)/g) ?? [];
}

async function install(path: string, root: string): Promise<void> {
  const target = join(root, path);
  if (await exists(target)) return;
  await Deno.mkdir(dirname(target), { recursive: true });
  await Deno.copyFile(path, target);
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, (failure) => {
    if (failure instanceof Deno.errors.NotFound) return false;
    throw failure;
  });
}
