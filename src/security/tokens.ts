/**
 * Checking the JSON Web Tokens that callers present.
 *
 * After RFC 8725: each key is bound to one algorithm and the token's header chooses nothing but
 * which of our keys is tried; issuer, audience, expiry and kind are all required; header fields that
 * name keys (`jku`, `x5u`, `jwk`, `kid`) are not looked at.
 */

import { Buffer } from "node:buffer";
import { hash } from "node:crypto";
import {
  type CryptoKey,
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  jwtVerify,
  type JWTVerifyOptions,
} from "jose";
import { BoundedMap } from "./bounded_map.ts";
import { SecurityConfigurationError, type SecurityProfile } from "./configuration_error.ts";
import { readPublicFile } from "./key_files.ts";
import { readClaims, type TokenClaims, type TokenHandle, type TokenKind } from "./token_claims.ts";
import { fileKeySet, type KeySet, type KeySetMemory, urlKeySet } from "./token_key_sets.ts";
import {
  NOT_ACCEPTED,
  refusalOf,
  type Refused,
  refused,
  type TokenVerdict,
} from "./token_refusals.ts";
import {
  publicHalf,
  publicKey,
  secretKey,
  type TokenAlgorithm,
  type TokenKey,
  weaknessOfSecret,
} from "./token_keys.ts";

/** The `security.jwt.*` keys that checking needs. Empty strings mean "not set". */
export interface TokenVerifierOptions {
  readonly profile: SecurityProfile;
  /** Checks HS256 tokens. */
  readonly secret: string;
  /** The same, as long as tokens live that they signed. */
  readonly olderSecrets?: readonly string[];
  /** PEM file whose key checks RS256, ES256 or EdDSA tokens, by its kind. */
  readonly publicKeyPath: string;
  readonly issuer: string;
  readonly audience: string;
  /** Further audiences of which one will do, for a node that has a name of its own. */
  readonly alsoFor?: readonly string[];
  /** Let tokens pass that have expired. Development only. */
  readonly skipExpiry: boolean;
  /** PEM of the private key that this node signs with; what it signs is accepted. */
  readonly privateKeyPem?: string;
  /** File of a JSON Web Key Set. */
  readonly jwksFile?: string;
  /** Address of one. */
  readonly jwksUrl?: string;
  /** Where the last set of that address is kept, for verifiers that come after one another. */
  readonly jwksMemory?: KeySetMemory;
  /** Algorithms that are accepted, of those for which there is a key; empty: all of those. */
  readonly algorithms?: readonly string[];
  /** How far clocks may differ, in ms, at `exp`, `nbf` and `iat`. Default 30,000. */
  readonly leewayMs?: number;
  /** Verified tokens remembered. Default 10,000. */
  readonly rememberedMax?: number;
  /** Asked at every call, also for remembered tokens. */
  readonly isRevoked?: (token: TokenHandle) => boolean;
}

/** A token whose key is of a set is remembered for so long, in ms. */
const REMEMBERED_OF_SET_MS = 60_000;
const LEEWAY_MS = 30_000;
const TOKEN_CHARACTERS_MAX = 8192;
const REMEMBERED_MAX = 10_000;

/**
 * Makes a verifier from configuration.
 *
 * @returns null when neither a secret nor a public key is set, which only development allows
 * @throws {SecurityConfigurationError} naming every fault: a missing, short or published secret, a
 * key or key set that cannot be read, `skipExpiry` outside development
 */
export async function createTokenVerifier(
  options: TokenVerifierOptions,
): Promise<TokenVerifier | null> {
  const faults: string[] = [];
  const keys: TokenKey[] = [];
  const sets: KeySet[] = [];
  const collect = async (read: () => Promise<void> | void) => {
    try {
      await read();
    } catch (thrown) {
      if (!(thrown instanceof SecurityConfigurationError)) throw thrown;
      faults.push(...thrown.faults);
    }
  };
  if (options.skipExpiry && options.profile !== "development") {
    faults.push("security.jwt.skip_expiry is for development only: set it to false");
  }
  const { olderSecrets = [] } = options;
  const secrets = [options.secret, ...olderSecrets].filter((each) => each !== "");
  for (const [at, secret] of secrets.entries()) {
    const what = at === 0 ? undefined : `secret ${at + 1} of security.jwt.secret_key_file`;
    const weakness = weaknessOfSecret(secret, options.profile, what);
    if (weakness === undefined) keys.push(secretKey(secret));
    else faults.push(weakness);
  }
  if (options.publicKeyPath !== "") {
    const what = "security.jwt.public_key_path";
    await collect(async () => {
      const pem = await readPublicFile(options.publicKeyPath, what);
      keys.push(await publicKey(pem, `${what}: "${options.publicKeyPath}"`));
    });
  }
  const { privateKeyPem = "", jwksFile = "", jwksUrl = "" } = options;
  if (privateKeyPem !== "") {
    await collect(async () => {
      keys.push(await publicHalf(privateKeyPem, "security.jwt.private_key_path"));
    });
  }
  if (jwksFile !== "") {
    await collect(async () => {
      sets.push(await fileKeySet(jwksFile, "security.jwt.jwks_file"));
    });
  }
  if (jwksUrl !== "") {
    await collect(() => {
      const { jwksMemory: memory = {} } = options;
      sets.push(urlKeySet(jwksUrl, "security.jwt.jwks_url", options.profile, { memory }));
    });
  }
  if (keys.length === 0 && sets.length === 0 && faults.length === 0) {
    if (options.profile === "development") return null;
    faults.push(
      "security.jwt.secret_key (JWT_SECRET_KEY), public_key_path, private_key_path, jwks_file or " +
        `jwks_url must be set in ${options.profile}: without a key no token can be checked`,
    );
  }
  const accepted = algorithmsOf(keys, sets, options.algorithms ?? []);
  if (accepted.length === 0 && faults.length === 0) {
    faults.push(
      `security.jwt.algorithms is ${options.algorithms?.join(", ")}, and there is no key for any ` +
        "of them",
    );
  }
  if (faults.length > 0) throw new SecurityConfigurationError(faults);
  return new TokenVerifier(keys.filter((key) => accepted.includes(key.algorithm)), options, {
    sets,
    algorithms: accepted,
  });
}

/** Those that a key set can check. */
const PUBLIC_ALGORITHMS: readonly TokenAlgorithm[] = ["RS256", "ES256", "EdDSA"];

/** What is accepted: what there are keys for, and, if anything is named, what is named. */
function algorithmsOf(
  keys: readonly TokenKey[],
  sets: readonly KeySet[],
  named: readonly string[],
): readonly TokenAlgorithm[] {
  const possible = new Set([
    ...keys.map((key) => key.algorithm),
    ...(sets.length === 0 ? [] : PUBLIC_ALGORITHMS),
  ]);
  return [...possible].filter((each) => named.length === 0 || named.includes(each));
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
 * token can change: its bytes fix its claims, this verifier's issuer and audience never change, new
 * keys empty the memory, its validity in time is compared at every
 * call, and so is revocation. Only successes are remembered, so that made-up tokens cannot push out
 * good ones, and the text itself is not kept.
 */
export class TokenVerifier {
  #keys: readonly TokenKey[];
  #sets: readonly KeySet[];
  #algorithms: readonly TokenAlgorithm[];
  readonly #options: TokenVerifierOptions;
  readonly #leewayMs: number;
  #remembered: BoundedMap<string, Remembered>;

  /** Use {@linkcode createTokenVerifier}, which checks the keys. */
  constructor(
    keys: readonly TokenKey[],
    options: TokenVerifierOptions,
    { sets = [], algorithms = keys.map((key) => key.algorithm) }: {
      readonly sets?: readonly KeySet[];
      readonly algorithms?: readonly TokenAlgorithm[];
    } = {},
  ) {
    this.#keys = keys;
    this.#sets = sets;
    this.#algorithms = [...new Set(algorithms)];
    this.#options = options;
    this.#leewayMs = options.leewayMs ?? LEEWAY_MS;
    this.#remembered = new BoundedMap(options.rememberedMax ?? REMEMBERED_MAX);
  }

  /**
   * From now on checks with the keys of another verifier, which is otherwise like this one. What was
   * let in before is checked anew at its next call; streams that are open stay so, as long as their
   * tokens live and are not revoked.
   */
  adoptKeys(other: TokenVerifier): void {
    this.#keys = other.#keys;
    this.#sets = other.#sets;
    this.#algorithms = other.#algorithms;
    // A check that is under way with the former keys remembers its success where nobody looks.
    this.#remembered = new BoundedMap(this.#options.rememberedMax ?? REMEMBERED_MAX);
  }

  /** Algorithms that are accepted. */
  get algorithms(): readonly TokenAlgorithm[] {
    return this.#algorithms;
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
    if (!isInItsOneSpelling(token)) return refused("malformed", "this is not a signed JWT");
    const wanted: readonly TokenKind[] = kinds.length === 0 ? ["access"] : kinds;
    const remembered = this.#remembered;
    const outcome = await this.#verifiedByAny(token, nowMs);
    if (!outcome.ok) return outcome;
    const checked = this.#checkedClaims(outcome.payload, outcome.type, nowMs, wanted);
    if (!checked.ok) return checked;
    if (checked.claims.kind === "access") {
      const { exp, nbf, iat } = outcome.payload;
      remembered.set(digestOf(token), {
        claims: checked.claims,
        fromMs: Math.max(nbf ?? 0, iat ?? 0) * 1000 - this.#leewayMs,
        untilMs: Math.min(
          this.#options.skipExpiry ? Number.POSITIVE_INFINITY : (exp ?? 0) * 1000 + this.#leewayMs,
          // A key set may lose the key.
          outcome.isOfSet ? nowMs + REMEMBERED_OF_SET_MS : Number.POSITIVE_INFINITY,
        ),
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

  /** By whichever of our keys signed it; what is wrong with it otherwise is so with every key. */
  async #verifiedByAny(token: string, nowMs: number): Promise<VerifiedPayload | Refused> {
    let refusal: Refused = refused("algorithm", NOT_ACCEPTED);
    for (const key of this.#keysFor(token)) {
      const outcome = await this.#verifiedPayload(token, nowMs, key);
      if (outcome.ok || !["signature", "keys_unavailable"].includes(outcome.reason)) return outcome;
      // That a set could not be had says more than that other keys did not sign it.
      if (refusal.reason !== "keys_unavailable") refusal = outcome;
    }
    return refusal;
  }

  /** Each is bound to its algorithm: with another one in the header, none is tried. */
  #keysFor(token: string): readonly (TokenKey | KeySet)[] {
    const algorithm = algorithmIn(token);
    const keys = this.#keys.filter((key) => key.algorithm === algorithm);
    const isPublic = PUBLIC_ALGORITHMS.some((each) => each === algorithm);
    const candidates = [...keys, ...(isPublic ? this.#sets : [])];
    // A token that nothing can be tried for is refused in jose's words: any key will do for that.
    return candidates.length > 0 ? candidates : [...this.#keys, ...this.#sets].slice(0, 1);
  }

  /** Signature, issuer, audience and times, by jose. */
  async #verifiedPayload(
    token: string,
    nowMs: number,
    key: TokenKey | KeySet,
  ): Promise<VerifiedPayload | Refused> {
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
        (header, input) => typeof key === "function" ? key(header, input) : ownKey(key, header.alg),
        options,
      );
      return {
        ok: true,
        payload,
        type: protectedHeader.typ,
        isOfSet: typeof key === "function",
      };
    } catch (thrown) {
      // jose looks at `exp` last, so that everything else about an expired token has passed.
      if (thrown instanceof errors.JWTExpired && this.#options.skipExpiry) {
        const isOfSet = typeof key === "function";
        return { ok: true, payload: thrown.payload, type: undefined, isOfSet };
      }
      return refusalOf(thrown, this.#options);
    }
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

/** What jose made of a token that passed. */
interface VerifiedPayload {
  readonly ok: true;
  readonly payload: JWTPayload;
  readonly type: string | undefined;
  /** Its key is of a set, which may change. */
  readonly isOfSet: boolean;
}

function ownKey(
  { algorithm, key }: TokenKey,
  inHeader: string | undefined,
): CryptoKey | Uint8Array {
  if (inHeader !== algorithm) throw new errors.JOSEAlgNotAllowed("no key for this algorithm");
  return key;
}

/** `alg` of the token's header, which chooses nothing but which of our keys are tried. */
function algorithmIn(token: string): unknown {
  try {
    return decodeProtectedHeader(token).alg;
  } catch {
    return undefined; // jose says better what is wrong with it
  }
}

/**
 * Whether its signature is spelled as RFC 7515 has it: base64url without padding, and nothing in the bits
 * that are left over. jose takes others for the same token, so that whoever has one could make many of
 * it, and with them push others' out of what is remembered. Header and claims are signed as they stand.
 */
function isInItsOneSpelling(token: string): boolean {
  const signature = token.slice(token.lastIndexOf(".") + 1);
  return Buffer.from(signature, "base64url").toString("base64url") === signature;
}

function digestOf(token: string): string {
  return hash("sha256", token, "hex");
}
