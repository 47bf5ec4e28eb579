/**
 * What the audit logs of the masters say of what was refused.
 *
 * @module
 */

import type { Program } from "./program.ts";

/** A refusal that must have left a line. */
export interface Refused {
  readonly node: string;
  /** Who was refused; absent: it was not known. */
  readonly userId?: string;
  /** Absent: the words say it. */
  readonly method?: string;
  /** What the line's reason, error or detail has. */
  readonly words: RegExp | string;
}

/** Lines are written a moment after their caller was answered. */
const AWAIT_MS = 15_000;
const INTERVAL_MS = 200;

interface Line {
  readonly method?: string;
  readonly user_id?: string;
  readonly reason?: string;
  readonly error?: string;
  readonly detail?: string;
}

/** The line of each refusal, in their order; undefined where there is none after a while. */
export async function linesOf(
  program: Program,
  refusals: readonly Refused[],
): Promise<readonly (string | undefined)[]> {
  const untilMs = performance.now() + AWAIT_MS;
  for (;;) {
    const logs = new Map<string, readonly string[]>();
    for (const node of new Set(refusals.map(({ node }) => node))) {
      const text = await Deno.readTextFile(program.at(`${node}.audit.log`));
      // The last line may not be whole yet.
      logs.set(node, text.split("\n").slice(0, -1));
    }
    const lines = refusals.map((refused) =>
      logs.get(refused.node)?.find((line) => isAbout(JSON.parse(line), refused))
    );
    if (!lines.includes(undefined) || performance.now() > untilMs) return lines;
    await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
  }
}

function isAbout(line: Line, { method, userId, words }: Refused): boolean {
  const text = `${line.reason ?? ""} ${line.error ?? ""} ${line.detail ?? ""}`;
  return (method === undefined || line.method === method) &&
    (userId === undefined || line.user_id === userId) &&
    (typeof words === "string" ? text.includes(words) : words.test(text));
}

/** Without the chain, which is checked as a whole. */
export function shortened(line: string): string {
  return line.replace(/,"(latency|request_id|trace_id)":("[^"]*"|[\d.e-]+)/g, "")
    .replace(/,"seq":\d+,"prev":"[^"]*","hash":"[^"]*"\}$/, "}");
}
