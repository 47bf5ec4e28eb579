/**
 * The tokens that callers of the matrix show.
 *
 * @module
 */

import { createPublicKey, type KeyObject } from "node:crypto";
import { type JWTPayload, SignJWT } from "jose";

const ISSUER = "conductor-production";
const AUDIENCE = "conductor-api";

/** The cluster's key, which signs with ES256, and what of it everybody may have. */
export interface SigningKey {
  readonly privateKey: KeyObject;
  readonly publicKeyPem: string;
}

/** Roles of `config/rbac-policies.json`, and one that it does not have. */
export const ROLES = ["admin", "operator", "viewer", "worker", "master", "stranger"] as const;
export type RoleName = (typeof ROLES)[number];

/** What is wrong with a token, so that nobody knows who calls. */
export const BAD_TOKENS = [
  "none at all",
  "malformed",
  "of alg none",
  "of another algorithm",
  "of another key",
  "expired",
  "not yet valid",
  "of another issuer",
  "for another audience",
  "a refresh token",
  "revoked",
] as const;
export type BadToken = (typeof BAD_TOKENS)[number];

/** Tokens that open one kind of door, once. */
export const JOIN_TOKENS = ["joins a master", "joins a worker"] as const;
export type JoinToken = (typeof JOIN_TOKENS)[number];

export type TokenState = BadToken | JoinToken | RoleName;

/** Value of the `authorization` header in each state; undefined: it is left out. */
export type Tokens = Readonly<Record<TokenState, string | undefined>>;

/** Who holds the token that is to be revoked. */
export const REVOKED_SUBJECT = "mallory";

/** Claims of an administrator's token that is right. */
export function goodClaims(): JWTPayload {
  const now = Math.floor(Date.now() / 1_000);
  return {
    sub: "root",
    iss: ISSUER,
    aud: [AUDIENCE],
    iat: now,
    exp: now + 3_600,
    roles: ["admin"],
    jti: crypto.randomUUID(),
  };
}

/** Signs whatever it is given, with the cluster's key. */
export function signed(
  { privateKey }: SigningKey,
  claims: JWTPayload,
  header: Record<string, unknown> = {},
): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: "ES256", ...header }).sign(privateKey);
}

/** A token put together by hand, as no library would. */
export function assembled(header: unknown, claims: unknown, signature = ""): string {
  return [header, claims].map((part) => base64url(part)).concat(signature).join(".");
}

/** Text as it is, anything else as JSON. */
export function base64url(part: unknown): string {
  return new TextEncoder().encode(typeof part === "string" ? part : JSON.stringify(part))
    .toBase64({ alphabet: "base64url", omitPadding: true });
}

/** Makes a token of each state. The revoked one is so only once the cluster was told. */
export async function makeTokens(key: SigningKey, otherKey: SigningKey): Promise<Tokens> {
  const claims = goodClaims();
  const now = claims.iat ?? 0;
  const bearer = async (token: string | Promise<string>) => `Bearer ${await token}`;
  const ours = (changes: JWTPayload) => bearer(signed(key, { ...claims, ...changes }));
  const join = (joins: string) => ours({ sub: "*", type: "join", joins, roles: undefined });
  const hs256 = new SignJWT(claims).setProtectedHeader({ alg: "HS256" })
    .sign(new TextEncoder().encode(key.publicKeyPem));
  const refresh = { type: "refresh", fam: "f", gen: 0, grants: { roles: ["admin"] } };
  const roles = await Promise.all(
    ROLES.map(async (role) => [role, await ours({ sub: `of-${role}`, roles: [role] })] as const),
  );
  return {
    "none at all": undefined,
    malformed: "Bearer not.a.token",
    "of alg none": await bearer(assembled({ alg: "none" }, claims)),
    "of another algorithm": await bearer(hs256),
    "of another key": await bearer(signed(otherKey, claims)),
    expired: await ours({ iat: now - 7_200, exp: now - 3_600 }),
    "not yet valid": await ours({ nbf: now + 3_600 }),
    "of another issuer": await ours({ iss: "conductor-staging" }),
    "for another audience": await ours({ aud: ["elsewhere"] }),
    "a refresh token": await ours({ ...refresh, roles: undefined }),
    revoked: await ours({ sub: REVOKED_SUBJECT }),
    "joins a master": await join("master"),
    "joins a worker": await join("worker"),
    ...Object.fromEntries(roles) as Record<RoleName, string>,
  };
}

/** A key as a cluster has it. */
export async function makeSigningKey(): Promise<SigningKey & { readonly pem: string }> {
  const { generateKeyPairSync } = await import("node:crypto");
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const publicKeyPem = createPublicKey(privateKey).export({ type: "spki", format: "pem" });
  const pem = privateKey.export({ type: "pkcs8", format: "pem" });
  return { privateKey, publicKeyPem: publicKeyPem.toString(), pem: pem.toString() };
}
