/**
 * `--watch`: an answer again and again. On a terminal it is drawn over itself; elsewhere what is new
 * is appended.
 *
 * @module
 */

import { pause, Refusal } from "../rpc/mod.ts";
import { type Answer, formatOf, jsonLine, linesOf, rendered, sheetOf, tell } from "./answer.ts";
import { FlagReader } from "./arguments.ts";
import { onResize } from "./resize.ts";
import type { Flags } from "./router.ts";
import { cut } from "./table.ts";
import { printable, type Sheet, type Sink, type Terminal } from "./terminal.ts";

const INTERVAL_MS = 2_000;
/** A cluster is not asked more often than this by one command. */
const INTERVAL_MS_MIN = 100;

/**
 * Prints the answer once or, with `--watch`, until Ctrl-C or `signal`.
 *
 * @throws what `ask` throws the first time; later, a cluster without a leader is waited for
 */
export async function tellOrWatch(
  flags: Flags,
  terminal: Terminal,
  ask: () => Promise<Answer>,
  signal?: AbortSignal,
): Promise<void> {
  const intervalMs = intervalOf(flags);
  if (intervalMs === undefined) return tell(flags, terminal, await ask());
  const first = await ask();
  const view = formatOf(flags) === "table" && terminal.out.canDraw
    ? new Redrawn(flags, terminal.out, first)
    : new Appended(flags, terminal, first);
  const stopResizing = onResize(() => view.resize());
  try {
    for (;;) {
      await pause(intervalMs, signal);
      if (terminal.out.isAbandoned?.() === true) {
        throw new Deno.errors.BrokenPipe("nobody reads stdout any more");
      }
      await next(view, ask);
    }
  } catch (failure) {
    if (signal?.aborted !== true) throw failure;
  } finally {
    stopResizing();
  }
}

async function next(view: Redrawn | Appended, ask: () => Promise<Answer>): Promise<void> {
  try {
    view.show(await ask());
  } catch (failure) {
    if (!isPassing(failure)) throw failure;
    view.miss(printable(failure.message));
  }
}

/** Whether the cluster may answer the same question soon. */
export function isPassing(failure: unknown): failure is Refusal {
  return failure instanceof Refusal &&
    ["unavailable", "not_leader", "outcome_unknown"].includes(failure.reason);
}

function intervalOf(flags: Flags): number | undefined {
  if (flags.watch === undefined || flags.watch === true) {
    return flags.watch === true ? INTERVAL_MS : undefined;
  }
  const reader = new FlagReader(flags);
  const intervalMs = reader.duration("watch", ", or let --watch stand last") ?? INTERVAL_MS;
  if (intervalMs < INTERVAL_MS_MIN) {
    reader.fault("watch", `give ${INTERVAL_MS_MIN}ms or more`);
  }
  reader.done();
  return intervalMs;
}

/** A terminal's whole face. */
class Redrawn {
  readonly #flags: Flags;
  readonly #out: Sink;
  #answer: Answer;
  #remark = "";

  constructor(flags: Flags, out: Sink, answer: Answer) {
    this.#flags = flags;
    this.#out = out;
    this.#answer = answer;
    out.write("\u001b[2J");
    this.resize();
  }

  show(answer: Answer): void {
    this.#answer = answer;
    this.#remark = "";
    this.resize();
  }

  miss(why: string): void {
    this.#remark = why;
    this.resize();
  }

  resize(): void {
    const sheet = sheetOf(this.#flags, this.#out);
    const time = new Date().toTimeString().slice(0, 8);
    const head = this.#remark === "" ? `${time}  Ctrl-C ends` : `${time}  ${this.#remark}`;
    const { style } = sheet;
    const [columns, rows] = [this.#out.columns(), this.#out.rows()];
    const note = this.#answer.note === undefined ? "" : `${this.#answer.note}\n`;
    const text = `${style.dim(cut(head, columns))}\n\n${this.#answer.text(sheet)}${note}`;
    this.#out.write(frame(text, { style, columns, rows }));
  }
}

/**
 * What draws `text` over what stood on the terminal before: each line clears what was behind it, and
 * the last one what was below. No line is longer than the terminal, or the next would stand a line
 * lower than it is taken to; lines that have no room are counted.
 */
export function frame(
  text: string,
  { style, columns, rows }: Sheet & { readonly rows: number },
): string {
  const lines = text.replace(/\n$/, "").split("\n");
  const room = rows - 1;
  const shown = lines.length <= room ? lines : [
    ...lines.slice(0, room - 1),
    style.dim(`(${lines.length - room + 1} lines more than the terminal has)`),
  ];
  return `\u001b[H${shown.map((line) => `${cut(line, columns)}\u001b[K\n`).join("")}\u001b[J`;
}

/** A pipe or a file: each answer that differs from the one before; of lists in JSON Lines, what does. */
class Appended {
  readonly #flags: Flags;
  readonly #terminal: Terminal;
  #last = "";
  #known = new Set<string>();

  constructor(flags: Flags, terminal: Terminal, answer: Answer) {
    this.#flags = flags;
    this.#terminal = terminal;
    this.show(answer);
  }

  show(answer: Answer): void {
    const { out } = this.#terminal;
    const format = formatOf(this.#flags);
    if (format === "jsonl") {
      const lines = linesOf(answer).map(jsonLine);
      out.write(lines.filter((line) => !this.#known.has(line)).join(""));
      this.#known = new Set(lines);
      return;
    }
    const text = rendered(answer, format, sheetOf(this.#flags, out));
    if (text === this.#last) return;
    const between = format === "yaml"
      ? "---\n"
      : this.#last === "" || format === "json"
      ? ""
      : "\n";
    out.write(`${between}${text}`);
    this.#last = text;
  }

  miss(why: string): void {
    this.#terminal.err.write(`conductor: ${why}\n`);
  }

  resize(): void {}
}
