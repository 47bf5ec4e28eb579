/**
 * Waiting for what must come true.
 *
 * @module
 */

/** Far beyond what anything here takes on a machine with much else to do, so that only a fault runs into it. */
const DEADLINE_MS = 180_000;
const PAUSE_MS = 25;

/**
 * Asks until the answer is not undefined, and resolves to it.
 *
 * @throws Error that names what did not come true.
 */
export async function eventually<Answer>(
  what: string,
  ask: () => Promise<Answer | undefined>,
  deadlineMs = DEADLINE_MS,
): Promise<Answer> {
  const endMs = performance.now() + deadlineMs;
  while (performance.now() < endMs) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await pause(PAUSE_MS);
  }
  throw new Error(`not within ${deadlineMs} ms: ${what}`);
}

/** Waits until a file that another process writes holds `pattern`; it may come after its answer. */
export async function written(file: string, pattern: RegExp): Promise<string> {
  return await eventually(`${file} says ${pattern}`, async () => {
    const text = await Deno.readTextFile(file);
    return pattern.test(text) ? text : undefined;
  });
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
