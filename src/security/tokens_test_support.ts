/**
 * A verifier, claims that it lets pass, and tokens made by hand.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type JWTPayload, SignJWT } from "jose";
import { createTokenVerifier, type TokenVerifier, type TokenVerifierOptions } from "./tokens.ts";
import type { TokenRefusal, TokenVerdict } from "./token_refusals.ts";

export const SECRET = "kJ8#vQ2!pL5@xR9$mN3%wT7^yB1&zC4*";
export const NOW_MS = Date.UTC(2026, 5, 1);
export const NOW = NOW_MS / 1000;

export const OPTIONS: TokenVerifierOptions = {
  profile: "production",
  secret: SECRET,
  publicKeyPath: "",
  issuer: "conductor-production",
  audience: "conductor-api",
  skipExpiry: false,
};

export async function verifierOf(
  overrides: Partial<TokenVerifierOptions> = {},
): Promise<TokenVerifier> {
  const verifier = await createTokenVerifier({ ...OPTIONS, ...overrides });
  assert.ok(verifier !== null);
  return verifier;
}

export const CLAIMS: JWTPayload = {
  sub: "alice",
  roles: ["operator"],
  iss: "conductor-production",
  aud: ["conductor-api"],
  iat: NOW,
  exp: NOW + 900,
};

export function hs256(
  claims: Record<string, unknown>,
  header: Record<string, unknown> = {},
  secret = SECRET,
): Promise<string> {
  return new SignJWT(claims as JWTPayload)
    .setProtectedHeader({ alg: "HS256", ...header })
    .sign(new TextEncoder().encode(secret));
}

/** A token put together by hand, for what a library would not make. */
export function unsigned(header: unknown, claims: unknown, signature = ""): string {
  const part = (value: unknown) =>
    Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
  return `${part(header)}.${part(claims)}.${signature}`;
}

export function reasonOf(verdict: TokenVerdict): TokenRefusal | "passed" {
  return verdict.ok ? "passed" : verdict.reason;
}

export const { exp: _exp, ...withoutExp } = CLAIMS;
export const { sub: _sub, ...withoutSub } = CLAIMS;
export const { iss: _iss, ...withoutIss } = CLAIMS;
export const { aud: _aud, ...withoutAud } = CLAIMS;
