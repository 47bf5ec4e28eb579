/**
 * Answers with everything that an answer about a live node needs: its length, so that HEAD can tell
 * it, and a ban on caching.
 *
 * @module
 */

const encoder = new TextEncoder();

export function textAnswer(
  status: number,
  text: string,
  contentType = "text/plain; charset=utf-8",
): Response {
  return answerOf(status, text, { "content-type": contentType });
}

/** @throws TypeError when `value` cannot be written as JSON */
export function jsonAnswer(
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const contentType = { "content-type": "application/json; charset=utf-8" };
  return answerOf(status, `${JSON.stringify(value)}\n`, { ...contentType, ...headers });
}

function answerOf(
  status: number,
  text: string,
  headers: Readonly<Record<string, string>>,
): Response {
  const body = encoder.encode(text);
  return new Response(body, {
    status,
    headers: {
      "content-length": String(body.length),
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      ...headers,
    },
  });
}
