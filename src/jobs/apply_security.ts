/**
 * What becomes of trust: revocations, refresh tokens and join tokens that are used, the policy.
 *
 * @module
 */

import {
  type RevocationSpec,
  type RevokeCommand,
  type RevokeOutcome,
  type RotateTokenCommand,
  type RotateTokenOutcome,
  SECURITY_LIMITS,
  type SetPolicyCommand,
  type SetPolicyOutcome,
  type UseTokenCommand,
  type UseTokenOutcome,
} from "./security_command.ts";
import type { State } from "./state.ts";

/** By whom a family is said to be revoked whose token was used twice. */
const THE_CLUSTER = "the cluster";

export function applyRevoke(state: State, command: RevokeCommand): RevokeOutcome {
  const kind = "revoke";
  const { trust, nowMs } = state;
  const { revocations, by } = command;
  const fault = faultOfRevocations(revocations);
  if (fault !== "") return { kind, status: "refused", reason: "invalid", message: fault };
  const news = revocations.filter(({ what, id }) => trust.revocation(what, id) === undefined);
  if (trust.sizes.revocations + news.length > SECURITY_LIMITS.entriesMax) {
    const message = `there are ${trust.sizes.revocations} revocations, and there may be ` +
      `${SECURITY_LIMITS.entriesMax}; revoke subjects instead of single tokens`;
    return { kind, status: "refused", reason: "too_many", message };
  }
  let changed = 0;
  for (const { what, id, untilMs } of revocations) {
    const before = trust.revocation(what, id);
    const until = before === undefined ? untilMs : laterEnd(before.untilMs, untilMs);
    // Said again, only of a subject it means something: what was issued since.
    if (before !== undefined && what !== "subject" && until === before.untilMs) continue;
    const reason = command.reason.slice(0, SECURITY_LIMITS.reasonCharactersMax);
    trust.revoke({ what, id, untilMs: until, atMs: nowMs, by, reason });
    changed++;
  }
  return { kind, status: "done", changed };
}

export function applyRotateToken(state: State, command: RotateTokenCommand): RotateTokenOutcome {
  const kind = "rotate_token";
  const { trust, nowMs } = state;
  const { family, subject, generation, requestDigest, untilMs } = command;
  const refused = (
    reason: Extract<RotateTokenOutcome, { status: "refused" }>["reason"],
    message: string,
  ) => ({ kind, status: "refused", reason, message }) as const;
  const isCount = Number.isSafeInteger(generation) && generation >= 0;
  if (!isId(family) || !isCount || !isTime(untilMs)) {
    return refused("invalid", "the refresh token names no family, generation or end");
  }
  if (trust.revocation("family", family) !== undefined) {
    return refused("revoked", "the refresh token has been revoked");
  }
  const known = trust.family(family);
  const current = known?.generation ?? 0;
  const isRepeated = known !== undefined && generation === current - 1 && requestDigest !== "" &&
    requestDigest === known.requestDigest;
  if (isRepeated) return { kind, status: "rotated", generation: current, repeated: true };
  if (generation !== current) {
    trust.revoke({
      what: "family",
      id: family,
      untilMs: laterEnd(known?.untilMs ?? untilMs, untilMs),
      atMs: nowMs,
      by: THE_CLUSTER,
      reason: `a refresh token of "${subject}" was used a second time`
        .slice(0, SECURITY_LIMITS.reasonCharactersMax),
    });
    return refused("reused", "the refresh token was used before: all that came of it is revoked");
  }
  if (known === undefined && trust.sizes.families >= SECURITY_LIMITS.entriesMax) {
    return refused("too_many", `${trust.sizes.families} refresh tokens are in use, as many as may`);
  }
  trust.rotate({ id: family, subject, generation: current + 1, requestDigest, untilMs });
  return { kind, status: "rotated", generation: current + 1, repeated: false };
}

export function applyUseToken(state: State, command: UseTokenCommand): UseTokenOutcome {
  const kind = "use_token";
  const { trust } = state;
  const { tokenId, usedBy, untilMs } = command;
  const refused = (
    reason: Extract<UseTokenOutcome, { status: "refused" }>["reason"],
    message: string,
  ) => ({ kind, status: "refused", reason, message }) as const;
  if (!isId(tokenId) || !isId(usedBy) || !isTime(untilMs)) {
    return refused("invalid", "a token that is used once must have an id, an end and a user");
  }
  if (trust.revocation("token", tokenId) !== undefined) {
    return refused("revoked", "the token has been revoked");
  }
  const known = trust.used(tokenId);
  if (known !== undefined) {
    return known.usedBy === usedBy
      ? { kind, status: "used", repeated: true }
      : refused("used", "the token can be used once, and has been; ask for another one");
  }
  if (trust.sizes.used >= SECURITY_LIMITS.entriesMax) {
    return refused("too_many", `${trust.sizes.used} tokens were used lately, as many as may`);
  }
  trust.use({ id: tokenId, usedBy, untilMs });
  return { kind, status: "used", repeated: false };
}

export function applySetPolicy(state: State, command: SetPolicyCommand): SetPolicyOutcome {
  const kind = "set_policy";
  const { trust, nowMs } = state;
  const { text, expectedRevision, by } = command;
  const { revision } = trust.policy;
  const { policyCharactersMax } = SECURITY_LIMITS;
  if (text === "" || text.length > policyCharactersMax) {
    const message =
      `the policy has ${text.length} characters; it may have 1 to ${policyCharactersMax}`;
    return { kind, status: "refused", reason: "invalid", revision, message };
  }
  if (expectedRevision !== revision) {
    const message = `the policy is at revision ${revision} by now, not at ${expectedRevision}; ` +
      "look at what changed and set it again";
    return { kind, status: "refused", reason: "stale", revision, message };
  }
  trust.setPolicy({ revision: revision + 1, text, by, atMs: nowMs });
  return { kind, status: "done", revision: revision + 1 };
}

function faultOfRevocations(revocations: readonly RevocationSpec[]): string {
  const { revocationsPerCommandMax, idCharactersMax } = SECURITY_LIMITS;
  if (revocations.length > revocationsPerCommandMax) {
    return `${revocations.length} revocations at once; there may be ${revocationsPerCommandMax}`;
  }
  for (const { what, id, untilMs } of revocations) {
    if (!isId(id)) {
      return `the ${what} to revoke must be named by 1 to ${idCharactersMax} characters`;
    }
    if (untilMs !== 0 && !isTime(untilMs)) return `the ${what} "${id}" cannot end at ${untilMs}`;
  }
  return "";
}

function isId(id: string): boolean {
  return id !== "" && id.length <= SECURITY_LIMITS.idCharactersMax;
}

function isTime(atMs: number): boolean {
  return Number.isSafeInteger(atMs) && atMs > 0;
}

/** 0 is never. */
function laterEnd(a: number, b: number): number {
  return a === 0 || b === 0 ? 0 : Math.max(a, b);
}
