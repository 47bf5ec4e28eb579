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
