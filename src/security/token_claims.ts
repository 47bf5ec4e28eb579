/** What tokens say, and whether it has the shape that it must have. */

import type { JWTPayload } from "jose";

/**
 * An access token opens doors; a refresh token only buys new access tokens; a join token lets one
 * master or worker in, once, or workers for as long as it lives.
 */
export type TokenKind = "access" | "refresh" | "join";

/** Whom a join token lets in: one master, one worker, or any number of workers while it lives. */
export const JOININGS = ["master", "worker", "workers"] as const;
export type Joining = typeof JOININGS[number];

/** Whether that is said of a join token. */
export function isJoining(text: unknown): text is Joining {
  return JOININGS.some((joining) => joining === text);
}

/** Which token it is, without what it says. */
export interface TokenHandle {
  readonly subject: string;
  /** `jti`, when the token has one; the original's tokens have none. */
  readonly tokenId?: string;
  /** `fam`: the family of refresh tokens that it came from, if it came from one. */
  readonly family?: string;
  /** `iat`, in ms since the epoch; absent when the token does not say. */
  readonly issuedAtMs?: number;
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number;
}

/** What a token that passed says. */
export interface TokenClaims extends TokenHandle {
  /** Of a refresh token: what the access tokens have that it buys. */
  readonly roles: readonly string[];
  readonly kind: TokenKind;
  /** Its bearer sees and touches jobs of these alone; absent: of all. */
  readonly namespaces?: readonly string[];
  /** `gen` of a refresh token: its place in its family. */
  readonly generation?: number;
  /** Of a join token. */
  readonly joins?: Joining;
}

/** The subject of a join token that is for any name. */
export const ANY_NAME = "*";

const NAME_CHARACTERS_MAX = 256;
/** Roles of a token, and namespaces. */
export const TOKEN_NAMES_MAX = 64;
/** 9999-12-31: what a date can still say. Beyond it `exp` is nonsense, or infinity. */
export const LATEST_EXPIRY_SECONDS = 253_402_300_799;

/** Claims of the right shape, or the claim that is not. */
export type ReadClaims =
  | { readonly ok: true; readonly claims: TokenClaims }
  | { readonly ok: false; readonly reason: "kind" | "claims"; readonly message: string };

/**
 * What jose leaves to us: kind, and the shape of subject, roles and all that is ours. Signature,
 * issuer, audience and times have passed.
 *
 * @param kinds what the token may be; other kinds are refused
 */
export function readClaims(payload: JWTPayload, kinds: readonly TokenKind[]): ReadClaims {
  const kind = kindOf(payload.type);
  if (kind === undefined || !kinds.includes(kind)) {
    return refused("kind", messageForKind(kind, kinds));
  }
  const { sub, exp, iat, jti, fam } = payload;
  if (exp === undefined || !(exp > 0 && exp <= LATEST_EXPIRY_SECONDS)) {
    return refused("claims", "the token's exp is not a date");
  }
  if (typeof sub !== "string" || !isPlainName(sub)) {
    return refused("claims", "the token's sub is not a name");
  }
  for (const [name, value] of [["jti", jti], ["fam", fam]] as const) {
    if (value !== undefined && !isName(value)) {
      return refused("claims", `the token's ${name} is not a name`);
    }
  }
  const grants = kind === "refresh" ? payload.grants ?? {} : payload;
  if (typeof grants !== "object" || grants === null || Array.isArray(grants)) {
    return refused("claims", "the token's grants are no object");
  }
  const { roles = [], namespaces } = grants as Record<string, unknown>;
  if (!isListOfNames(roles)) {
    return refused("claims", "the token's roles are not a list of names");
  }
  if (namespaces !== undefined && !isListOfNames(namespaces)) {
    return refused("claims", "the token's namespaces are not a list of names");
  }
  const own = claimsOfKind(kind, payload);
  if (typeof own === "string") return refused("claims", own);
  return {
    ok: true,
    claims: {
      subject: sub,
      roles: [...new Set(roles)],
      kind,
      ...(isName(jti) ? { tokenId: jti } : {}),
      ...(isName(fam) ? { family: fam } : {}),
      ...(iat === undefined ? {} : { issuedAtMs: iat * 1000 }),
      ...(namespaces === undefined ? {} : { namespaces: [...new Set(namespaces)] }),
      ...own,
      expiresAtMs: exp * 1000,
    },
  };
}

/** What only one kind has; or what is wrong with it. */
function claimsOfKind(
  kind: TokenKind,
  { gen, fam, jti, joins }: JWTPayload,
): Pick<TokenClaims, "generation" | "joins"> | string {
  switch (kind) {
    case "access":
      return {};
    case "refresh":
      // The original's have neither; nothing can be bought with those.
      if (gen === undefined && fam === undefined) return {};
      return typeof gen === "number" && Number.isSafeInteger(gen) && gen >= 0 && isName(fam)
        ? { generation: gen }
        : "the token's gen is not a count, or it has no fam";
    case "join":
      if (!isName(jti)) return "the token has no jti, so that it cannot be used once";
      return isJoining(joins) ? { joins } : `the token's joins is none of ${JOININGS.join(", ")}`;
  }
}

function kindOf(type: unknown): TokenKind | undefined {
  if (type === undefined || type === "access") return "access";
  return type === "refresh" || type === "join" ? type : undefined;
}

function messageForKind(kind: TokenKind | undefined, wanted: readonly TokenKind[]): string {
  if (kind === "refresh") return "this is a refresh token: exchange it for an access token";
  if (kind === "join") {
    return "this is a join token: it lets a master or a worker in, once, and opens nothing else";
  }
  return `this is no ${wanted.join(" or ")} token`;
}

function isName(value: unknown): value is string {
  return typeof value === "string" && isPlainName(value);
}

/**
 * One to 256 characters, none of them a control, a lone surrogate, a separator of lines, or a mark that
 * turns the direction of writing or is not seen: by such one name looks like another in a list or a log.
 * The two joiners are seen by what they do to letters of some scripts, and are let be between those.
 */
export function isPlainName(text: string): boolean {
  return text.length > 0 && text.length <= NAME_CHARACTERS_MAX && text.isWellFormed() &&
    !UNSEEN.test(text) && !STRAY_JOINER.test(text);
}

const UNSEEN =
  /[\p{Cc}\u2028\u2029\u061c\u202a-\u202e]|(?![\u200c\u200d])\p{Default_Ignorable_Code_Point}/u;
const STRAY_JOINER = /(?:^|[\0-\x7f])[\u200c\u200d]|[\u200c\u200d](?:$|[\0-\x7f])/;

/** At most 64 {@linkcode isPlainName plain names}. */
export function isListOfNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length <= TOKEN_NAMES_MAX &&
    value.every((entry) => typeof entry === "string" && isPlainName(entry));
}

function refused(reason: "kind" | "claims", message: string): ReadClaims {
  return { ok: false, reason, message };
}
