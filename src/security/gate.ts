/**
 * The gate: every call passes it once, before its message is looked at.
 *
 * In this order, cheapest and least trusting first:
 * 1. the peer's certificate, where client certificates are required (`peer_verification.ts`);
 * 2. methods open to all (health) pass here;
 * 3. who calls: by token, else by certificate, else, in development without roles, anybody. Calls
 *    whose credentials fail or are not yet known to be good are first counted by address, so that
 *    guessing is slow and checking signatures for strangers is bounded;
 * 4. may they: by roles, and by the namespaces that their token is for (`confined.ts`);
 * 5. are they calling too often: by identity, workers' calls apart from users';
 * 6. what came of it goes to the audit log.
 *
 * Two choices worth knowing. In development without RBAC a call without a token passes as
 * `anonymous` with the role admin, but a token that is presented and wrong is refused: a caller who
 * shows one means it, and a silently ignored mistake would surface in production. And a certificate
 * that carries an RBAC role narrows a token's roles to it (a right needs both); the roles `client`
 * and `master` do not narrow, since such holders speak for others.
 */

import type { AuditLog } from "./audit.ts";
import { BoundedMap } from "./bounded_map.ts";
import { type CallLimits, classOf } from "./call_limits.ts";
import type { CertificateIdentity } from "./certificates.ts";
import { SecurityConfigurationError, type SecurityProfile } from "./configuration_error.ts";
import { confinementOf } from "./confined.ts";
import type { PeerVerifier } from "./peer_verification.ts";
import { ANONYMOUS, NOBODY, type Principal, principalOf } from "./principal.ts";
import { peerIp } from "./rate_limit.ts";
import {
  type Authorization,
  authorizeJoining,
  isJoinMethod,
  isOpenMethod,
  isSelfProving,
  type PolicySet,
} from "./rbac.ts";
import { LivePolicies } from "./trust.ts";
import type { TokenClaims } from "./token_claims.ts";
import type { TokenVerdict } from "./token_refusals.ts";
import type { TokenVerifier } from "./tokens.ts";
import type { GateCall, GateDecision, GateRefusal } from "./gate_call.ts";
import { GateLedger } from "./gate_ledger.ts";
import { bearerTokenOf, identityOf, type Passage } from "./gate_passage.ts";

/** What stands at the gate; null: that check is off. */
export interface GateOptions {
  readonly profile: SecurityProfile;
  /** From `createTokenVerifier`. */
  readonly tokens: TokenVerifier | null;
  /** From `createPeerVerifier`. */
  readonly peers: PeerVerifier | null;
  /** From `loadPolicies`, when `security.rbac.enabled`; asked anew at every call when they may change. */
  readonly policies: PolicySet | LivePolicies | null;
  readonly limits: CallLimits | null;
  /** From `openAuditLog`. */
  readonly audit: AuditLog | null;
  /**
   * Whether a certificate with a role is an identity by itself, without a token. Default: only when
   * there is no token verifier.
   */
  readonly certificateIsIdentity?: boolean;
  /** Whether whom it lets in is in the audit log, beside whom it does not. Default: true. */
  readonly auditsSuccesses?: boolean;
  /** Milliseconds of a clock that does not jump, for latencies. Default `performance.now`. */
  readonly monotonicMs?: () => number;
}

/**
 * Puts a gate together.
 *
 * @throws {SecurityConfigurationError} when nobody could ever be let in, or anybody would be outside
 * development
 */
export function createGate(options: GateOptions): Gate {
  const anonymousAllowed = options.profile === "development" && options.policies === null;
  if (!anonymousAllowed && options.tokens === null && options.peers === null) {
    throw new SecurityConfigurationError([
      "there is no way to tell who is calling: set security.jwt.secret_key (JWT_SECRET_KEY) or " +
      "security.jwt.public_key_path, or use mutual TLS with certificates that carry a role" +
      (options.profile === "development" ? ", or set security.rbac.enabled to false" : ""),
    ]);
  }
  return new Gate(options, anonymousAllowed);
}

const CONNECTIONS_REMEMBERED = 4096;
/** When a call may succeed again whose token cannot be checked, in ms: the keys are looked for anew about then. */
const KEYS_AGAIN_MS = 2_000;

const ANONYMOUS_PASSES: GateDecision = Object.freeze({ ok: true, principal: ANONYMOUS });

type Authenticated =
  | { readonly ok: true; readonly principal: Principal }
  | GateRefusal;

/** Checks calls; see the top of `gate.ts`. */
export class Gate {
  readonly #options: GateOptions;
  readonly #anonymousAllowed: boolean;
  readonly #certificateIsIdentity: boolean;
  /** Nothing to check, nothing to count: what a development master does for each call. */
  readonly #isOpen: boolean;
  readonly #monotonicMs: () => number;
  readonly #ledger: GateLedger;
  /** IP addresses of connections, by `address:port`. */
  readonly #ips = new BoundedMap<string, string>(CONNECTIONS_REMEMBERED);
  /** Who it is that calls with a token that is remembered. */
  readonly #principals = new WeakMap<TokenClaims, Principal>();

  /** Use {@linkcode createGate}. */
  constructor(options: GateOptions, anonymousAllowed: boolean) {
    this.#options = options;
    this.#anonymousAllowed = anonymousAllowed;
    this.#certificateIsIdentity = options.certificateIsIdentity ?? options.tokens === null;
    this.#isOpen = anonymousAllowed && options.peers === null && options.limits === null;
    this.#monotonicMs = options.monotonicMs ?? (() => performance.now());
    this.#ledger = new GateLedger(options, this.#monotonicMs);
  }

  /**
   * Decides on one call. The answer comes as a plain value, not a promise, unless a signature has to
   * be checked, which happens once for a token.
   */
  check(call: GateCall): GateDecision | Promise<GateDecision> {
    if (this.#isOpen && call.authorizationHeader === undefined) return ANONYMOUS_PASSES;
    const arrival = {
      call,
      ip: this.#ipOf(call.peerAddress),
      callClass: classOf(call.method),
      startedMs: this.#monotonicMs(),
    };
    const { peers } = this.#options;
    let certificate: CertificateIdentity | undefined;
    if (peers !== null) {
      const verdict = peers.verify(call.peerCertificate, call.nowMs);
      if (!verdict.ok) {
        return this.#ledger.unauthenticated({ ...arrival, certificate }, {
          what: "client certificate refused",
          reason: verdict.reason,
          message: verdict.message,
        });
      }
      certificate = verdict.identity;
    }
    const passage: Passage = { ...arrival, certificate };
    if (call.permission === undefined && isOpenMethod(call.method)) {
      return { ok: true, principal: NOBODY };
    }
    if (call.permission === undefined && isSelfProving(call.method)) {
      return this.#ledger.countStranger(passage) ??
        { ok: true, principal: certificate === undefined ? NOBODY : { ...NOBODY, certificate } };
    }
    const outcome = this.#authenticate(passage);
    return outcome instanceof Promise
      ? outcome.then((settled) => this.#admit(passage, settled))
      : this.#admit(passage, outcome);
  }

  /**
   * Lets in `call.calls` calls of one caller that are alike, at once: each counts against its limit, and
   * two lines of the audit log tell of all. Undefined, and nothing is counted or recorded, when not all
   * of them would be let in, or a signature has to be checked first: then each is asked for by itself.
   */
  checkAlike(call: GateCall & { readonly calls: number }): Principal | undefined {
    if (this.#isOpen && call.authorizationHeader === undefined) return ANONYMOUS;
    const { peers, limits } = this.#options;
    const verdict = peers?.verify(call.peerCertificate, call.nowMs);
    if (verdict?.ok === false || isOpenMethod(call.method) || isSelfProving(call.method)) {
      return undefined;
    }
    const principal = this.#known(call, verdict?.identity);
    if (principal === undefined || !this.#authorize(call, principal).allowed) return undefined;
    const passage: Passage = {
      call,
      ip: this.#ipOf(call.peerAddress),
      callClass: classOf(call.method),
      startedMs: this.#monotonicMs(),
      certificate: verdict?.identity,
      ...(principal.namespaces !== undefined && { namespaces: principal.namespaces }),
    };
    const { callClass, ip } = passage;
    const identity = identityOf(principal, ip);
    if (limits?.take(callClass, identity, call.nowMs, call.calls).allowed === false) {
      return undefined;
    }
    this.#ledger.recordSuccess(passage, principal);
    return principal;
  }

  /**
   * Counts by its address a call that says in its body alone who it is from, before that is read.
   * What the body says is asked about by `check` with `hasArrived`, or is refused by `refuse`.
   */
  arrive(call: GateCall): GateRefusal | undefined {
    return this.#ledger.countStranger(this.#strangerOf(call));
  }

  /**
   * Notes that a call that arrived showed nothing that could be checked: as wrong credentials of its
   * address, and in the audit log.
   *
   * @param error what was wrong, in words that hold nothing of what was shown
   */
  refuse(call: GateCall, error: string): void {
    const passage = this.#strangerOf(call);
    this.#options.limits?.noteFailure(passage.ip, call.nowMs);
    this.#ledger.record(passage, (audited) => ({
      kind: "authentication_failed",
      what: "token validation error",
      reason: "invalid_token",
      error,
      call: audited,
    }));
  }

  #strangerOf(call: GateCall): Passage {
    return {
      call,
      ip: this.#ipOf(call.peerAddress),
      callClass: classOf(call.method),
      startedMs: this.#monotonicMs(),
      certificate: undefined,
    };
  }

  /** Whether somebody who was let in may use another method, too. Counts nothing, records nothing. */
  may(principal: Principal, ask: Pick<GateCall, "method" | "permission">): boolean {
    const call = { ...ask, peerAddress: "", nowMs: 0 };
    return this.#authorize(call, principal).allowed;
  }

  /**
   * Whether somebody who was let in earlier would still be, for streams that live long: neither the
   * token nor the certificate has ended or been revoked since.
   */
  stillValid(principal: Principal, nowMs: number): boolean {
    const { peers, tokens } = this.#options;
    const { certificate, token } = principal;
    if (tokens !== null && token !== undefined && !tokens.stillGood(token, nowMs)) return false;
    return certificate === undefined || peers === null || peers.stillGood(certificate, nowMs);
  }

  /**
   * A call that another master let in, audited and counted, and passed on to this one: is its caller
   * still trusted, and may it, by this node's state? Whoever passes it on must have been verified as a
   * master.
   */
  checkForwarded(principal: Principal, call: GateCall): GateDecision {
    const passage: Passage = {
      call,
      ip: this.#ipOf(call.peerAddress),
      callClass: classOf(call.method),
      startedMs: this.#monotonicMs(),
      certificate: principal.certificate,
      namespaces: principal.namespaces,
    };
    const { userId, roles } = principal;
    if (!this.stillValid(principal, call.nowMs)) {
      const message = `the token or the certificate of "${userId}" has ended or been revoked`;
      this.#ledger.record(passage, (audited) => ({
        kind: "authentication_failed",
        what: "forwarded call",
        reason: "revoked",
        error: message,
        call: audited,
      }));
      return { ok: false, code: "UNAUTHENTICATED", message };
    }
    const authorization = this.#authorize(call, principal);
    if (authorization.allowed) return { ok: true, principal };
    const { reason } = authorization;
    this.#ledger.record(
      passage,
      (audited) => ({ kind: "authorization_failed", userId, roles, reason, call: audited }),
    );
    return { ok: false, code: "PERMISSION_DENIED", message: reason };
  }

  #authenticate(passage: Passage): Authenticated | Promise<Authenticated> {
    const { tokens } = this.#options;
    const { authorizationHeader, nowMs } = passage.call;
    if (authorizationHeader === undefined || authorizationHeader.length === 0) {
      return this.#withoutToken(passage);
    }
    const token = bearerTokenOf(authorizationHeader);
    if (token === undefined) {
      return this.#ledger.unauthenticated(passage, {
        what: "token validation error",
        reason: "invalid_token",
        message: "the authorization header must be one value of the form: Bearer TOKEN",
      });
    }
    if (tokens === null) {
      return this.#ledger.unauthenticated(passage, {
        what: "token validation error",
        reason: "invalid_token",
        message: "this node has no key to check tokens with: set security.jwt.secret_key " +
          "(JWT_SECRET_KEY) or security.jwt.public_key_path, or send no token",
      });
    }
    const remembered = tokens.recall(token, nowMs);
    if (remembered !== undefined) return this.#withVerdict(passage, remembered);
    const exhausted = this.#ledger.countStranger(passage);
    if (exhausted !== undefined) return exhausted;
    const kinds = isJoinMethod(passage.call.method)
      ? ["access", "join"] as const
      : ["access"] as const;
    return tokens.verify(token, nowMs, ...kinds).then((verdict) =>
      this.#withVerdict(passage, verdict, { isCounted: true })
    );
  }

  /** Who calls, if that is known already. */
  #known(call: GateCall, certificate: CertificateIdentity | undefined): Principal | undefined {
    const { authorizationHeader, nowMs } = call;
    if (authorizationHeader === undefined || authorizationHeader.length === 0) {
      return this.#tokenless(certificate);
    }
    const token = bearerTokenOf(authorizationHeader);
    const verdict = token === undefined ? undefined : this.#options.tokens?.recall(token, nowMs);
    return verdict?.ok === true ? this.#principalOf(verdict.claims, certificate) : undefined;
  }

  /** Who shows no token. */
  #tokenless(certificate: CertificateIdentity | undefined): Principal | undefined {
    const roles = certificate?.roles.filter((role) => role !== "client") ?? [];
    if (this.#certificateIsIdentity && certificate !== undefined && roles.length > 0) {
      const userId = certificate.commonName || certificate.fingerprint256;
      return { userId, roles, source: "certificate", certificate };
    }
    if (!this.#anonymousAllowed) return undefined;
    return certificate === undefined ? ANONYMOUS : { ...ANONYMOUS, certificate };
  }

  #withoutToken(passage: Passage): Authenticated {
    const principal = this.#tokenless(passage.certificate);
    if (principal !== undefined) return { ok: true, principal };
    return this.#ledger.unauthenticated(passage, {
      what: "missing token",
      reason: "no_token",
      message: "a token is required: pass --token, --token-file or CONDUCTOR_TOKEN (in gRPC: " +
        "metadata authorization: Bearer TOKEN)",
    });
  }

  #withVerdict(
    passage: Passage,
    verdict: TokenVerdict,
    { isCounted = false }: { readonly isCounted?: boolean } = {},
  ): Authenticated {
    const { limits } = this.#options;
    if (!verdict.ok) {
      const { ip, call: { nowMs } } = passage;
      // What the cluster itself cannot check now is nobody's fault.
      const isOurs = verdict.reason === "keys_unavailable";
      if (!isOurs) limits?.noteFailure(ip, nowMs);
      const refusal = this.#ledger.unauthenticated(passage, {
        what: "token validation error",
        reason: isOurs ? verdict.reason : "invalid_token",
        error: verdict.reason,
        message: verdict.message,
      }, { isCounted });
      return isOurs && refusal.code === "UNAUTHENTICATED"
        ? { ...refusal, code: "UNAVAILABLE", retryAfterMs: KEYS_AGAIN_MS }
        : refusal;
    }
    if (isCounted) limits?.noteSuccess(passage.ip);
    return { ok: true, principal: this.#principalOf(verdict.claims, passage.certificate) };
  }

  #principalOf(claims: TokenClaims, certificate: CertificateIdentity | undefined): Principal {
    const known = this.#principals.get(claims);
    if (known !== undefined && known.certificate === certificate) return known;
    const principal = principalOf(claims, certificate);
    this.#principals.set(claims, principal);
    return principal;
  }

  #ipOf(peerAddress: string): string {
    let ip = this.#ips.get(peerAddress);
    if (ip === undefined) this.#ips.set(peerAddress, ip = peerIp(peerAddress));
    return ip;
  }

  /** Everything after it is known who calls. */
  #admit(arrived: Passage, outcome: Authenticated): GateDecision {
    if (!outcome.ok) return outcome;
    const { principal } = outcome;
    const { namespaces } = principal;
    const passage = namespaces === undefined ? arrived : { ...arrived, namespaces };
    const authorization = this.#authorize(passage.call, principal);
    const exhausted = this.#ledger.countKnown(passage, principal, authorization.allowed);
    if (exhausted !== undefined) return exhausted;
    this.#ledger.recordSuccess(passage, principal, authorization);
    if (authorization.allowed) return { ok: true, principal };
    return { ok: false, code: "PERMISSION_DENIED", message: authorization.reason };
  }

  #authorize(call: GateCall, principal: Principal): Authorization {
    if (principal.joins !== undefined) return authorizeJoining(principal.joins, call.method);
    if (call.permission === null) return { allowed: true };
    const { method, permission } = call;
    const confinement = confinementOf(principal, { method, permission });
    if (!confinement.allowed) return confinement;
    const policies = this.#policies;
    if (policies === null) return { allowed: true };
    if (permission === undefined) return policies.authorize(principal, call.method);
    if (policies.grants(principal, permission)) return { allowed: true };
    return {
      allowed: false,
      reason: `"${principal.userId}" (${principal.roles.join(", ") || "no role"}) may not use ` +
        `${call.method}: it needs ${permission}`,
    };
  }

  get #policies(): PolicySet | null {
    const { policies } = this.#options;
    return policies instanceof LivePolicies ? policies.current : policies;
  }
}
