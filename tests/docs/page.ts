/**
 * What a page of the documentation asks of its reader: which files to write, what to type, what comes.
 *
 * A fence of `console` is a session: lines that begin with `$ ` are typed (and what follows a `\` at the end,
 * or begins with `> `), the lines below are what comes. A comment right above a fence says more about it:
 *
 * - `<!-- file: NAME -->`: its text is the file of that name.
 * - `<!-- terminal -->`: its one command goes on in a terminal of its own; what is shown is how it begins.
 * - `<!-- not run: REASON -->`: it is for readers alone.
 *
 * @module
 */

/** One thing that a reader does. */
export type Step =
  | { readonly kind: "file"; readonly name: string; readonly text: string }
  | { readonly kind: "command" | "terminal"; readonly session: Session };

/** A command and what is shown of its answer. */
export interface Session {
  readonly command: string;
  readonly output: readonly string[];
  /** Where the output stands in the page: index of its first line. */
  readonly outputAt: number;
}

/** A page, read. */
export interface Page {
  readonly steps: readonly Step[];
  /** The reasons of the fences that are not run. */
  readonly notRun: readonly string[];
  /** What is wrong with the page itself, with line numbers. */
  readonly faults: readonly string[];
}

interface Fence {
  readonly language: string;
  readonly lines: readonly string[];
  /** Index of the first line inside. */
  readonly at: number;
  readonly comment: string;
}

/** Languages of fences that a reader would type into a shell. */
const SHELL = ["sh", "bash", "shell", "console"];

/** How a fence begins that is one whatever its language says. */
const TYPED = /^(\$ |(conductor|deno|npx|curl|kubectl|docker) )/;

/** Reads a page's text. */
export function readPage(text: string): Page {
  const steps: Step[] = [];
  const notRun: string[] = [];
  const faults: string[] = [];
  for (const fence of fencesOf(text.split("\n"))) {
    const [, directive = "", value = ""] = /^<!-- (file|terminal|not run)(?:: (.+))? -->$/.exec(
      fence.comment,
    ) ?? [];
    const isTyped = SHELL.includes(fence.language) || TYPED.test(fence.lines[0] ?? "");
    if (directive === "not run" && value !== "") notRun.push(value);
    else if (directive === "file" && value !== "") {
      steps.push({ kind: "file", name: value, text: fence.lines.join("\n") + "\n" });
    } else if (isTyped && !fence.lines[0]?.startsWith("$ ")) {
      faults.push(`line ${fence.at}: begins with no "$ ", and says not why it is not run`);
    } else if (isTyped) {
      const kind = directive === "terminal" ? "terminal" : "command";
      const sessions = sessionsOf(fence);
      if (kind === "terminal" && sessions.length !== 1) {
        faults.push(`line ${fence.at}: a terminal has one command`);
      }
      steps.push(...sessions.map((session) => ({ kind, session }) as const));
    }
  }
  return { steps, notRun, faults };
}

function* fencesOf(lines: readonly string[]): Generator<Fence> {
  for (let at = 0; at < lines.length; at++) {
    const [, language] = /^```(.*)$/.exec(lines[at]!) ?? [];
    if (language === undefined) continue;
    const end = lines.indexOf("```", at + 1);
    if (end < 0) throw new Error(`the fence of line ${at + 1} has no end`);
    const comment = lines[at - 1] ?? "";
    yield { language: language.trim(), lines: lines.slice(at + 1, end), at: at + 1, comment };
    at = end;
  }
}

function sessionsOf({ lines, at }: Fence): Session[] {
  const sessions: { command: string; output: string[]; outputAt: number }[] = [];
  lines.forEach((line, offset) => {
    const last = sessions.at(-1);
    if (line.startsWith("$ ")) {
      sessions.push({ command: line.slice(2), output: [], outputAt: at + offset + 1 });
    } else if (last === undefined) throw new Error(`line ${at + offset + 1}: output of no command`);
    else if (last.command.endsWith("\\") && last.output.length === 0) {
      last.command += `\n${line}`;
      last.outputAt++;
    } else if (line.startsWith("> ") && last.output.length === 0) {
      last.command += `\n${line.slice(2)}`;
      last.outputAt++;
    } else last.output.push(line);
  });
  return sessions;
}
