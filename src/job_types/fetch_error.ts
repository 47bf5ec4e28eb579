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

/** The time for the whole exchange ran out. */
export class FetchTimeoutError extends FetchError {
  override name = "FetchTimeoutError";
}

/** The server answered that it will not, or not now. */
export class FetchStatusError extends FetchError {
  override name = "FetchStatusError";
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

/** Statuses that will be the same next time, whatever the server's mood. */
const LASTING: ReadonlySet<number> = new Set([400, 401, 404, 405, 406, 410, 414, 415, 431, 451]);

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
  const message = `${describeUrl(url)} answered with status ${status}.`;
  if (LASTING.has(status)) throw new PermanentJobError(message);
  throw new FetchStatusError(message, status);
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
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another host",
  CERT_HAS_EXPIRED: "its certificate has expired",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is signed by nobody known here",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is signed by nobody known here",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate is signed by nobody known here",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate is signed by nobody known here",
  Z_DATA_ERROR: "its compressed body is damaged",
  Z_BUF_ERROR: "its compressed body is cut short",
};

/** The failure of a runtime's network call, without the runtime's own words where we have better. */
export function plainWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error ? String(error.code) : "";
  if (Object.hasOwn(WORDS, code)) return WORDS[code]!;
  if (code.startsWith("HPE_")) return "its answer is not HTTP";
  if (code.startsWith("ERR_BROTLI") || code.startsWith("ERR__ERROR_")) {
    return "its compressed body is damaged";
  }
  return error.message.replace(/\.$/, "");
}
