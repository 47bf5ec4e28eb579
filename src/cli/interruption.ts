/**
 * The signals by which somebody ends a program: Ctrl-C, `kill`, a terminal that was closed.
 *
 * @module
 */

/** What a process is asked to end by. */
export type Interruption = "SIGINT" | "SIGTERM" | "SIGHUP";

/** The exit code of a program that a signal has ended, as shells have it. */
export function exitCodeOf(signal: Interruption): number {
  return 128 + { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }[signal];
}

/**
 * Whether SIGHUP asks a node to read its files anew. Whoever started it at a terminal and closes that wants
 * it to end, as it does by default; Windows has no such signal.
 */
export function isReloadSignal(): boolean {
  return Deno.build.os !== "windows" && !Deno.stdin.isTerminal();
}

/** From the first moment of a node: what it would have to read anew, it is reading just now. */
export function outliveHangUps(): void {
  if (isReloadSignal()) Deno.addSignalListener("SIGHUP", () => {});
}

/**
 * Calls back with each signal of those that this system has, in place of ending the process.
 *
 * @returns what ends that
 */
export function onInterruption(heard: (signal: Interruption) => void): () => void {
  const signals: readonly Interruption[] = Deno.build.os === "windows"
    ? ["SIGINT"]
    : ["SIGINT", "SIGTERM", "SIGHUP"];
  const listeners = signals.map((signal) => [signal, () => heard(signal)] as const);
  for (const [signal, listener] of listeners) Deno.addSignalListener(signal, listener);
  return () => {
    for (const [signal, listener] of listeners) Deno.removeSignalListener(signal, listener);
  };
}
