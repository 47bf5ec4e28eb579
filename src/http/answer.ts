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

/**
 * That something went wrong. Below `/api/` it reads as every answer of the API does, elsewhere as the
 * other pages always said it.
 */
export function faultAnswer(
  path: string,
  status: number,
  { code, message, ...more }: {
    /** As gRPC names it: `NOT_FOUND`. */
    readonly code: string;
    readonly message: string;
  } & Readonly<Record<string, unknown>>,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return path.startsWith("/api/")
    ? jsonAnswer(status, { error: { code, message } }, headers)
    : jsonAnswer(status, { error: code.toLowerCase(), message, ...more }, headers);
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
      "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
      "cross-origin-resource-policy": "same-origin",
      "referrer-policy": "no-referrer",
      ...headers,
    },
  });
}
