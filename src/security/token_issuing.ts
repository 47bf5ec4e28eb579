import { type JWTPayload, SignJWT } from "jose";
import { SecurityConfigurationError, type SecurityProfile } from "./configuration_error.ts";
import { ANY_NAME, isListOfNames, isPlainName, type Joining } from "./token_claims.ts";
import { privateKey, secretKey, type TokenKey, weaknessOfSecret } from "./token_keys.ts";

/** What signs tokens, and what they say of their origin. Empty strings mean "not set". */
export interface TokenIssuerOptions {
  readonly profile: SecurityProfile;
  /** Signs with HS256 ... */
  readonly secret: string;
  /** ... or this PEM private key does, with the algorithm of its kind. */
  readonly privateKeyPem?: string;
  readonly issuer: string;
  readonly audience: string;
}

/** Whom tokens are for. */
export interface TokenRequest {
  readonly subject: string;
  readonly roles: readonly string[];
  /** Jobs of these namespaces alone; absent: of all. */
  readonly namespaces?: readonly string[];
  /** Life of the access token, in ms. */
  readonly accessTtlMs: number;
  /** Life of the refresh token, in ms. */
  readonly refreshTtlMs: number;
  /** Which family the refresh token is of, and its place in it. Default: the first of a new one. */
  readonly family?: { readonly id: string; readonly generation: number };
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** A new pair. Both are secrets. */
export interface IssuedTokens {
  readonly accessToken: string;
  /** `jti` of the access token. */
  readonly tokenId: string;
  readonly refreshToken: string;
  readonly family: string;
  /** Milliseconds since the epoch. */
  readonly accessExpiresAtMs: number;
  readonly refreshExpiresAtMs: number;
}

/** Life of a join token whose order names none, in ms. */
export const JOIN_TTL_MS = 15 * 60 * 1000;

/** Whom a join token lets in. */
export interface JoinTokenRequest {
  readonly joins: Joining;
  /** Name of the node that may use it; absent: any. */
  readonly name?: string;
  readonly ttlMs: number;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** A token that opens a door once. It is a secret. */
export interface IssuedJoinToken {
  readonly token: string;
  readonly tokenId: string;
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number;
}

/**
 * Issues an access and a refresh token with the original's claims (`sub`, `iss`, `aud`, `iat`,
 * `exp`, `roles`; a refresh token has `type: "refresh"` and no roles of its own), and a `jti` each.
 * Both name their family (`fam`); the refresh token says which of it it is (`gen`), and what it buys
 * (`grants`).
 *
 * @throws {SecurityConfigurationError} when there is no key, or the secret is too weak
 * @throws {RangeError} when a lifetime is not positive, or the subject is not a name
 */
export async function issueTokens(
  options: TokenIssuerOptions,
  request: TokenRequest,
): Promise<IssuedTokens> {
  const key = await signingKey(options);
  const { subject, roles, namespaces, accessTtlMs, refreshTtlMs, nowMs } = request;
  if (!isListOfNames(roles)) throw new RangeError("the roles must be a list of names");
  if (namespaces !== undefined && !isListOfNames(namespaces)) {
    throw new RangeError("the namespaces must be a list of names");
  }
  const { id: fam, generation: gen } = request.family ??
    { id: crypto.randomUUID(), generation: 0 };
  const grants = {
    roles: [...roles],
    ...(namespaces === undefined ? {} : { namespaces: [...namespaces] }),
  };
  const signer = { key, options, subject, nowMs };
  const access = await signed(signer, { ...grants, fam }, accessTtlMs);
  const refresh = await signed(signer, { type: "refresh", fam, gen, grants }, refreshTtlMs);
  return {
    accessToken: access.token,
    tokenId: access.tokenId,
    refreshToken: refresh.token,
    family: fam,
    accessExpiresAtMs: access.expiresAtMs,
    refreshExpiresAtMs: refresh.expiresAtMs,
  };
}

/**
 * Issues a token that lets a master or a worker in, once.
 *
 * @throws {SecurityConfigurationError} when there is no key, or the secret is too weak
 * @throws {RangeError} when its lifetime is not positive, or the name is none
 */
export async function issueJoinToken(
  options: TokenIssuerOptions,
  { joins, name = ANY_NAME, ttlMs, nowMs }: JoinTokenRequest,
): Promise<IssuedJoinToken> {
  const key = await signingKey(options);
  return await signed({ key, options, subject: name, nowMs }, { type: "join", joins }, ttlMs);
}

async function signed(
  { key, options, subject, nowMs }: {
    readonly key: TokenKey;
    readonly options: TokenIssuerOptions;
    readonly subject: string;
    readonly nowMs: number;
  },
  claims: JWTPayload,
  ttlMs: number,
): Promise<IssuedJoinToken> {
  if (!isPlainName(subject)) {
    throw new RangeError(
      "the subject must be a name of 1 to 256 characters, none of them a control or not seen",
    );
  }
  if (!(ttlMs > 0)) throw new RangeError(`a token's lifetime must be positive, not ${ttlMs} ms`);
  const issuedAt = Math.floor(nowMs / 1000);
  const expiresAt = issuedAt + Math.max(1, Math.round(ttlMs / 1000));
  const tokenId = crypto.randomUUID();
  const token = await new SignJWT({ ...claims })
    .setProtectedHeader({ alg: key.algorithm, typ: "JWT" })
    .setSubject(subject)
    .setIssuer(options.issuer)
    .setAudience([options.audience])
    .setIssuedAt(issuedAt)
    .setExpirationTime(expiresAt)
    .setJti(tokenId)
    .sign(key.key);
  return { token, tokenId, expiresAtMs: expiresAt * 1000 };
}

async function signingKey(options: TokenIssuerOptions): Promise<TokenKey> {
  if (options.privateKeyPem) return await privateKey(options.privateKeyPem, "the signing key");
  if (options.secret === "") {
    throw new SecurityConfigurationError([
      "security.jwt.secret_key (JWT_SECRET_KEY) or security.jwt.private_key_path must be set to " +
      "issue tokens",
    ]);
  }
  const weakness = weaknessOfSecret(options.secret, options.profile);
  if (weakness !== undefined) throw new SecurityConfigurationError([weakness]);
  return secretKey(options.secret);
}
