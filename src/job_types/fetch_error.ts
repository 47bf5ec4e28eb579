/**
 * What can go wrong on the network, said so that a person understands it. All of these may pass:
 * another attempt is worth making. What will not pass is a `PermanentJobError`.
 *
 * @module
 */

import { type GuardedResponse, PermanentJobError } from "./contract.ts";
import { describeUrl } from "./job_url.ts";

/** The network or the server failed. */
export class FetchError extends Error {
  override name = "FetchError";
}

/** Which time ran out: for connecting, until the answer began, or for the whole exchange. */
export type TimeLimit = "connect" | "first_byte" | "whole";

/** A server was too slow. */
export class FetchTimeoutError extends FetchError {
  override name = "FetchTimeoutError";
  readonly limit: TimeLimit;

  constructor(message: string, limit: TimeLimit, options?: ErrorOptions) {
    super(message, options);
    this.limit = limit;
  }
}

/** The server answered that it will not, or not now. */
export class FetchStatusError extends FetchError {
  override name = "FetchStatusError";
  readonly status: number;
  /** How long the server asks to be left alone, in ms; absent where it does not say. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, status: number, retryAfterMs?: number) {
    super(message);
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Statuses that will be the same next time, whatever the server's mood. */
const LASTING: ReadonlySet<number> = new Set([
  ...[400, 401, 402, 404, 405, 406, 410, 411, 412, 413, 414, 415, 416, 417, 422, 426, 428, 431],
  ...[451, 501, 505],
]);

/**
 * Passes an answer of 2xx on; discards the body of any other.
 *
 * @throws {PermanentJobError} for a status that will be the same next time.
 * @throws {FetchStatusError} for any other that is not 2xx.
 */
export async function requireSuccess(response: GuardedResponse): Promise<GuardedResponse> {
  const { status, url } = response;
  if (status >= 200 && status < 300) return response;
  await response.body.cancel();
  const message = `${describeUrl(url)} answered with status ${status}`;
  if (LASTING.has(status)) throw new PermanentJobError(`${message}.`);
  const retryAfterMs = retryAfterOf(response.headers["retry-after"], Date.now());
  const wish = retryAfterMs === undefined
    ? ""
    : ` and asks to be left alone for ${Math.ceil(retryAfterMs / 1_000)} s`;
  throw new FetchStatusError(`${message}${wish}.`, status, retryAfterMs);
}

/** A day; whoever asks for more has made a mistake, or means that it should not come back. */
const RETRY_AFTER_MS_MAX = 86_400_000;

/**
 * What `retry-after` asks for, in ms from `nowMs`: seconds or a date (RFC 9110 §10.2.3). Undefined
 * for what is neither.
 */
export function retryAfterOf(header: string | undefined, nowMs: number): number | undefined {
  const text = header?.trim() ?? "";
  if (text === "") return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - nowMs;
  return Number.isNaN(ms) ? undefined : Math.min(RETRY_AFTER_MS_MAX, Math.max(0, ms));
}

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "the connection was refused",
  ECONNRESET: "the connection was closed before the answer was complete",
  EPIPE: "the connection was closed while the request was being sent",
  ENETUNREACH: "its network cannot be reached from here",
  EHOSTUNREACH: "its host cannot be reached from here",
  ETIMEDOUT: "its host does not answer",
  ENOTFOUND: "its host has no address (is the name right?)",
  ENODATA: "its host has no address (is the name right?)",
  EAI_AGAIN: "the name server does not answer",
  EAI_NODATA: "its host has no address (is the name right?)",
  HPE_HEADER_OVERFLOW: "the header section of its answer is too long",
  ERR_SSL_WRONG_VERSION_NUMBER: "its server does not speak TLS there (is it http://?)",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another host",
  CERT_HAS_EXPIRED: "its certificate has expired",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is signed by nobody known here",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is signed by nobody known here",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate is signed by nobody known here",
  // All that this runtime says of a certificate that has expired, too.
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate has expired, or is signed by nobody known here",
  Z_DATA_ERROR: "its compressed body is damaged",
  Z_BUF_ERROR: "its compressed body is cut short",
  ZSTD_CUT: "its compressed body is cut short",
  BROTLI_CUT: "its compressed body is cut short",
};

/** The failure of a runtime's network call, without the runtime's own words where we have better. */
export function plainWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error ? String(error.code) : "";
  if (Object.hasOwn(WORDS, code)) return WORDS[code]!;
  if (code.startsWith("HPE_")) return "its answer is not HTTP";
  // Deno's brotli has its codes in the message, under Node's code of zlib or none.
  const isDamage = ["ERR_BROTLI", "ERR__ERROR_", "ERR_ERROR_", "ZSTD_"]
    .some((each) => code.startsWith(each) || error.message.startsWith(each));
  if (isDamage) return "its compressed body is damaged";
  return error.message.replace(/\.$/, "");
}
