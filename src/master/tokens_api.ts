/**
 * The calls that issue, renew and revoke tokens, as the leader answers them.
 *
 * @module
 */

import { hash } from "node:crypto";
import {
  isNamespace,
  type RevocationSpec,
  type RevokeCommand,
  type RotateTokenCommand,
  type RotateTokenOutcome,
} from "../jobs/mod.ts";
import {
  type CallContext,
  Refusal,
  type RevocationOrder,
  type SecurityApi,
  type TokenOrder,
  type TokenPairView,
  tokenPairView,
} from "../rpc/mod.ts";
import {
  ANY_NAME,
  isPlainName,
  issueTokens,
  namespacesText,
  type Principal,
  TOKEN_NAMES_MAX,
  type TokenClaims,
  type TokenRequest,
} from "../security/mod.ts";
import { audited } from "./audited.ts";
import { dutiesOf, type MasterContext } from "./context.ts";
import { joinToken, rememberedUntil, signing, useJoinToken } from "./join_tokens.ts";
import { sees } from "./sight.ts";

/** The longest that an access token may live, in ms. */
const ACCESS_TTL_MS_MAX = 366 * 24 * 60 * 60 * 1000;
/** Characters of a request key: enough that nobody guesses it. */
const REQUEST_KEY_CHARACTERS = { min: 16, max: 256 };

type TokenCalls = Pick<
  SecurityApi,
  "issueToken" | "refreshToken" | "enrolWorker" | "revoke" | "listRevocations"
>;

export class TokensApi implements TokenCalls {
  readonly #context: MasterContext;

  constructor(context: MasterContext) {
    this.#context = context;
  }

  issueToken(order: TokenOrder, call: CallContext): Promise<TokenPairView> {
    const { subject, roles, joins } = order;
    const act = joins === ""
      ? "issue a token"
      : `issue a token for ${joins === "workers" ? "" : "a "}${joins} to join`;
    return audited(this.#context, act, subject || ANY_NAME, call, async () => {
      dutiesOf(this.#context);
      if (joins !== "") {
        refuseConfined(
          call,
          `let ${joins === "workers" ? "" : "a "}${joins} in, which serves the whole cluster`,
        );
        return await joinToken(this.#context, order, joins);
      }
      this.#checkOrder(order, call);
      const { accessTtlMs, refreshTtlMs } = this.#context.security;
      const { caller: { namespaces: own } } = call;
      const namespaces = order.namespaces.length > 0 ? order.namespaces : own;
      return await this.#pair({
        subject,
        roles,
        ...(namespaces === undefined ? {} : { namespaces }),
        accessTtlMs: order.ttlMs || accessTtlMs,
        refreshTtlMs: order.refreshTtlMs || refreshTtlMs,
        nowMs: this.#context.now(),
      }, order.refreshable);
    });
  }

  async refreshToken(token: string, requestKey: string): Promise<TokenPairView> {
    dutiesOf(this.#context);
    const { security, proposer } = this.#context;
    const { accessTtlMs, refreshTtlMs } = security;
    const claims = await this.#claimsOf(token, "refresh");
    const { subject, family, generation, roles, namespaces } = claims;
    if (family === undefined || generation === undefined) {
      throw new Refusal(
        "unauthenticated",
        "this refresh token belongs to no family, so that its reuse could not be noticed: ask for " +
          "one that this cluster issued",
      );
    }
    const nowMs = this.#context.now();
    const outcome = await proposer.propose<RotateTokenCommand>({
      kind: "rotate_token",
      family,
      subject,
      generation,
      requestDigest: digestOf(requestKey),
      untilMs: rememberedUntil(nowMs + refreshTtlMs),
    });
    if (outcome.status === "refused") throw this.#refusalOf(outcome, claims);
    const pair = await this.#pair({
      subject,
      roles,
      ...(namespaces === undefined ? {} : { namespaces }),
      accessTtlMs,
      refreshTtlMs,
      family: { id: family, generation: outcome.generation },
      nowMs,
    }, true);
    security.audit({ kind: "token_refreshed", userId: subject, tokenId: pair.tokenId });
    return pair;
  }

  enrolWorker(workerId: string, requestKey: string, call: CallContext): Promise<TokenPairView> {
    return audited(this.#context, "enrol a worker", workerId, call, async () => {
      dutiesOf(this.#context);
      const { machine, security: { accessTtlMs, refreshTtlMs } } = this.#context;
      const { joins, token } = call.caller;
      if ((joins !== "worker" && joins !== "workers") || token === undefined) {
        throw new Refusal(
          "failed_precondition",
          "a worker enrols with a join token: conductor token issue --join-worker makes one",
        );
      }
      const { min, max } = REQUEST_KEY_CHARACTERS;
      if (requestKey.length < min || requestKey.length > max || !isPlainName(workerId)) {
        throw new Refusal(
          "invalid",
          `worker_id must be a name, and request_key ${min} to ${max} random characters`,
        );
      }
      if (token.subject === ANY_NAME && machine.worker(workerId) !== undefined) {
        throw new Refusal(
          "already_exists",
          `there is a worker ${
            JSON.stringify(workerId)
          } already; to enrol it again, issue a join ` +
            "token for its name (conductor token issue --join-worker --subject NAME)",
        );
      }
      await useJoinToken(this.#context, call, {
        name: workerId,
        usedBy: `${workerId}/${digestOf(requestKey)}`,
      });
      const nowMs = this.#context.now();
      return await this.#pair(
        { subject: workerId, roles: ["worker"], accessTtlMs, refreshTtlMs, nowMs },
        true,
      );
    });
  }

  async revoke(order: RevocationOrder, call: CallContext) {
    if (order.what !== "presented") {
      refuseConfined(call, "revoke what it does not present: show the token itself");
    }
    const spec = order.what === "presented"
      ? await this.#specOf(order.token, call)
      : { what: order.what, id: order.id, untilMs: rememberedUntil(order.expiresAtMs) };
    const { what, id } = spec;
    return await audited(this.#context, `revoke a ${what}`, id, call, async () => {
      dutiesOf(this.#context);
      const { machine, proposer, security } = this.#context;
      const { userId: by } = call.caller;
      const { reason } = order;
      const outcome = await proposer.propose<RevokeCommand>({
        kind: "revoke",
        revocations: [spec],
        by,
        reason,
      });
      if (outcome.status === "refused") {
        throw new Refusal(outcome.reason === "invalid" ? "invalid" : "overloaded", outcome.message);
      }
      if (what === "token" || what === "family") {
        security.audit({ kind: "token_revoked", userId: by, tokenId: id });
      }
      const found = machine.trust.revocations().find((each) =>
        each.what === what && each.id === id
      );
      // What had ended when it was revoked is not remembered.
      const revocation = found ?? { ...spec, atMs: machine.nowMs, by, reason };
      return { revocation: revocationView(revocation), changed: outcome.changed > 0 };
    });
  }

  async listRevocations({ what, limit }: Parameters<SecurityApi["listRevocations"]>[0]) {
    const { machine, proposer, barrierTimeoutMs } = this.#context;
    await proposer.readBarrier(barrierTimeoutMs);
    const matching = machine.trust.revocations().filter((each) =>
      what === "" || each.what === what
    );
    return {
      revocations: matching.slice(0, limit).map(revocationView),
      total: matching.length,
    };
  }

  #checkOrder({ subject, roles, namespaces, ttlMs, refreshTtlMs }: TokenOrder, call: CallContext) {
    const { security } = this.#context;
    if (!isPlainName(subject)) {
      throw new Refusal(
        "invalid",
        "subject must be a name of 1 to 256 characters, none of them a control or not seen",
      );
    }
    if (Math.max(ttlMs, refreshTtlMs) > ACCESS_TTL_MS_MAX) {
      throw new Refusal("invalid", "a token lives at most 366 days");
    }
    for (const [what, names] of Object.entries({ roles, namespaces })) {
      if (names.length <= TOKEN_NAMES_MAX) continue;
      throw new Refusal(
        "invalid",
        `a token has at most ${TOKEN_NAMES_MAX} ${what}, not ${names.length}`,
      );
    }
    const policies = security.policies.current;
    const unknown = roles.filter((role) => !policies.roles.some(({ name }) => name === role));
    if (unknown.length > 0) {
      throw new Refusal(
        "invalid",
        `there is no role ${unknown.join(", ")}; there are ${
          policies.roles.map(({ name }) => name).join(", ")
        }`,
      );
    }
    if (security.rolesAreEnforced && !policies.covers(principalOf(call), roles)) {
      throw new Refusal(
        "permission_denied",
        `"${call.caller.userId}" (${call.caller.roles.join(", ")}) may not hand on more than it ` +
          `has, which ${roles.join(", ")} would`,
      );
    }
    const nameless = namespaces.find((each) => !isNamespace(each));
    if (nameless !== undefined) {
      throw new Refusal(
        "invalid",
        `${JSON.stringify(nameless.slice(0, 80))} is no namespace: those are named by 1 to 63 ` +
          "letters, digits, dots, dashes and underscores",
      );
    }
    const own = call.caller.namespaces;
    const foreign = own === undefined ? [] : namespaces.filter((each) => !own.includes(each));
    if (foreign.length > 0) {
      throw new Refusal(
        "permission_denied",
        `"${call.caller.userId}" may not hand on the namespaces ${foreign.join(", ")}`,
      );
    }
  }

  async #pair(request: TokenRequest, refreshable: boolean): Promise<TokenPairView> {
    const { security } = this.#context;
    const issued = await signing(() => issueTokens(security.signer, request));
    const { subject, roles, namespaces } = request;
    security.audit({
      kind: "tokens_issued",
      userId: subject,
      roles,
      tokenId: issued.tokenId,
      ...(namespaces === undefined ? {} : { namespaces }),
      accessExpiresAtMs: issued.accessExpiresAtMs,
      ...(refreshable ? { refreshExpiresAtMs: issued.refreshExpiresAtMs } : {}),
    });
    return tokenPairView(issued, { subject, roles, refreshable });
  }

  async #claimsOf(token: string, ...kinds: ("access" | "refresh" | "join")[]) {
    const { verifier } = this.#context.security;
    if (verifier === null) {
      throw new Refusal("failed_precondition", "this cluster has no key to check tokens with");
    }
    const verdict = await verifier.verify(token, this.#context.now(), ...kinds);
    if (verdict.ok) return verdict.claims;
    throw new Refusal("unauthenticated", verdict.message);
  }

  /** A token is revoked by itself, but a refresh token with all that comes of it. */
  async #specOf(token: string, call: CallContext): Promise<RevocationSpec> {
    const claims = await this.#claimsOf(token, "access", "refresh", "join");
    if (claims.namespaces?.every((each) => sees(call, each)) !== true) {
      refuseConfined(call, "revoke a token of wider scope");
    }
    const untilMs = rememberedUntil(claims.expiresAtMs);
    if (claims.kind === "refresh" && claims.family !== undefined) {
      // Its successors may live longer than it.
      const { refreshTtlMs } = this.#context.security;
      const latestMs = Math.max(untilMs, rememberedUntil(this.#context.now() + refreshTtlMs));
      return { what: "family", id: claims.family, untilMs: latestMs };
    }
    if (claims.tokenId === undefined) {
      throw new Refusal(
        "failed_precondition",
        `the token has no jti by which it could be revoked; revoke its subject, "${claims.subject}"`,
      );
    }
    return { what: "token", id: claims.tokenId, untilMs };
  }

  #refusalOf(
    { reason, message }: Extract<RotateTokenOutcome, { status: "refused" }>,
    { subject, family }: TokenClaims,
  ): Refusal {
    if (reason === "too_many") return new Refusal("overloaded", message);
    if (reason === "reused") {
      const { log, security } = this.#context;
      log.warn("a refresh token was used a second time: its family is revoked", {
        subject,
        family,
      });
      security.audit({
        kind: "token_revoked",
        userId: subject,
        ...(family && { tokenId: family }),
      });
    }
    return new Refusal("unauthenticated", message);
  }
}

/** @throws Refusal `permission_denied` if the caller does not have all namespaces */
function refuseConfined({ caller: { userId, namespaces } }: CallContext, what: string): void {
  if (namespaces === undefined) return;
  throw new Refusal(
    "permission_denied",
    `the token of "${userId}" is for ${
      namespacesText(namespaces)
    } alone, so that it may not ${what}`,
  );
}

/** "" for none. The key itself is not kept. */
function digestOf(requestKey: string): string {
  return requestKey === "" ? "" : hash("sha256", requestKey, "base64url");
}

/** The caller of a call, as the policies know it. */
export function principalOf({ caller }: CallContext): Principal {
  return { source: "token", ...caller };
}

function revocationView(
  { what, id, atMs, untilMs, by, reason }: RevocationSpec & {
    readonly atMs: number;
    readonly by: string;
    readonly reason: string;
  },
) {
  return { what, id, atMs, expiresAtMs: untilMs, by, reason };
}
