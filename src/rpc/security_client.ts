/**
 * The client library for those who say who is trusted.
 *
 * @module
 */

import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import type { RevokedKind } from "../jobs/mod.ts";
import { type Calls, callsOf } from "./calls.ts";
import type { ChannelOptions } from "./channel.ts";
import { MasterService } from "./gen/scheduler_pb.ts";
import {
  pairFromWire,
  type PolicyVerdict,
  type PolicyView,
  revocationFromWire,
  type RevocationOrder,
  type RevocationView,
  type TokenOrder,
  type TokenPairView,
} from "./security_api.ts";

const METHOD = MasterService.method;

/** Issues and revokes tokens, and reads and sets the policy. Methods throw {@linkcode Refusal}. */
export class SecurityClient {
  readonly #channel: Calls;

  /** @param channel how to reach the cluster; or a channel that others use too */
  constructor(channel: ChannelOptions | Calls) {
    this.#channel = callsOf(channel);
  }

  async issueToken(order: Partial<TokenOrder>): Promise<TokenPairView> {
    const { tokens } = await this.#channel.call(METHOD.issueToken, {
      subject: order.subject ?? "",
      roles: [...order.roles ?? []],
      ttlMs: BigInt(Math.round(order.ttlMs ?? 0)),
      refreshable: order.refreshable ?? false,
      refreshTtlMs: BigInt(Math.round(order.refreshTtlMs ?? 0)),
      namespaces: [...order.namespaces ?? []],
      joins: order.joins ?? "",
    });
    return pairFromWire(tokens);
  }

  /**
   * Exchanges a refresh token; the new one takes its place.
   *
   * @param requestKey to be said again with the same token, by whoever lost the answer
   */
  async refreshToken(
    refreshToken: string,
    requestKey: string = crypto.randomUUID(),
  ): Promise<TokenPairView> {
    const { tokens } = await this.#channel.call(METHOD.refreshToken, { refreshToken, requestKey });
    return pairFromWire(tokens);
  }

  /** A worker's first pair, on a channel whose token is a join token. */
  async enrolWorker(
    workerId: string,
    requestKey: string = crypto.randomUUID(),
  ): Promise<TokenPairView> {
    const { tokens } = await this.#channel.call(METHOD.enrolWorker, { workerId, requestKey });
    return pairFromWire(tokens);
  }

  /** Resolves to what is revoked, and whether it was trusted before. */
  async revoke(
    order: RevocationOrder,
  ): Promise<{ readonly revocation: RevocationView; readonly changed: boolean }> {
    const { reason } = order;
    const expiresAt = "expiresAtMs" in order && order.expiresAtMs > 0
      ? { expiresAt: timestampFromMs(order.expiresAtMs) }
      : {};
    const { revocation, changed } = order.what === "certificate"
      ? await this.#channel.call(METHOD.revokeCertificate, {
        fingerprint256: order.id,
        reason,
        ...expiresAt,
      })
      : await this.#channel.call(METHOD.revokeToken, {
        reason,
        ...expiresAt,
        ...(order.what === "presented"
          ? { token: order.token }
          : order.what === "token"
          ? { tokenId: order.id }
          : { [order.what]: order.id }),
      });
    return { revocation: revocationFromWire(revocation), changed };
  }

  /** The latest first. */
  async listRevocations(
    { what = "", limit = 0 }: { readonly what?: RevokedKind | ""; readonly limit?: number } = {},
  ): Promise<{ readonly revocations: readonly RevocationView[]; readonly total: number }> {
    const response = await this.#channel.call(METHOD.listRevocations, { what, limit });
    return {
      revocations: response.revocations.map(revocationFromWire),
      total: Number(response.total),
    };
  }

  async getPolicy(): Promise<PolicyView> {
    const { revision, text, setBy, setAt } = await this.#channel.call(METHOD.getPolicy, {});
    return {
      revision: Number(revision),
      text,
      by: setBy,
      atMs: setAt === undefined ? 0 : timestampMs(setAt),
    };
  }

  /** Sets the policy if it is still at `expectedRevision`. */
  async setPolicy(
    text: string,
    expectedRevision: number,
  ): Promise<{ readonly revision: number; readonly methodsWithoutPolicy: readonly string[] }> {
    const response = await this.#channel.call(
      METHOD.setPolicy,
      { text, expectedRevision: BigInt(expectedRevision) },
      // The second time it would find its own first, and call that another's.
      { isRepeatable: false },
    );
    return {
      revision: Number(response.revision),
      methodsWithoutPolicy: response.methodsWithoutPolicy,
    };
  }

  /** Whether roles (the caller's own, when none are named) may call a method. */
  async testPolicy(
    question: {
      readonly method: string;
      readonly roles?: readonly string[];
      /** A policy to be. */
      readonly text?: string;
    },
  ): Promise<PolicyVerdict> {
    const { method, roles = [], text = "" } = question;
    const answer = await this.#channel.call(METHOD.testPolicy, { method, roles: [...roles], text });
    return {
      allowed: answer.allowed,
      reason: answer.reason,
      method: answer.method,
      needed: answer.needed,
      rolesThatMay: answer.rolesThatMay,
      revision: Number(answer.revision),
    };
  }

  /** Closes the connections. */
  close(): void {
    this.#channel.close();
  }
}
