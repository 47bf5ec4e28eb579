/**
 * Keeps the tokens of a file fresh: whoever lives longer than its access token exchanges its refresh
 * token for the next pair in time, and puts that into the file.
 *
 * A refresh token is good once, and one that comes twice ends its whole family. So the key of the
 * request is written down before it is sent: after a lost answer, or a crash before the new pair was
 * written, the same is asked again and answered again.
 *
 * @module
 */

import { hash } from "node:crypto";
import type { Logger } from "../observability/mod.ts";
import { Refusal, type TokenPairView } from "../rpc/mod.ts";
import { reasonOf } from "./reason.ts";
import { claimsIn } from "./token_claims.ts";
import { readTokenFile, type TokenFile, writeTokenFile } from "./token_file.ts";

/** Exchanges a refresh token, as `SecurityClient.refreshToken` does. */
export type Refresh = (refreshToken: string, requestKey: string) => Promise<TokenPairView>;

/** The file beside one with tokens that holds the key of a request under way. */
const REQUEST_SUFFIX = ".renewing";

/**
 * Exchanges the refresh token of a file and puts the new pair there.
 *
 * @throws Misuse when the file cannot be read or written; Refusal as the cluster answered
 */
export async function renewTokenFile(path: string, refresh: Refresh): Promise<TokenPairView> {
  const { refreshToken } = readTokenFile(path);
  const pair = await refresh(refreshToken, requestKeyFor(path, refreshToken));
  writeTokenFile(path, { token: pair.accessToken, refreshToken: pair.refreshToken });
  forgetRequest(path);
  return pair;
}

/** The key under which that token was presented before, if it was; else a new one, written down. */
function requestKeyFor(path: string, refreshToken: string): string {
  const digest = hash("sha256", refreshToken, "base64url");
  const requestPath = path + REQUEST_SUFFIX;
  try {
    const pending = readTokenFile(requestPath);
    if (pending.refreshToken === digest) return pending.token;
  } catch {
    // There is none, or it cannot be read: then it is written anew.
  }
  const key = crypto.randomUUID();
  writeTokenFile(requestPath, { token: key, refreshToken: digest });
  return key;
}

function forgetRequest(path: string): void {
  try {
    Deno.removeSync(path + REQUEST_SUFFIX);
  } catch (failure) {
    if (!(failure instanceof Deno.errors.NotFound)) throw failure;
  }
}

export interface TokenKeeperOptions {
  /** The file with both tokens. */
  readonly path: string;
  readonly refresh: Refresh;
  /** Told when there is a new access token: what stands by the former one ends with that. */
  readonly onRenewed?: () => void;
  readonly now: () => number;
  readonly log: Pick<Logger, "debug" | "info" | "warn" | "error">;
}

/** An access token is renewed when this part of its life is over. */
const RENEWED_AFTER = 0.6;
/** What failed is tried again after this, and longer each time up to ..., in ms. */
const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 30_000;
/** A longer pause than this is taken in parts, in ms: clocks are set and machines sleep. */
const LOOK_MS_MAX = 60_000;

/** Renews the tokens of a file while it runs. */
export class TokenKeeper {
  readonly #options: TokenKeeperOptions;
  #held: TokenFile;
  #retryMs = RETRY_MS_MIN;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isStopped = false;

  /** @throws Misuse when the file cannot be read */
  constructor(options: TokenKeeperOptions) {
    this.#options = options;
    this.#held = readTokenFile(options.path);
  }

  /** To present now. */
  get token(): string {
    return this.#held.token;
  }

  /** Renews from now on, in time. */
  start(): void {
    this.#waitFor(0);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /** Renews if it is time. Resolves to how many ms to wait before the next look. */
  async look(): Promise<number> {
    const { path, refresh, now, log, onRenewed = () => {} } = this.#options;
    const dueMs = renewalDueMs(this.#held.token);
    if (now() < dueMs) return Math.min(dueMs - now(), LOOK_MS_MAX);
    try {
      const pair = await renewTokenFile(path, refresh);
      this.#held = { token: pair.accessToken, refreshToken: pair.refreshToken };
      this.#retryMs = RETRY_MS_MIN;
      log.debug("the token was renewed", { expires_at: new Date(pair.expiresAtMs).toISOString() });
      onRenewed();
      return Math.max(0, Math.min(renewalDueMs(this.#held.token) - now(), LOOK_MS_MAX));
    } catch (failure) {
      const isFinal = failure instanceof Refusal && failure.reason === "unauthenticated";
      if (isFinal) {
        log.error("the token cannot be renewed any more: a new one is needed", {
          file: path,
          reason: failure.message,
        });
      } else log.warn("the token could not be renewed yet", { reason: reasonOf(failure) });
      const waitMs = isFinal ? RETRY_MS_MAX : this.#retryMs;
      this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MS_MAX);
      this.#readAgain();
      return waitMs;
    }
  }

  /** Somebody may have put new ones there. */
  #readAgain(): void {
    try {
      this.#held = readTokenFile(this.#options.path);
    } catch (failure) {
      this.#options.log.warn("the token file cannot be read", { reason: reasonOf(failure) });
    }
  }

  #waitFor(ms: number): void {
    if (this.#isStopped) return;
    this.#timer = setTimeout(async () => this.#waitFor(await this.look()), ms);
  }
}

/** When a token is to be renewed, in ms since the epoch; 0: at once. */
function renewalDueMs(token: string): number {
  const { issuedAtMs, expiresAtMs } = claimsIn(token) ?? {};
  if (expiresAtMs === undefined) return 0;
  const fromMs = issuedAtMs ?? expiresAtMs;
  return fromMs + (expiresAtMs - fromMs) * RENEWED_AFTER;
}
