import { type JWTPayload, SignJWT } from "jose";
import { SecurityConfigurationError, type SecurityProfile } from "./configuration_error.ts";
import { privateKey, secretKey, type TokenKey, weaknessOfSecret } from "./token_keys.ts";
import { isListOfNames, isPlainName } from "./tokens.ts";

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
  /** Life of the access token, in ms. */
  readonly accessTtlMs: number;
  /** Life of the refresh token, in ms. */
  readonly refreshTtlMs: number;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** A new pair. Both are secrets. */
export interface IssuedTokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  /** Milliseconds since the epoch. */
  readonly accessExpiresAtMs: number;
  readonly refreshExpiresAtMs: number;
}

/**
 * Issues an access and a refresh token with the original's claims (`sub`, `iss`, `aud`, `iat`,
 * `exp`, `roles`; a refresh token has `type: "refresh"` and no roles), and a `jti` each.
 *
 * @throws {SecurityConfigurationError} when there is no key, or the secret is too weak
 * @throws {RangeError} when a lifetime is not positive, or the subject is not a name
 */
export async function issueTokens(
  options: TokenIssuerOptions,
  request: TokenRequest,
): Promise<IssuedTokens> {
  const key = await signingKey(options);
  const { subject, roles, accessTtlMs, refreshTtlMs, nowMs } = request;
  if (!isPlainName(subject)) throw new RangeError("the subject must be a name without controls");
  if (!isListOfNames(roles)) throw new RangeError("the roles must be a list of names");
  for (const ttlMs of [accessTtlMs, refreshTtlMs]) {
    if (!(ttlMs > 0)) throw new RangeError(`a token's lifetime must be positive, not ${ttlMs} ms`);
  }
  const issuedAt = Math.floor(nowMs / 1000);
  const sign = (claims: JWTPayload, ttlMs: number) => {
    const expiresAt = issuedAt + Math.max(1, Math.round(ttlMs / 1000));
    const signed = new SignJWT({ ...claims })
      .setProtectedHeader({ alg: key.algorithm, typ: "JWT" })
      .setSubject(subject)
      .setIssuer(options.issuer)
      .setAudience([options.audience])
      .setIssuedAt(issuedAt)
      .setExpirationTime(expiresAt)
      .setJti(crypto.randomUUID())
      .sign(key.key);
    return { signed, expiresAtMs: expiresAt * 1000 };
  };
  const access = sign({ roles: [...roles] }, accessTtlMs);
  const refresh = sign({ type: "refresh" }, refreshTtlMs);
  return {
    accessToken: await access.signed,
    refreshToken: await refresh.signed,
    accessExpiresAtMs: access.expiresAtMs,
    refreshExpiresAtMs: refresh.expiresAtMs,
  };
}

async function signingKey(options: TokenIssuerOptions): Promise<TokenKey> {
  if (options.privateKeyPem) return await privateKey(options.privateKeyPem, "the signing key");
  if (options.secret === "") {
    throw new SecurityConfigurationError([
      "security.jwt.secret_key (JWT_SECRET_KEY) must be set to issue tokens",
    ]);
  }
  const weakness = weaknessOfSecret(options.secret, options.profile);
  if (weakness !== undefined) throw new SecurityConfigurationError([weakness]);
  return secretKey(options.secret);
}
