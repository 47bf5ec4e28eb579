/**
 * A terminal that remembers what was written to it.
 *
 * @module
 */

import colors from "picocolors";
import type { Sink, Terminal } from "./terminal.ts";

/** What was written, stream by stream. */
export interface Recording extends Terminal {
  readonly written: { out: string; err: string };
}

/** A person's terminal, or (by default) two pipes. */
export function recording(
  options: { isTerminal?: boolean; columns?: number; rows?: number } = {},
): Recording {
  const written = { out: "", err: "" };
  const sink = (stream: "out" | "err"): Sink => ({
    isTerminal: options.isTerminal ?? false,
    canDraw: options.isTerminal ?? false,
    style: colors.createColors(false),
    columns: () => options.columns ?? 80,
    rows: () => options.rows ?? 24,
    write(text) {
      written[stream] += text;
    },
  });
  return { out: sink("out"), err: sink("err"), written };
}
