/**
 * Tokens that open a door once, or one door to many.
 *
 * @module
 */

import type { UseTokenCommand } from "../jobs/mod.ts";
import {
  type CallContext,
  joinTokenView,
  Refusal,
  type TokenOrder,
  type TokenPairView,
} from "../rpc/mod.ts";
import {
  ANY_NAME,
  isPlainName,
  issueJoinToken,
  JOIN_TTL_MS,
  type Joining,
  SecurityConfigurationError,
} from "../security/mod.ts";
import type { MasterContext } from "./context.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
/** The longest life that a join token may have, in ms. */
const JOIN_TTL_MS_MAX = 7 * DAY_MS;
/** Of one that lets any number of workers in: it stands in the settings of what starts them. */
const WORKERS_TTL_MS_MAX = 366 * DAY_MS;
/** What tokens were revoked or used is remembered for so much longer than they live: clocks differ. */
const REMEMBERED_LONGER_MS = 5 * 60 * 1000;

/**
 * Issues a token that lets one master or worker in, once, or workers for as long as it lives.
 *
 * @throws Refusal
 */
export async function joinToken(
  { security, now }: MasterContext,
  order: TokenOrder,
  joins: Joining,
): Promise<TokenPairView> {
  const { subject, ttlMs, roles, namespaces, refreshable } = order;
  if (roles.length > 0 || namespaces.length > 0 || refreshable) {
    throw new Refusal(
      "invalid",
      "a token to join with opens one door once: roles, namespaces and a refresh token are not " +
        "for it",
    );
  }
  const longestMs = joins === "workers" ? WORKERS_TTL_MS_MAX : JOIN_TTL_MS_MAX;
  if (ttlMs > longestMs) {
    throw new Refusal("invalid", `such a join token lives at most ${longestMs / DAY_MS} days`);
  }
  if (joins === "workers" && subject !== "") {
    throw new Refusal("invalid", "a token for workers is for any of them: leave the subject out");
  }
  if (subject !== "" && !isPlainName(subject)) {
    throw new Refusal("invalid", "subject must be the name of the node, or empty for any");
  }
  const issued = await signing(() =>
    issueJoinToken(security.signer, {
      joins,
      ...(subject === "" ? {} : { name: subject }),
      ttlMs: ttlMs || JOIN_TTL_MS,
      nowMs: now(),
    })
  );
  security.audit({
    kind: "tokens_issued",
    userId: subject || ANY_NAME,
    roles: [],
    tokenId: issued.tokenId,
    joins,
    accessExpiresAtMs: issued.expiresAtMs,
  });
  return joinTokenView(issued, { subject: subject || ANY_NAME, roles: [] });
}

/**
 * Uses up the join token with which somebody calls; nothing to do for those who hold rights, or one
 * that is for many.
 *
 * @throws Refusal `permission_denied` when it was used by another, or is for another name
 */
export async function useJoinToken(
  { proposer }: MasterContext,
  { caller: { joins, token } }: CallContext,
  { name, usedBy }: { readonly name: string; readonly usedBy: string },
): Promise<void> {
  if (joins === undefined || joins === "workers" || token?.tokenId === undefined) return;
  if (token.subject !== ANY_NAME && token.subject !== name) {
    throw new Refusal(
      "permission_denied",
      `the join token is for ${JSON.stringify(token.subject)}, not for ${JSON.stringify(name)}`,
    );
  }
  const outcome = await proposer.propose<UseTokenCommand>({
    kind: "use_token",
    tokenId: token.tokenId,
    usedBy,
    untilMs: rememberedUntil(token.expiresAtMs),
  });
  if (outcome.status === "used") return;
  const reason = outcome.reason === "too_many"
    ? "overloaded"
    : outcome.reason === "invalid"
    ? "invalid"
    : "permission_denied";
  throw new Refusal(reason, outcome.message);
}

/** Until when a token is remembered that ends then; 0: never forgotten. */
export function rememberedUntil(expiresAtMs: number): number {
  return expiresAtMs === 0 ? 0 : Math.ceil(expiresAtMs + REMEMBERED_LONGER_MS);
}

/**
 * Signs, in the words of the API.
 *
 * @throws Refusal `failed_precondition` when there is no key to sign with
 */
export async function signing<Signed>(sign: () => Promise<Signed>): Promise<Signed> {
  try {
    return await sign();
  } catch (failure) {
    if (!(failure instanceof SecurityConfigurationError)) throw failure;
    throw new Refusal(
      "failed_precondition",
      `this cluster cannot sign tokens: ${failure.faults.join("; ")}`,
    );
  }
}
