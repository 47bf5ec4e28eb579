/**
 * What the gate counts and writes down: calls against their limits, and what came of them in the audit
 * log.
 *
 * @module
 */

import type { AuditedCall, AuditEvent } from "./audit.ts";
import type { GateOptions } from "./gate.ts";
import type { GateRefusal } from "./gate_call.ts";
import { auditedCall, identityOf, type Passage } from "./gate_passage.ts";
import type { Principal } from "./principal.ts";
import { addressKey } from "./rate_limit.ts";
import type { Authorization } from "./rbac.ts";

type LedgerOptions = Pick<GateOptions, "limits" | "audit" | "auditsSuccesses" | "policies">;

/** The books of one gate. */
export class GateLedger {
  readonly #options: LedgerOptions;
  readonly #monotonicMs: () => number;

  constructor(options: LedgerOptions, monotonicMs: () => number) {
    this.#options = options;
    this.#monotonicMs = monotonicMs;
  }

  /** Who the caller is was established; what they may, too. */
  recordSuccess(
    passage: Passage,
    { userId, roles, source, token }: Principal,
    authorization: Authorization = { allowed: true },
  ): void {
    // Nothing was established about an anonymous caller, so there is no success to record.
    if (source !== "anonymous" && this.#options.auditsSuccesses !== false) {
      const known = token?.tokenId === undefined ? {} : { tokenId: token.tokenId };
      this.record(
        passage,
        (call) => ({ kind: "authentication_succeeded", userId, roles, ...known, call }),
      );
    }
    if (!authorization.allowed) {
      const { reason } = authorization;
      this.record(
        passage,
        (call) => ({ kind: "authorization_failed", userId, roles, reason, call }),
      );
    } else if (this.#options.policies !== null) {
      this.record(passage, (call) => ({ kind: "authorization_succeeded", userId, roles, call }));
    }
  }

  /** Who may not call a worker's method does not get a worker's allowance for trying. */
  countKnown(
    passage: Passage,
    principal: Principal,
    isAllowed: boolean,
  ): GateRefusal | undefined {
    const { limits } = this.#options;
    if (limits === null) return undefined;
    const { call, callClass, ip } = passage;
    const identity = identityOf(principal, ip);
    const verdict = limits.take(isAllowed ? callClass : "user", identity, call.nowMs);
    if (verdict.allowed) return undefined;
    const userId = principal.source === "anonymous" ? undefined : principal.userId;
    return this.#exhausted(passage, identity, userId, verdict.retryAfterMs);
  }

  /** Calls of whom nobody knows yet are counted by address. */
  countStranger(passage: Passage): GateRefusal | undefined {
    const { limits } = this.#options;
    const { call, callClass, ip } = passage;
    if (limits === null || call.hasArrived === true) return undefined;
    const verdict = limits.takeAsStranger(callClass, ip, call.nowMs);
    if (verdict.allowed) return undefined;
    return this.#exhausted(passage, `stranger ${addressKey(ip)}`, undefined, verdict.retryAfterMs);
  }

  #exhausted(
    passage: Passage,
    identity: string,
    userId: string | undefined,
    retryAfterMs: number,
  ): GateRefusal {
    const { nowMs } = passage.call;
    const refused = this.#options.limits?.noteRefusal(identity, nowMs);
    if (refused !== undefined) {
      this.record(passage, (call) => ({
        kind: "rate_limited",
        ...(userId === undefined ? {} : { userId }),
        refused,
        call,
      }));
    }
    const who = userId === undefined ? `the address ${passage.ip}` : `"${userId}"`;
    return {
      ok: false,
      code: "RESOURCE_EXHAUSTED",
      message: `too many calls from ${who}: try again in ${retryAfterMs} ms`,
      retryAfterMs,
    };
  }

  /** Nobody was found who calls: counts that, unless it was already, and says so. */
  unauthenticated(
    passage: Passage,
    failure: {
      readonly what: string;
      readonly reason: string;
      readonly error?: string;
      readonly message: string;
    },
    { isCounted = false }: { readonly isCounted?: boolean } = {},
  ): GateRefusal {
    const exhausted = isCounted ? undefined : this.countStranger(passage);
    if (exhausted !== undefined) return exhausted;
    const { what, reason, message } = failure;
    const error = failure.error === undefined ? message : `${failure.error}: ${message}`;
    this.record(passage, (call) => ({ kind: "authentication_failed", what, reason, error, call }));
    return { ok: false, code: "UNAUTHENTICATED", message };
  }

  record(passage: Passage, event: (call: AuditedCall) => AuditEvent): void {
    const { audit } = this.#options;
    if (audit === null) return;
    const latencyMs = this.#monotonicMs() - passage.startedMs;
    audit.record(event(auditedCall(passage, latencyMs)), passage.call.nowMs);
  }
}
