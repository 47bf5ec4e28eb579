/**
 * Runs `conductor` commands as a person at a terminal would, and shows each with what it answered.
 *
 * @module
 */

import type colors from "picocolors";

/** What a command answered. */
export interface Answer {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Lines of an answer that are shown; what is longer is cut in the middle. */
const LINES_SHOWN_MAX = 26;
const AWAIT_INTERVAL_MS = 100;
const AWAIT_MAX_MS = 120_000;

export class Tour {
  readonly #command: readonly string[];
  readonly #address: string;
  readonly style: ReturnType<typeof colors.createColors>;
  readonly #say: (line: string) => void;
  #chapters = 0;

  constructor(
    command: readonly string[],
    address: string,
    style: ReturnType<typeof colors.createColors>,
    say: (line: string) => void,
  ) {
    this.#command = command;
    this.#address = address;
    this.style = style;
    this.#say = say;
  }

  chapter(title: string, ...lines: readonly string[]): void {
    this.#say("");
    this.#say(this.style.bold(`${++this.#chapters}. ${title}`));
    for (const line of lines) this.#say(line);
  }

  say(line: string): void {
    this.#say(line);
  }

  /** Runs a command and shows it with its answer; it may end with any of `codes`. */
  async show(args: readonly string[], codes: readonly number[] = [0]): Promise<Answer> {
    this.#say(this.style.dim(`$ conductor ${args.map(quoted).join(" ")}`));
    const answer = await this.run(args, codes);
    const lines = `${answer.out}${answer.err}`.split("\n").filter((line) => line.trim() !== "");
    const cut = lines.length - LINES_SHOWN_MAX;
    const shown = cut <= 1
      ? lines
      : [...lines.slice(0, LINES_SHOWN_MAX - 4), `… ${cut} lines more …`, ...lines.slice(-3)];
    for (const line of shown) this.#say(`  ${line}`);
    return answer;
  }

  /** Runs a command without showing it. */
  async run(args: readonly string[], codes: readonly number[] = [0]): Promise<Answer> {
    const [program = "", ...before] = this.#command;
    const { code, stdout, stderr } = await new Deno.Command(program, {
      args: [...before, ...args, "--addr", this.#address],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      env: { NO_COLOR: "1" },
    }).output();
    const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    const answer = { code, out: out ?? "", err: err ?? "" };
    if (codes.includes(code)) return answer;
    throw new Error(`conductor ${args.join(" ")} ended with ${code}: ${answer.out}${answer.err}`);
  }

  /** The answer of a command as JSON. */
  async json<Value>(args: readonly string[]): Promise<Value> {
    return JSON.parse((await this.run([...args, "--output", "json"])).out);
  }

  /** Asks until `holds` says yes; a cluster on a busy machine takes its time. */
  async until<Value>(
    what: string,
    ask: () => Promise<Value>,
    holds: (value: Value) => boolean,
  ): Promise<Value> {
    const untilMs = performance.now() + AWAIT_MAX_MS;
    for (;;) {
      const value = await ask();
      if (holds(value)) return value;
      if (performance.now() > untilMs) {
        throw new Error(`not within ${AWAIT_MAX_MS} ms: ${what}; it is ${JSON.stringify(value)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, AWAIT_INTERVAL_MS));
    }
  }
}

function quoted(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}
