/**
 * From whatever went wrong to an exit code and a line for the person who reads it.
 *
 * @module
 */

import { ConfigError } from "../config/mod.ts";
import type { Terminal } from "./terminal.ts";

/** Exit codes of every command. */
export const EXIT = { done: 0, failed: 1, misused: 2 } as const;

/** The command line asks for something that is not possible. Exit code 2. */
export class Misuse extends Error {
  override name = "Misuse";
}

/** The command did its work and the answer is no (a job that failed, say). Exit code 1. */
export class NegativeAnswer extends Error {
  override name = "NegativeAnswer";
}

/** Prints a failure and says which exit code it means. */
export function reportFailure(failure: unknown, terminal: Terminal): number {
  if (failure instanceof NegativeAnswer) {
    if (failure.message !== "") say(terminal, failure.message);
    return EXIT.failed;
  }
  const message = failure instanceof Error ? failure.message : String(failure);
  say(terminal, message);
  return isMisuse(failure) ? EXIT.misused : EXIT.failed;
}

function isMisuse(failure: unknown): boolean {
  if (failure instanceof Misuse || failure instanceof ConfigError) return true;
  // Refusal is of src/rpc, which is heavy; a command that never called it has none.
  return failure instanceof Error && failure.name === "Refusal" && "reason" in failure &&
    failure.reason === "invalid";
}

function say({ err }: Terminal, message: string): void {
  err.write(`${err.style.red("conductor:")} ${message}\n`);
}
