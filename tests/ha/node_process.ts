/**
 * One process of the real program, set up as the build sets it up: started, killed, frozen, told to stop, started again.
 *
 * @module
 */

import { RUNTIME_ENVIRONMENT } from "../program.ts";

/** Far beyond what any end takes on a machine with much else to do. */
const END_MS_MAX = 180_000;

export class NodeProcess {
  readonly name: string;
  /** The program that its next start runs. */
  main: string;
  readonly #args: readonly string[];
  readonly #onStarted: (pid: number) => void;
  readonly #runtimeFlags: readonly string[];
  #founding: readonly string[] = [];
  #given: Readonly<Record<string, string>> = {};
  #child: Deno.ChildProcess | undefined;
  #said: Promise<string> | undefined;
  #isFrozen = false;
  #isEnding = false;
  #isRetired = false;
  #exitCode = 0;

  constructor(
    name: string,
    main: string,
    args: readonly string[],
    onStarted: (pid: number) => void,
    runtimeFlags: readonly string[] = [],
  ) {
    this.name = name;
    this.main = main;
    this.#args = args;
    this.#onStarted = onStarted;
    this.#runtimeFlags = runtimeFlags;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  /** It ended, and nobody had asked it to. */
  get hasDied(): boolean {
    return this.#said !== undefined && this.#child === undefined && !this.#isEnding;
  }

  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** What the last process wrote to stderr, once it has ended. */
  get said(): Promise<string> {
    return this.#said ?? Promise.resolve("");
  }

  /** Starts it; `founding` flags and `environment` hold for later starts too. */
  start(founding?: readonly string[], environment?: Readonly<Record<string, string>>): void {
    if (this.#child !== undefined) throw new Error(`${this.name} runs already`);
    if (this.#isRetired) throw new Error(`${this.name} was ended for good`);
    this.#founding = founding ?? this.#founding;
    this.#given = environment ?? this.#given;
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--quiet",
        "--no-check",
        "--allow-all",
        ...this.#runtimeFlags,
        this.main,
        ...this.#args,
        ...this.#founding,
      ],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
      env: { ...RUNTIME_ENVIRONMENT, NO_COLOR: "1", ...this.#given },
    }).spawn();
    this.#child = child;
    this.#said = new Response(child.stderr).text();
    this.#onStarted(child.pid);
    this.#isEnding = false;
    child.status.then(({ code }) => {
      this.#exitCode = code;
      if (this.#child === child) this.#child = undefined;
    });
  }

  /** As a power cut: no goodbye. */
  kill(): Promise<number> {
    return this.#end("SIGKILL");
  }

  /** Kills it, and lets nobody start it again. */
  retire(): Promise<number> {
    this.#isRetired = true;
    return this.kill();
  }

  /** Asks it to stop, and waits until it has; resolves to its exit code. */
  terminate(): Promise<number> {
    return this.#end("SIGTERM");
  }

  /** Waits for an end that comes by itself; resolves to the exit code. One that does not come is a fault. */
  async ended(): Promise<number> {
    const child = this.#child;
    if (child === undefined) return this.#exitCode;
    return (await this.#endOf(child, "its end was waited for")).code;
  }

  /** As a long pause of the machine: nothing runs, connections stay. */
  freeze(): void {
    this.#child?.kill("SIGSTOP");
    this.#isFrozen = true;
  }

  thaw(): void {
    this.#child?.kill("SIGCONT");
    this.#isFrozen = false;
  }

  /** One that does not end is a fault, and not something to wait for. */
  async #endOf(child: Deno.ChildProcess, when: string): Promise<Deno.CommandStatus> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`${this.name} goes on ${END_MS_MAX} ms after ${when}`)),
        END_MS_MAX,
      );
    });
    try {
      return await Promise.race([child.status, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #end(signal: Deno.Signal): Promise<number> {
    const child = this.#child;
    if (child === undefined) return 0;
    this.#isEnding = true;
    if (this.#isFrozen && signal !== "SIGKILL") this.thaw();
    try {
      child.kill(signal);
    } catch (failure) {
      // It has just ended by itself, as on a Ctrl-C that all processes of a terminal get.
      if (!(failure instanceof TypeError)) throw failure;
    }
    const { code } = await this.#endOf(child, signal);
    this.#child = undefined;
    this.#isFrozen = false;
    return code;
  }
}
