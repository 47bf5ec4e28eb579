/**
 * What a master presents to the workers that it calls: a token for each worker alone, so that a
 * worker that is not to be trusted gains nothing by presenting it to somebody else.
 */

import { BoundedMap } from "./bounded_map.ts";
import { type IssuedTokens, issueTokens, type TokenIssuerOptions } from "./token_issuing.ts";

/** The audience of a token that only one worker accepts. */
export function workerAudience(workerId: string): string {
  return `worker:${workerId}`;
}

/** As whom a master calls, and for how long a token of it lives. */
export interface WorkerTokensOptions extends Omit<TokenIssuerOptions, "audience"> {
  /** The master's name. */
  readonly subject: string;
  readonly ttlMs: number;
}

/** A token is renewed when this part of its life is over. */
const RENEWED_AFTER = 0.8;
const REMEMBERED_MAX = 10_000;

/** Issues and renews them. */
export class WorkerTokens {
  #options: WorkerTokensOptions;
  #issued = new BoundedMap<string, { token: string; renewAtMs: number }>(REMEMBERED_MAX);

  constructor(options: WorkerTokensOptions) {
    this.#options = options;
  }

  /** From now on signs with these. */
  adoptKeys(keys: Pick<TokenIssuerOptions, "secret" | "privateKeyPem">): void {
    const { privateKeyPem: _, ...rest } = this.#options;
    this.#options = { ...rest, ...keys };
    this.#issued = new BoundedMap(REMEMBERED_MAX);
  }

  /**
   * A token that the worker `workerId` accepts, and nobody else.
   *
   * @param nowMs milliseconds since the epoch
   * @throws {SecurityConfigurationError} when the signing key cannot be used
   */
  async tokenFor(workerId: string, nowMs: number): Promise<string> {
    const known = this.#issued.get(workerId);
    if (known !== undefined && nowMs < known.renewAtMs) return known.token;
    const { subject, ttlMs } = this.#options;
    const { accessToken }: IssuedTokens = await issueTokens(
      { ...this.#options, audience: workerAudience(workerId) },
      { subject, roles: ["master"], accessTtlMs: ttlMs, refreshTtlMs: ttlMs, nowMs },
    );
    const renewAtMs = nowMs + ttlMs * RENEWED_AFTER;
    this.#issued.set(workerId, { token: accessToken, renewAtMs });
    return accessToken;
  }
}
