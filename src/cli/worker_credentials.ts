/**
 * How a worker shows who it is: by a token that it is given, or by one of its own that it gets for a
 * join token and keeps fresh. It never holds the cluster's signing key.
 *
 * @module
 */

import { join } from "node:path";
import type { Config } from "../config/mod.ts";
import type { Logger } from "../observability/mod.ts";
import { pause, Refusal } from "../rpc/mod.ts";
import { tokenSource } from "./connect.ts";
import { Misuse } from "./failure.ts";
import { claimsIn } from "./token_claims.ts";
import { readTokenFile, writeTokenFile } from "./token_file.ts";
import { type Refresh, TokenKeeper } from "./token_keeper.ts";

/** The file in a worker's own directory that holds the tokens that it got for its join token. */
const CREDENTIALS_FILE = "credentials";
const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 10_000;

/** What is asked of the cluster. */
export interface CredentialCalls {
  readonly refresh: Refresh;
  readonly enrol: (requestKey: string) => ReturnType<Refresh>;
}

export interface WorkerCredentialsOptions {
  readonly config: Config;
  /** The worker's own. */
  readonly directory: string;
  /** Told when there is a new token to present. */
  readonly onRenewed: () => void;
  readonly now: () => number;
  readonly log: Logger;
}

export class WorkerCredentials {
  readonly #options: WorkerCredentialsOptions;
  readonly #given: () => string | undefined;
  #keeper: TokenKeeper | undefined;

  constructor(options: WorkerCredentialsOptions) {
    this.#options = options;
    this.#given = tokenSource(options.config);
  }

  /** To present now; asked at every call. */
  get token(): string | undefined {
    return this.#keeper?.token ?? this.#given();
  }

  /**
   * Gets tokens of its own where it is given a join token, and keeps them fresh from then on. A worker
   * that has some from an earlier life goes on with those.
   *
   * @throws Misuse when a file cannot be read or written; Refusal when the cluster will never take
   * the join token
   */
  async open(calls: CredentialCalls, signal: AbortSignal): Promise<void> {
    const path = await this.#renewableFile(calls, signal);
    if (path === undefined) return;
    const { onRenewed, now, log } = this.#options;
    this.#keeper = new TokenKeeper({ path, refresh: calls.refresh, onRenewed, now, log });
    this.#keeper.start();
  }

  close(): void {
    this.#keeper?.stop();
  }

  /** The file whose tokens are to be kept fresh; undefined: what is given is all there is. */
  async #renewableFile(
    calls: CredentialCalls,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const { config, directory, log } = this.#options;
    const own = join(directory, CREDENTIALS_FILE);
    const given = this.#given();
    const isJoining = given !== undefined && claimsIn(given)?.kind === "join";
    if (given === undefined || isJoining) {
      if (this.#hasUsable(own)) return own;
      if (given === undefined) return undefined;
      const pair = await this.#enrolled(calls, own, signal);
      log.info("enrolled; this worker has tokens of its own now", { file: own });
      writeTokenFile(own, { token: pair.accessToken, refreshToken: pair.refreshToken });
      return own;
    }
    const { tokenFile } = config.security;
    return tokenFile !== "" && readTokenFile(tokenFile).refreshToken !== "" ? tokenFile : undefined;
  }

  /** Whether there are tokens of an earlier life of which the refresh token may still be good. */
  #hasUsable(path: string): boolean {
    try {
      const { refreshToken } = readTokenFile(path);
      const { expiresAtMs = 0 } = claimsIn(refreshToken) ?? {};
      return expiresAtMs > this.#options.now();
    } catch (failure) {
      if (failure instanceof Misuse && failure.cause instanceof Deno.errors.NotFound) return false;
      throw failure;
    }
  }

  /** Asks until somebody answers; under one key, written down, so that a crash wastes no join token. */
  async #enrolled({ enrol }: CredentialCalls, own: string, signal: AbortSignal) {
    const { log } = this.#options;
    const requestKey = enrolmentKey(`${own}.enrolling`);
    for (let waitMs = RETRY_MS_MIN;; waitMs = Math.min(waitMs * 2, RETRY_MS_MAX)) {
      signal.throwIfAborted();
      try {
        return await enrol(requestKey);
      } catch (failure) {
        const isPassing = failure instanceof Refusal &&
          ["unavailable", "overloaded", "outcome_unknown", "not_leader"].includes(failure.reason);
        if (!isPassing) throw failure;
        log.warn("this worker is not enrolled yet", {
          reason: failure.message,
          retry_in_ms: waitMs,
        });
        await pause(waitMs, signal);
      }
    }
  }
}

function enrolmentKey(path: string): string {
  try {
    return readTokenFile(path).token;
  } catch (failure) {
    if (!(failure instanceof Misuse) || !(failure.cause instanceof Deno.errors.NotFound)) {
      throw failure;
    }
  }
  const key = crypto.randomUUID();
  writeTokenFile(path, { token: key, refreshToken: "" });
  return key;
}
