/**
 * Takes secrets out of texts that are to be shown to others.
 *
 * @module
 */

/** What stands where a secret stood. */
export const SCRUBBED = "[secret]";

/** Shorter texts stand for too much else to be taken out wherever they occur. */
const SECRET_CHARACTERS_MIN = 6;

/** What looks like a secret, whoever it belongs to; the first group stays. */
const PATTERNS: readonly RegExp[] = [
  /()-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|$)/g,
  // A JWT: a header in base64url always begins so.
  /()\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?/g,
  /(\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}/gi,
  // Also within JSON, and as a query: "api_key":"...", password=...
  /((?:password|passwd|passphrase|secret|secret_key|api[_-]?key|access[_-]?key|token|credential)s?"?\s*[:=]\s*"?)[^\s"',;&}]{4,}/gi,
  /(\/\/[^\s/:@]*:)[^\s/@]+(?=@)/g,
];

/** Makes a function that takes `secrets`, and what looks like one, out of a text. */
export function scrubber(secrets: Iterable<string>): (text: string) => string {
  const known = [...new Set(secrets)]
    .flatMap(writings)
    .filter((each) => each.length >= SECRET_CHARACTERS_MIN)
    // The longest first: of one that holds another, nothing may be left.
    .sort((a, b) => b.length - a.length);
  return (text) => {
    const without = known.reduce((rest, secret) => rest.replaceAll(secret, SCRUBBED), text);
    return PATTERNS.reduce((rest, pattern) => rest.replace(pattern, `$1${SCRUBBED}`), without);
  };
}

/** A secret as it is, and as JSON and URLs write it. */
function writings(secret: string): string[] {
  return [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)];
}
