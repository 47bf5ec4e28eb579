/**
 * The examples as processes: run to their end, or started, listened to and told to stop.
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSdk } from "../../scripts/build_sdk.ts";
import { copy } from "../../scripts/build/copy.ts";
import { eventually } from "../ha/wait.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const EXAMPLES = join(ROOT, "examples");

type Variables = Readonly<Record<string, string>>;

/** A program, its arguments, and where it starts. */
export interface Command {
  readonly line: readonly [string, ...string[]];
  readonly directory: string;
}

/** An example for Deno, as the repository's own configuration resolves it. */
export function denoExample(name: string): Command {
  return {
    line: [Deno.execPath(), "run", "--quiet", "--no-check", "-A", join(EXAMPLES, "deno", name)],
    directory: ROOT,
  };
}

/** A Python that has gRPC and something that compiles .proto files, if there is one. */
export async function pythonWithGrpc(): Promise<string | undefined> {
  const compiles = await isThere("protoc", "--version");
  for (const program of ["python3", "/usr/bin/python3"]) {
    const modules = compiles ? "grpc, google.protobuf" : "grpc, google.protobuf, grpc_tools.protoc";
    if (await isThere(program, "-c", `import ${modules}`)) return program;
  }
  return undefined;
}

/** An example for Python. */
export function pythonExample(program: string, ...args: readonly string[]): Command {
  return { line: [program, "-B", ...args], directory: join(EXAMPLES, "python") };
}

/** What a program wrote, once it has ended well. @throws Error with what it said otherwise */
export async function output(command: Command, variables: Variables): Promise<string> {
  const program = new Started(command, variables);
  const code = await program.ended();
  if (code === 0) return program.said;
  throw new Error(`${command.line.join(" ")} ended with ${code} and said:\n${program.said}`);
}

/** A program that goes on. */
export class Started {
  readonly #command: Command;
  readonly #child: Deno.ChildProcess;
  readonly #read: Promise<unknown>;
  #said = "";
  #isToldToEnd = false;

  constructor(command: Command, variables: Variables) {
    const [program, ...args] = command.line;
    this.#command = command;
    this.#child = new Deno.Command(program, {
      args,
      cwd: command.directory,
      clearEnv: true,
      env: { ...inherited(), NO_COLOR: "1", PYTHONUNBUFFERED: "1", ...variables },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#read = Promise.all([this.#listen(this.#child.stdout), this.#listen(this.#child.stderr)]);
  }

  /** All that it wrote so far. */
  get said(): string {
    return this.#said;
  }

  /** Rejects if it ends although nobody told it to: what is waited for would never come. */
  async goesOn(): Promise<never> {
    const code = await this.ended();
    if (this.#isToldToEnd) return await new Promise(() => {});
    throw new Error(`${this.#command.line.join(" ")} ended with ${code} and said:\n${this.#said}`);
  }

  /** Waits until it has written that. */
  async says(pattern: RegExp): Promise<string> {
    const said = () => Promise.resolve(pattern.exec(this.#said)?.[0]);
    try {
      return await Promise.race([eventually(`says ${pattern}`, said), this.goesOn()]);
    } catch (cause) {
      const line = this.#command.line.join(" ");
      throw new Error(`${line} never said ${pattern}, but:\n${this.#said}`, { cause });
    }
  }

  /** Resolves to its exit code when it has ended and all that it wrote was read. */
  async ended(): Promise<number> {
    const { code } = await this.#child.status;
    await this.#read;
    return code;
  }

  stop(signal: Deno.Signal): void {
    this.#isToldToEnd = true;
    this.#child.kill(signal);
  }

  /** Ends it if it goes on still. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isToldToEnd = true;
    try {
      this.#child.kill("SIGKILL");
    } catch (failure) {
      if (!(failure instanceof TypeError)) throw failure; // it has ended by itself
    }
    await this.ended();
  }

  async #listen(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) this.#said += decoder.decode(chunk, { stream: true });
  }
}

/** The npm package as its users get it, packed and installed into an empty directory, and the examples. */
export class NodeProject {
  readonly directory = Deno.makeTempDirSync({ prefix: "conductor-node-" });

  async install(): Promise<void> {
    const here = { directory: this.directory };
    await buildSdk(join(this.directory, "sdk"));
    await copy(join(EXAMPLES, "node"), this.directory, (name) => name.endsWith(".mjs"));
    await output({ ...here, line: ["npm", "pack", "--silent", "./sdk"] }, {});
    const [archive = ""] = [...Deno.readDirSync(this.directory)]
      .map(({ name }) => name).filter((name) => name.endsWith(".tgz"));
    await output({
      ...here,
      line: ["npm", "install", ...["--no-audit", "--no-fund", "--prefer-offline"], `./${archive}`],
    }, {});
  }

  example(name: string): Command {
    return { line: ["node", name], directory: this.directory };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.directory, { recursive: true });
  }
}

/** Whether a program can be started and ends well. */
export async function isThere(program: string, ...args: readonly string[]): Promise<boolean> {
  try {
    const command = new Deno.Command(program, { args: [...args], stdout: "null", stderr: "null" });
    return (await command.output()).success;
  } catch (failure) {
    if (failure instanceof Deno.errors.NotFound) return false;
    throw failure;
  }
}

/** Nothing that is set for another Conductor may change what a test sees. */
function inherited(): Record<string, string> {
  const foreign = /^(CONDUCTOR_|SECURITY_|MASTER_ADDR$)/;
  return Object.fromEntries(
    Object.entries(Deno.env.toObject()).filter(([name]) => !foreign.test(name)),
  );
}
