/** Why a token did not pass, in our words. */

import { errors } from "jose";
import { instant } from "./certificates.ts";
import { LATEST_EXPIRY_SECONDS, type TokenClaims } from "./token_claims.ts";
import { KeysUnavailable } from "./token_key_sets.ts";

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
  | "revoked"
  /** The keys that it may be signed with cannot be had at this moment. */
  | "keys_unavailable";

/** What came of checking a token. The message may be shown to the caller: it quotes no secret. */
export type TokenVerdict =
  | { readonly ok: true; readonly claims: TokenClaims }
  | { readonly ok: false; readonly reason: TokenRefusal; readonly message: string };

export const NOT_ACCEPTED = "the token is signed with an algorithm that is not accepted";

/** A token that did not pass. */
export type Refused = Extract<TokenVerdict, { ok: false }>;

export function refused(reason: TokenRefusal, message: string): Refused {
  return { ok: false, reason, message };
}

/** Our words for jose's errors. What jose quotes of the token is left out. */
export function refusalOf(
  thrown: unknown,
  expected: { readonly issuer: string; readonly audience: string },
): Refused {
  if (thrown instanceof errors.JWTExpired) {
    const { exp } = thrown.payload;
    return refused(
      "expired",
      typeof exp === "number" && Math.abs(exp) <= LATEST_EXPIRY_SECONDS
        ? `the token expired at ${instant(exp * 1000)}`
        : "the token has expired",
    );
  }
  if (thrown instanceof errors.JWTClaimValidationFailed) return claimRefusal(thrown, expected);
  if (thrown instanceof KeysUnavailable) return refused("keys_unavailable", thrown.message);
  const isNoKeyOfSet = thrown instanceof errors.JWKSNoMatchingKey ||
    thrown instanceof errors.JWKSMultipleMatchingKeys;
  if (thrown instanceof errors.JWSSignatureVerificationFailed || isNoKeyOfSet) {
    return refused("signature", "the token's signature is not by a key of this cluster");
  }
  if (thrown instanceof errors.JOSEAlgNotAllowed) {
    return refused("algorithm", NOT_ACCEPTED);
  }
  if (thrown instanceof errors.JOSEError || thrown instanceof TypeError) {
    return refused("malformed", "this is not a signed JWT");
  }
  throw thrown;
}

function claimRefusal(
  failure: InstanceType<typeof errors.JWTClaimValidationFailed>,
  expected: { readonly issuer: string; readonly audience: string },
): Refused {
  const { claim } = failure;
  if (failure.reason === "missing") return refused("claims", `the token has no ${claim}`);
  if (failure.reason === "invalid") return refused("claims", `the token's ${claim} is no number`);
  switch (claim) {
    case "iss":
      return refused("issuer", `the token was not issued by "${expected.issuer}"`);
    case "aud":
      return refused("audience", `the token is not meant for "${expected.audience}"`);
    case "nbf":
      return refused("not_yet_valid", "the token is not valid yet");
    default:
      return refused("claims", `the token's ${claim} is not acceptable`);
  }
}
