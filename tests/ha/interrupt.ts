/**
 * Programs that start others and must leave none behind.
 *
 * @module
 */

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Runs `work`, then `stop`, once: when it is done, when it fails, and when the user has had enough.
 * Further signals change nothing: one Ctrl-C comes twice, from the terminal and from `deno task`.
 */
export async function untilInterrupted<Answer>(
  work: () => Promise<Answer>,
  stop: (wasInterrupted: boolean) => Promise<void>,
): Promise<Answer> {
  let isInterrupted = false;
  const forget = () => {
    for (const signal of SIGNALS) Deno.removeSignalListener(signal, interrupted);
  };
  const interrupted = async () => {
    if (isInterrupted) return;
    isInterrupted = true;
    await stop(true);
    Deno.exit(130);
  };
  for (const signal of SIGNALS) Deno.addSignalListener(signal, interrupted);
  try {
    return await work();
  } finally {
    // The work may have failed because everything is being stopped: that is no news, and goes on.
    if (isInterrupted) await new Promise(() => {});
    forget();
    await stop(false);
  }
}
