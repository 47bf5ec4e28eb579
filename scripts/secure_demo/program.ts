/**
 * Runs `conductor` in one directory: commands, whose answers are read, and nodes, which are ended.
 *
 * @module
 */

import { join } from "node:path";
import type { Answer } from "./verdict.ts";

/** What a command printed beside its answer. */
export interface Printed extends Answer {
  readonly out: string;
}

const STOP_MS = 10_000;
const AWAIT_MS = 60_000;
const INTERVAL_MS = 100;

/** The program, and the processes that were started of it. */
export class Program {
  readonly directory: string;
  readonly #command: readonly string[];
  readonly #nodes: Deno.ChildProcess[] = [];

  constructor(command: readonly string[], directory: string) {
    this.#command = command;
    this.directory = directory;
  }

  /** A path below the directory. */
  at(...parts: string[]): string {
    return join(this.directory, ...parts);
  }

  /** Runs a command to its end, whatever that is; `config` is what `CONDUCTOR_CONFIG` names. */
  async run(args: readonly string[], config?: string): Promise<Printed> {
    const { code, stdout, stderr } = await this.#spawnable(args, config).output();
    const [out = "", err = ""] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    // Warnings come first, so that the last line is why it failed.
    const message = code === 0 ? "" : err.trim().split("\n").at(-1) ?? "";
    return { code, message, out };
  }

  /** The same for what must succeed. */
  async done(args: readonly string[], config?: string): Promise<string> {
    const { code, out, message } = await this.run(args, config);
    if (code !== 0) throw new Error(`conductor ${args.join(" ")} ended with ${code}: ${message}`);
    return out;
  }

  /** Starts a node; what it says on stderr is shown. */
  start(args: readonly string[]): Deno.ChildProcess {
    const [program = "", ...before] = this.#command;
    const node = new Deno.Command(program, {
      args: [...before, ...args],
      cwd: this.directory,
      clearEnv: true,
      env: environment(),
      stdin: "null",
      stdout: "null",
      stderr: "inherit",
    }).spawn();
    this.#nodes.push(node);
    return node;
  }

  /** Ends every node, all at once. */
  async stop(): Promise<void> {
    await Promise.all(
      this.#nodes.splice(0).map(async (node) => {
        send(node, "SIGTERM");
        const timer = setTimeout(() => send(node, "SIGKILL"), STOP_MS);
        await node.status;
        clearTimeout(timer);
      }),
    );
  }

  #spawnable(args: readonly string[], config: string | undefined): Deno.Command {
    const [program = "", ...before] = this.#command;
    return new Deno.Command(program, {
      args: [...before, ...args],
      cwd: this.directory,
      clearEnv: true,
      env: environment(config),
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
  }
}

/** Nothing of the configuration of who runs the demo shall decide what it shows. */
function environment(config?: string): Record<string, string> {
  const others = Object.entries(Deno.env.toObject()).filter(([name]) =>
    !/^(CONDUCTOR_|SECURITY_|JWT_|RBAC_|NODE_ID$|WORKER_ID$)/.test(name)
  );
  return {
    ...Object.fromEntries(others),
    NO_COLOR: "1",
    ...(config === undefined ? {} : { CONDUCTOR_CONFIG: config }),
  };
}

/** Asks until there is an answer; what other processes do takes its time. */
export async function eventually<Value>(
  what: string,
  ask: () => Promise<Value | undefined>,
): Promise<Value> {
  const untilMs = performance.now() + AWAIT_MS;
  for (;;) {
    const value = await ask();
    if (value !== undefined) return value;
    if (performance.now() > untilMs) throw new Error(`not within ${AWAIT_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
  }
}

function send(node: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    node.kill(signal);
  } catch (failure) {
    // It has ended already: Ctrl-C reaches all processes of a terminal.
    if (!(failure instanceof TypeError)) throw failure;
  }
}
