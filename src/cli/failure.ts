/**
 * From whatever went wrong to an exit code and a line for the person who reads it.
 *
 * @module
 */

import { ConfigError } from "../config/mod.ts";
import { exitCodeOf, type Interruption } from "./interruption.ts";
import type { Terminal } from "./terminal.ts";

/** Exit codes of every command. */
export const EXIT = {
  done: 0,
  failed: 1,
  misused: 2,
  late: 124,
  interrupted: 130,
  terminated: 143,
} as const;

/** The command line asks for something that is not possible. Exit code 2. */
export class Misuse extends Error {
  override name = "Misuse";
}

/** The command did its work and the answer is no (a job that failed, say). Exit code 1. */
export class NegativeAnswer extends Error {
  override name = "NegativeAnswer";
}

/** What was waited for is not there yet, and the time is over. Exit code 124, as of timeout(1). */
export class OutOfTime extends Error {
  override name = "OutOfTime";
}

/** Somebody did not want to wait. Exit code 130 (Ctrl-C), 143 (SIGTERM) or 129, as shells have it. */
export class Interrupted extends Error {
  override name = "Interrupted";
  readonly signal: Interruption;

  constructor(message?: string, signal: Interruption = "SIGINT") {
    super(message);
    this.signal = signal;
  }
}

/** Prints a failure and says which exit code it means. */
export function reportFailure(failure: unknown, terminal: Terminal): number {
  // Whoever read our answer has gone (`conductor list | head -1`): there is nobody to tell.
  if (failure instanceof Deno.errors.BrokenPipe) return EXIT.failed;
  const message = (failure instanceof Error ? failure.message : String(failure)) + hintOf(failure);
  if (message !== "") {
    terminal.err.write(`${terminal.err.style.red("conductor:")} ${message}\n`);
  }
  if (failure instanceof Interrupted) return exitCodeOf(failure.signal);
  if (failure instanceof OutOfTime) return EXIT.late;
  return isMisuse(failure) ? EXIT.misused : EXIT.failed;
}

/** When what is full may have room again. */
function hintOf(failure: unknown): string {
  const isFull = isRefusal(failure) && failure.reason === "overloaded" &&
    typeof failure.retryAfterMs === "number" && !failure.message.includes("try again in");
  if (!isFull) return "";
  return `; try again in ${Math.max(1, Math.ceil(failure.retryAfterMs as number / 1000))} s`;
}

// Refusal is of src/rpc, which is heavy; a command that never called it has none.
function isRefusal(
  failure: unknown,
): failure is Error & { readonly reason: unknown; readonly retryAfterMs?: unknown } {
  return failure instanceof Error && failure.name === "Refusal" && "reason" in failure;
}

function isMisuse(failure: unknown): boolean {
  if (failure instanceof Misuse || failure instanceof ConfigError) return true;
  // Of src/observability, and heavy as well. It will not be right at the next start: systemd is not to try for ever.
  if (failure instanceof Error && failure.name === "TracingConfigError") return true;
  return isRefusal(failure) && (failure.reason === "invalid" || failure.reason === "too_large");
}
