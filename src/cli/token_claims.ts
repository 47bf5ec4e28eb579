/**
 * What a token says of itself, read without checking it: for its holder, who wants to know when to
 * renew it, not for whoever is to be convinced by it.
 *
 * @module
 */

export interface UncheckedClaims {
  readonly kind: string;
  /** Milliseconds since the epoch. */
  readonly issuedAtMs: number | undefined;
  readonly expiresAtMs: number | undefined;
  /** Whether its bearer is confined to namespaces. */
  readonly isConfined: boolean;
}

/** Undefined: that is no JWT. */
export function claimsIn(token: string): UncheckedClaims | undefined {
  const claims = jsonPart(token.split(".")[1] ?? "");
  if (claims === undefined) return undefined;
  const { type = "access", iat, exp, namespaces } = claims;
  return {
    kind: String(type),
    issuedAtMs: msOf(iat),
    expiresAtMs: msOf(exp),
    isConfined: namespaces !== undefined,
  };
}

/** A part of a JWT; undefined when it is no JSON object in base64url. */
export function jsonPart(part: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const bytes = Uint8Array.fromBase64(part, { alphabet: "base64url" });
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? value as Record<string, unknown>
      : undefined;
  } catch {
    return undefined; // the parser's message would quote the token
  }
}

function msOf(seconds: unknown): number | undefined {
  return typeof seconds === "number" && Number.isFinite(seconds) ? seconds * 1000 : undefined;
}
