/**
 * Programs that start others and must leave none behind.
 *
 * @module
 */

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Runs `work`, then `stop`: when it is done, when it fails, and when the user has had enough. */
export async function untilInterrupted<Answer>(
  work: () => Promise<Answer>,
  stop: () => Promise<void>,
): Promise<Answer> {
  const interrupted = async () => {
    for (const signal of SIGNALS) Deno.removeSignalListener(signal, interrupted);
    await stop();
    Deno.exit(130);
  };
  for (const signal of SIGNALS) Deno.addSignalListener(signal, interrupted);
  try {
    return await work();
  } finally {
    for (const signal of SIGNALS) Deno.removeSignalListener(signal, interrupted);
    await stop();
  }
}
