/**
 * `answers.ts URL SECONDS`: waits until the URL answers with success, and exits with 0; after
 * `SECONDS` says what came instead, and exits with 1. For scripts on machines that have no curl.
 *
 * @module
 */

const [url = "", seconds = "1"] = Deno.args;
const untilMs = performance.now() + Number(seconds) * 1_000;
while (true) {
  const reason = await whyNot();
  if (reason === undefined) Deno.exit(0);
  if (performance.now() >= untilMs) {
    console.error(`${url}: ${reason}`);
    Deno.exit(1);
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
}

async function whyNot(): Promise<string | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    const text = await response.text();
    return response.ok ? undefined : `${response.status} ${text.trim().replaceAll("\n", "; ")}`;
  } catch (failure) {
    return failure instanceof Error ? failure.message : String(failure);
  }
}
