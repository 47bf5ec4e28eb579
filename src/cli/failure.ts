/**
 * From whatever went wrong to an exit code and a line for the person who reads it.
 *
 * @module
 */

import { ConfigError } from "../config/mod.ts";
import type { Terminal } from "./terminal.ts";

/** Exit codes of every command. */
export const EXIT = { done: 0, failed: 1, misused: 2, interrupted: 130 } as const;

/** The command line asks for something that is not possible. Exit code 2. */
export class Misuse extends Error {
  override name = "Misuse";
}

/** The command did its work and the answer is no (a job that failed, say). Exit code 1. */
export class NegativeAnswer extends Error {
  override name = "NegativeAnswer";
}

/** The person at the terminal did not want to wait. Exit code 130, as shells have it. */
export class Interrupted extends Error {
  override name = "Interrupted";
}

/** Prints a failure and says which exit code it means. */
export function reportFailure(failure: unknown, terminal: Terminal): number {
  // Whoever read our answer has gone (`conductor list | head -1`): there is nobody to tell.
  if (failure instanceof Deno.errors.BrokenPipe) return EXIT.failed;
  const message = failure instanceof Error ? failure.message : String(failure);
  if (message !== "") {
    terminal.err.write(`${terminal.err.style.red("conductor:")} ${message}\n`);
  }
  if (failure instanceof Interrupted) return EXIT.interrupted;
  return isMisuse(failure) ? EXIT.misused : EXIT.failed;
}

function isMisuse(failure: unknown): boolean {
  if (failure instanceof Misuse || failure instanceof ConfigError) return true;
  // Refusal is of src/rpc, which is heavy; a command that never called it has none.
  return failure instanceof Error && failure.name === "Refusal" && "reason" in failure &&
    failure.reason === "invalid";
}
