/**
 * Checking the JSON Web Tokens that callers present.
 *
 * After RFC 8725: each key is bound to one algorithm and the token's header chooses nothing but
 * which of our keys is tried; issuer, audience, expiry and kind are all required; header fields that
 * name keys (`jku`, `x5u`, `jwk`, `kid`) are not looked at.
 */

import { hash } from "node:crypto";
import { type CryptoKey, errors, type JWTPayload, jwtVerify, type JWTVerifyOptions } from "jose";
import { BoundedMap } from "./bounded_map.ts";
import { instant } from "./certificates.ts";
import { SecurityConfigurationError, type SecurityProfile } from "./configuration_error.ts";
import { readPublicFile } from "./key_files.ts";
import {
  LATEST_EXPIRY_SECONDS,
  readClaims,
  type TokenClaims,
  type TokenHandle,
  type TokenKind,
} from "./token_claims.ts";
import {
  publicKey,
  secretKey,
  type TokenAlgorithm,
  type TokenKey,
  weaknessOfSecret,
} from "./token_keys.ts";

/** Why a token did not pass; one word each, for audit and metrics. */
export type TokenRefusal =
  | "malformed"
  | "algorithm"
  | "signature"
  | "issuer"
  | "audience"
  | "expired"
  | "not_yet_valid"
  | "kind"
  | "claims"
  | "revoked";

/** What came of checking a token. The message may be shown to the caller: it quotes no secret. */
export type TokenVerdict =
  | { readonly ok: true; readonly claims: TokenClaims }
  | { readonly ok: false; readonly reason: TokenRefusal; readonly message: string };

/** The `security.jwt.*` keys that checking needs. Empty strings mean "not set". */
export interface TokenVerifierOptions {
  readonly profile: SecurityProfile;
  /** Checks HS256 tokens. */
  readonly secret: string;
  /** PEM file whose key checks RS256, ES256 or EdDSA tokens, by its kind. */
  readonly publicKeyPath: string;
  readonly issuer: string;
  readonly audience: string;
  /** Further audiences of which one will do, for a node that has a name of its own. */
  readonly alsoFor?: readonly string[];
  /** Let tokens pass that have expired. Development only. */
  readonly skipExpiry: boolean;
  /** How far clocks may differ, in ms, at `exp`, `nbf` and `iat`. Default 30,000. */
  readonly leewayMs?: number;
  /** Verified tokens remembered. Default 10,000. */
  readonly rememberedMax?: number;
  /** Asked at every call, also for remembered tokens. */
  readonly isRevoked?: (token: TokenHandle) => boolean;
}

const LEEWAY_MS = 30_000;
const TOKEN_CHARACTERS_MAX = 8192;
/**
 * Makes a verifier from configuration.
 *
 * @returns null when neither a secret nor a public key is set, which only development allows
 * @throws {SecurityConfigurationError} naming every fault: a missing, short or published secret, a
 * key that cannot be read, `skipExpiry` outside development
 */
export async function createTokenVerifier(
  options: TokenVerifierOptions,
): Promise<TokenVerifier | null> {
  const faults: string[] = [];
  const keys: TokenKey[] = [];
  if (options.skipExpiry && options.profile !== "development") {
    faults.push("security.jwt.skip_expiry is for development only: set it to false");
  }
  if (options.secret !== "") {
    const weakness = weaknessOfSecret(options.secret, options.profile);
    if (weakness === undefined) keys.push(secretKey(options.secret));
    else faults.push(weakness);
  }
  if (options.publicKeyPath !== "") {
    const what = "security.jwt.public_key_path";
    try {
      const pem = await readPublicFile(options.publicKeyPath, what);
      keys.push(await publicKey(pem, `${what}: "${options.publicKeyPath}"`));
    } catch (thrown) {
      if (!(thrown instanceof SecurityConfigurationError)) throw thrown;
      faults.push(...thrown.faults);
    }
  }
  if (keys.length === 0 && faults.length === 0) {
    if (options.profile === "development") return null;
    faults.push(
      "security.jwt.secret_key (JWT_SECRET_KEY) or security.jwt.public_key_path must be set " +
        `in ${options.profile}: without a key no token can be checked`,
    );
  }
  if (faults.length > 0) throw new SecurityConfigurationError(faults);
  return new TokenVerifier(keys, options);
}

/** A token that passed, and the span of time in which nothing about it changes. */
interface Remembered {
  readonly claims: TokenClaims;
  readonly fromMs: number;
  readonly untilMs: number;
}

/**
 * Checks tokens. One that passed is remembered until it expires, under the SHA-256 of its text:
 * checking a signature costs a hundred times a look-up. That is safe because nothing else about the
 * token can change: its bytes fix its claims, this verifier's keys, issuer and audience never change
 * (new keys mean a new verifier with an empty memory), its validity in time is compared at every
 * call, and so is revocation. Only successes are remembered, so that made-up tokens cannot push out
 * good ones, and the text itself is not kept.
 */
export class TokenVerifier {
  readonly #keys: ReadonlyMap<string, TokenKey>;
  readonly #options: TokenVerifierOptions;
  readonly #leewayMs: number;
  readonly #remembered: BoundedMap<string, Remembered>;

  /** Use {@linkcode createTokenVerifier}, which checks the keys. */
  constructor(keys: readonly TokenKey[], options: TokenVerifierOptions) {
    this.#keys = new Map(keys.map((key) => [key.algorithm, key]));
    this.#options = options;
    this.#leewayMs = options.leewayMs ?? LEEWAY_MS;
    this.#remembered = new BoundedMap(options.rememberedMax ?? 10_000);
  }

  /** Algorithms that are accepted. */
  get algorithms(): readonly TokenAlgorithm[] {
    return [...this.#keys.values()].map((key) => key.algorithm);
  }

  /**
   * The verdict on an access token that is remembered; undefined when its signature must be
   * checked, with {@linkcode verify}. Costs a digest.
   */
  recall(token: string, nowMs: number): TokenVerdict | undefined {
    if (token.length > TOKEN_CHARACTERS_MAX) return undefined;
    const digest = digestOf(token);
    const known = this.#remembered.get(digest);
    if (known === undefined) return undefined;
    if (nowMs < known.fromMs || nowMs >= known.untilMs) {
      this.#remembered.delete(digest);
      return undefined;
    }
    return this.#unlessRevoked(known.claims);
  }

  /**
   * Checks a token in full.
   *
   * @param nowMs milliseconds since the epoch
   * @param kinds what the token may be; others are refused
   */
  async verify(
    token: string,
    nowMs: number,
    ...kinds: readonly TokenKind[]
  ): Promise<TokenVerdict> {
    if (token.length > TOKEN_CHARACTERS_MAX) {
      return refused("malformed", `the token is longer than ${TOKEN_CHARACTERS_MAX} characters`);
    }
    const wanted: readonly TokenKind[] = kinds.length === 0 ? ["access"] : kinds;
    const outcome = await this.#verifiedPayload(token, nowMs);
    if (!outcome.ok) return outcome;
    const checked = this.#checkedClaims(outcome.payload, outcome.type, nowMs, wanted);
    if (!checked.ok) return checked;
    if (checked.claims.kind === "access") {
      const { exp, nbf, iat } = outcome.payload;
      this.#remembered.set(digestOf(token), {
        claims: checked.claims,
        fromMs: Math.max(nbf ?? 0, iat ?? 0) * 1000 - this.#leewayMs,
        untilMs: this.#options.skipExpiry
          ? Number.POSITIVE_INFINITY
          : (exp ?? 0) * 1000 + this.#leewayMs,
      });
    }
    return this.#unlessRevoked(checked.claims);
  }

  /** Whether a token that passed earlier would still pass: for streams that live long. */
  stillGood(token: TokenHandle, nowMs: number): boolean {
    const isInTime = this.#options.skipExpiry || nowMs < token.expiresAtMs + this.#leewayMs;
    return isInTime && this.#options.isRevoked?.(token) !== true;
  }

  #unlessRevoked(claims: TokenClaims): TokenVerdict {
    return this.#options.isRevoked?.(claims) === true
      ? refused("revoked", "the token has been revoked")
      : { ok: true, claims };
  }

  /** Signature, issuer, audience and times, by jose. */
  async #verifiedPayload(token: string, nowMs: number): Promise<
    | { readonly ok: true; readonly payload: JWTPayload; readonly type: string | undefined }
    | Extract<TokenVerdict, { ok: false }>
  > {
    const { issuer, audience, alsoFor = [] } = this.#options;
    const options: JWTVerifyOptions = {
      algorithms: this.algorithms.slice(),
      issuer,
      audience: [audience, ...alsoFor],
      requiredClaims: ["exp", "sub"],
      clockTolerance: this.#leewayMs / 1000,
      currentDate: new Date(nowMs),
    };
    try {
      const { payload, protectedHeader } = await jwtVerify(
        token,
        (header) => this.#keyFor(header.alg),
        options,
      );
      return { ok: true, payload, type: protectedHeader.typ };
    } catch (thrown) {
      // jose looks at `exp` last, so that everything else about an expired token has passed.
      if (thrown instanceof errors.JWTExpired && this.#options.skipExpiry) {
        return { ok: true, payload: thrown.payload, type: undefined };
      }
      return refusalOf(thrown, this.#options);
    }
  }

  #keyFor(algorithm: string | undefined): CryptoKey | Uint8Array {
    const key = this.#keys.get(algorithm ?? "");
    if (key === undefined) throw new errors.JOSEAlgNotAllowed("no key for this algorithm");
    return key.key;
  }

  /** What jose leaves to us. */
  #checkedClaims(
    payload: JWTPayload,
    type: string | undefined,
    nowMs: number,
    kinds: readonly TokenKind[],
  ): Refused | { readonly ok: true; readonly claims: TokenClaims } {
    if (type !== undefined && !/^(application\/)?(at\+)?jwt$/i.test(type)) {
      return refused("kind", "the token's header says that it is something else than a JWT");
    }
    const { iat } = payload;
    if (iat !== undefined && !(iat * 1000 <= nowMs + this.#leewayMs)) {
      return refused("not_yet_valid", "the token was issued in the future: are the clocks right?");
    }
    return readClaims(payload, kinds);
  }
}

function digestOf(token: string): string {
  return hash("sha256", token, "hex");
}

type Refused = Extract<TokenVerdict, { ok: false }>;

function refused(reason: TokenRefusal, message: string): Refused {
  return { ok: false, reason, message };
}

/** Our words for jose's errors. What jose quotes of the token is left out. */
function refusalOf(thrown: unknown, options: TokenVerifierOptions): Refused {
  if (thrown instanceof errors.JWTExpired) {
    const { exp } = thrown.payload;
    return refused(
      "expired",
      typeof exp === "number" && Math.abs(exp) <= LATEST_EXPIRY_SECONDS
        ? `the token expired at ${instant(exp * 1000)}`
        : "the token has expired",
    );
  }
  if (thrown instanceof errors.JWTClaimValidationFailed) return claimRefusal(thrown, options);
  if (thrown instanceof errors.JWSSignatureVerificationFailed) {
    return refused("signature", "the token's signature is not by a key of this cluster");
  }
  if (thrown instanceof errors.JOSEAlgNotAllowed) {
    return refused("algorithm", "the token is signed with an algorithm that is not accepted");
  }
  if (thrown instanceof errors.JOSEError || thrown instanceof TypeError) {
    return refused("malformed", "this is not a signed JWT");
  }
  throw thrown;
}

function claimRefusal(
  failure: InstanceType<typeof errors.JWTClaimValidationFailed>,
  options: TokenVerifierOptions,
): Refused {
  const { claim } = failure;
  if (failure.reason === "missing") return refused("claims", `the token has no ${claim}`);
  if (failure.reason === "invalid") return refused("claims", `the token's ${claim} is no number`);
  switch (claim) {
    case "iss":
      return refused("issuer", `the token was not issued by "${options.issuer}"`);
    case "aud":
      return refused("audience", `the token is not meant for "${options.audience}"`);
    case "nbf":
      return refused("not_yet_valid", "the token is not valid yet");
    default:
      return refused("claims", `the token's ${claim} is not acceptable`);
  }
}
