/**
 * The calls about who is trusted: tokens, revocations and the policy.
 *
 * @module
 */

import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Timestamp, timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { REVOKED_KINDS, type RevokedKind } from "../jobs/mod.ts";
import {
  isJoining,
  type IssuedJoinToken,
  type IssuedTokens,
  type Joining,
  JOININGS,
} from "../security/mod.ts";
import type { CallContext, ServiceHandlers } from "./call.ts";
import type { MasterService } from "./gen/scheduler_pb.ts";
import type {
  IssueTokenRequest,
  Revocation,
  RevocationSchema,
  RevokeTokenRequest,
  TokenPair,
  TokenPairSchema,
} from "./gen/security_pb.ts";
import { Refusal } from "./status.ts";

/** Tokens that were issued. Both are secrets. */
export interface TokenPairView {
  readonly accessToken: string;
  /** "" when none was asked for. */
  readonly refreshToken: string;
  /** `jti` of the access token. */
  readonly tokenId: string;
  /** By which all that comes of it can be revoked; "" of a join token. */
  readonly family: string;
  readonly subject: string;
  readonly roles: readonly string[];
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number;
  /** 0 when there is no refresh token. */
  readonly refreshExpiresAtMs: number;
}

/** What whoever asked for tokens is told, whether a master signed them or its caller did. */
export function tokenPairView(
  issued: IssuedTokens,
  { subject, roles, refreshable }: Pick<TokenOrder, "subject" | "roles" | "refreshable">,
): TokenPairView {
  return {
    accessToken: issued.accessToken,
    refreshToken: refreshable ? issued.refreshToken : "",
    tokenId: issued.tokenId,
    family: issued.family,
    subject,
    roles,
    expiresAtMs: issued.accessExpiresAtMs,
    refreshExpiresAtMs: refreshable ? issued.refreshExpiresAtMs : 0,
  };
}

/** The same of a join token. */
export function joinTokenView(
  { token, tokenId, expiresAtMs }: IssuedJoinToken,
  { subject, roles }: Pick<TokenOrder, "subject" | "roles">,
): TokenPairView {
  return {
    accessToken: token,
    refreshToken: "",
    tokenId,
    family: "",
    subject,
    roles,
    expiresAtMs,
    refreshExpiresAtMs: 0,
  };
}

/** A token to be issued. 0 and "" mean: as configured, or none. */
export interface TokenOrder {
  readonly subject: string;
  readonly roles: readonly string[];
  readonly ttlMs: number;
  readonly refreshable: boolean;
  readonly refreshTtlMs: number;
  readonly namespaces: readonly string[];
  readonly joins: "" | Joining;
}

/** What is to be revoked: a token as it is, or something by its name. */
export type RevocationOrder =
  | { readonly what: "presented"; readonly token: string; readonly reason: string }
  | {
    readonly what: RevokedKind;
    readonly id: string;
    /** 0: never forgotten. */
    readonly expiresAtMs: number;
    readonly reason: string;
  };

/** Something that is revoked. */
export interface RevocationView {
  readonly what: RevokedKind;
  readonly id: string;
  readonly atMs: number;
  /** 0: never forgotten. */
  readonly expiresAtMs: number;
  readonly by: string;
  readonly reason: string;
}

export interface PolicyView {
  /** 0: none was set. */
  readonly revision: number;
  readonly text: string;
  readonly by: string;
  readonly atMs: number;
}

/** Whether roles may call a method, and why. */
export interface PolicyVerdict {
  readonly allowed: boolean;
  readonly reason: string;
  readonly method: string;
  readonly needed: readonly string[];
  readonly rolesThatMay: readonly string[];
  readonly revision: number;
}

/** What a master answers about who is trusted. */
export interface SecurityApi {
  issueToken(order: TokenOrder, call: CallContext): Promise<TokenPairView>;
  refreshToken(token: string, requestKey: string, call: CallContext): Promise<TokenPairView>;
  enrolWorker(workerId: string, requestKey: string, call: CallContext): Promise<TokenPairView>;
  revoke(
    order: RevocationOrder,
    call: CallContext,
  ): Promise<{ readonly revocation: RevocationView; readonly changed: boolean }>;
  /** The latest first. */
  listRevocations(
    query: { readonly what: RevokedKind | ""; readonly limit: number },
  ): Promise<{ readonly revocations: readonly RevocationView[]; readonly total: number }>;
  getPolicy(): Promise<PolicyView>;
  setPolicy(
    text: string,
    expectedRevision: number,
    call: CallContext,
  ): Promise<{ readonly revision: number; readonly methodsWithoutPolicy: readonly string[] }>;
  testPolicy(
    question: {
      readonly roles: readonly string[];
      readonly method: string;
      readonly text: string;
    },
    call: CallContext,
  ): Promise<PolicyVerdict>;
}

/** Revocations that a list has when its caller does not say. */
const LISTED_DEFAULT = 1_000;
const LISTED_MAX = 10_000;
const FINGERPRINT = /^[0-9a-f]{64}$/;

export function securityHandlers(master: SecurityApi): Pick<
  ServiceHandlers<typeof MasterService>,
  | "issueToken"
  | "refreshToken"
  | "enrolWorker"
  | "revokeToken"
  | "revokeCertificate"
  | "listRevocations"
  | "getPolicy"
  | "setPolicy"
  | "testPolicy"
> {
  return {
    issueToken: async (request, call) => ({
      tokens: pairToWire(await master.issueToken(orderFromWire(request), call)),
    }),
    refreshToken: async ({ refreshToken, requestKey }, call) => {
      if (refreshToken === "") throw new Refusal("invalid", "refresh_token is empty");
      return { tokens: pairToWire(await master.refreshToken(refreshToken, requestKey, call)) };
    },
    enrolWorker: async ({ workerId, requestKey }, call) => {
      if (workerId === "") throw new Refusal("invalid", "worker_id is empty");
      return { tokens: pairToWire(await master.enrolWorker(workerId, requestKey, call)) };
    },
    revokeToken: async (request, call) => revoked(await master.revoke(named(request), call)),
    revokeCertificate: async ({ fingerprint256, expiresAt, reason }, call) => {
      const id = fingerprint256.replaceAll(":", "").toLowerCase();
      if (!FINGERPRINT.test(id)) {
        throw new Refusal(
          "invalid",
          `fingerprint256 is ${JSON.stringify(fingerprint256.slice(0, 100))}; it must be the ` +
            "SHA-256 of the certificate in 64 hexadecimal digits",
        );
      }
      const expiresAtMs = msOf(expiresAt);
      return revoked(await master.revoke({ what: "certificate", id, expiresAtMs, reason }, call));
    },
    listRevocations: async ({ what, limit }) => {
      const kind = what === "" ? "" : REVOKED_KINDS.find((each) => each === what);
      if (kind === undefined) {
        throw new Refusal(
          "invalid",
          `what is ${JSON.stringify(what)}; it may be ${REVOKED_KINDS.join(", ")} or empty`,
        );
      }
      if (limit < 0) throw new Refusal("invalid", `limit is ${limit}; it must not be negative`);
      const { revocations, total } = await master.listRevocations({
        what: kind,
        limit: Math.min(limit === 0 ? LISTED_DEFAULT : limit, LISTED_MAX),
      });
      return { revocations: revocations.map(revocationToWire), total: BigInt(total) };
    },
    getPolicy: async () => {
      const { revision, text, by, atMs } = await master.getPolicy();
      return {
        revision: BigInt(revision),
        text,
        setBy: by,
        ...(atMs === 0 ? {} : { setAt: timestampFromMs(atMs) }),
      };
    },
    setPolicy: async ({ text, expectedRevision }, call) => {
      const { revision, methodsWithoutPolicy } = await master.setPolicy(
        text,
        Number(expectedRevision),
        call,
      );
      return { revision: BigInt(revision), methodsWithoutPolicy: [...methodsWithoutPolicy] };
    },
    testPolicy: async ({ roles, method, text }, call) => {
      if (method === "") throw new Refusal("invalid", "method is empty");
      const verdict = await master.testPolicy({ roles, method, text }, call);
      return {
        ...verdict,
        needed: [...verdict.needed],
        rolesThatMay: [...verdict.rolesThatMay],
        revision: BigInt(verdict.revision),
      };
    },
  };
}

function orderFromWire(request: IssueTokenRequest): TokenOrder {
  const { subject, roles, ttlMs, refreshable, refreshTtlMs, namespaces, joins } = request;
  if (joins !== "" && !isJoining(joins)) {
    throw new Refusal(
      "invalid",
      `joins is ${JSON.stringify(joins)}; it may be ${JOININGS.join(", ")}`,
    );
  }
  for (const [name, value] of [["ttl_ms", ttlMs], ["refresh_ttl_ms", refreshTtlMs]] as const) {
    if (value < 0n) throw new Refusal("invalid", `${name} is ${value}; it must not be negative`);
  }
  return {
    subject,
    roles,
    ttlMs: Number(ttlMs),
    refreshable,
    refreshTtlMs: Number(refreshTtlMs),
    namespaces,
    joins,
  };
}

function named(request: RevokeTokenRequest): RevocationOrder {
  const { token, tokenId, family, subject, reason } = request;
  const given = [token, tokenId, family, subject].filter((each) => each !== "");
  if (given.length !== 1) {
    throw new Refusal(
      "invalid",
      `${given.length} of token, token_id, family and subject are given; say what is to be ` +
        "revoked by one of them",
    );
  }
  if (token !== "") return { what: "presented", token, reason };
  const expiresAtMs = msOf(request.expiresAt);
  if (tokenId !== "") return { what: "token", id: tokenId, expiresAtMs, reason };
  if (family !== "") return { what: "family", id: family, expiresAtMs, reason };
  if (expiresAtMs !== 0) {
    throw new Refusal(
      "invalid",
      "expires_at is for a token or a family: how long all tokens of a subject live, nobody knows",
    );
  }
  return { what: "subject", id: subject, expiresAtMs: 0, reason };
}

function revoked(
  { revocation, changed }: { readonly revocation: RevocationView; readonly changed: boolean },
) {
  return { revocation: revocationToWire(revocation), changed };
}

function pairToWire(pair: TokenPairView): MessageInitShape<typeof TokenPairSchema> {
  const { accessToken, refreshToken, tokenId, family, subject, roles } = pair;
  return {
    accessToken,
    refreshToken,
    tokenId,
    family,
    subject,
    roles: [...roles],
    expiresAt: timestampFromMs(pair.expiresAtMs),
    ...(pair.refreshExpiresAtMs === 0
      ? {}
      : { refreshExpiresAt: timestampFromMs(pair.refreshExpiresAtMs) }),
  };
}

export function pairFromWire(pair: TokenPair | undefined): TokenPairView {
  if (pair === undefined) throw new Refusal("internal", "the master answered no tokens");
  const { accessToken, refreshToken, tokenId, family, subject, roles } = pair;
  return {
    accessToken,
    refreshToken,
    tokenId,
    family,
    subject,
    roles,
    expiresAtMs: msOf(pair.expiresAt),
    refreshExpiresAtMs: msOf(pair.refreshExpiresAt),
  };
}

function revocationToWire(revocation: RevocationView): MessageInitShape<typeof RevocationSchema> {
  const { what, id, atMs, expiresAtMs, by, reason } = revocation;
  return {
    what,
    id,
    by,
    reason,
    revokedAt: timestampFromMs(atMs),
    ...(expiresAtMs === 0 ? {} : { expiresAt: timestampFromMs(expiresAtMs) }),
  };
}

export function revocationFromWire(revocation: Revocation | undefined): RevocationView {
  if (revocation === undefined) throw new Refusal("internal", "the master answered no revocation");
  const { id, by, reason } = revocation;
  const what = REVOKED_KINDS.find((each) => each === revocation.what) ?? "token";
  const expiresAtMs = msOf(revocation.expiresAt);
  return { what, id, by, reason, atMs: msOf(revocation.revokedAt), expiresAtMs };
}

/** 0: not set. */
function msOf(stamp: Timestamp | undefined): number {
  return stamp === undefined ? 0 : timestampMs(stamp);
}
