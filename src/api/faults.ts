/**
 * Refusals as HTTP has them: the status, and a body that says the same in gRPC's word.
 *
 * @module
 */

import { jsonAnswer } from "../http/mod.ts";
import { codeNameOf, Refusal, type RefusalReason } from "../rpc/mod.ts";

/** As google.rpc maps its codes, but for what is too large, which HTTP has a word of its own for. */
const STATUS_OF: Readonly<Record<RefusalReason, number>> = {
  invalid: 400,
  failed_precondition: 400,
  unauthenticated: 401,
  permission_denied: 403,
  not_found: 404,
  already_exists: 409,
  conflict: 409,
  too_large: 413,
  overloaded: 429,
  cancelled: 499,
  data_loss: 500,
  internal: 500,
  unimplemented: 501,
  unavailable: 503,
  not_leader: 503,
  outcome_unknown: 504,
};

/** A body of a type that is not read, for which HTTP has a status of its own. */
export class MediaRefusal extends Refusal {
  constructor(message: string) {
    super("invalid", message);
  }
}

const MEDIA_REFUSED = 415;

/** Every status that a refusal may have, for the description of the API. */
export const FAULT_STATUSES: readonly number[] = [
  ...new Set([...Object.values(STATUS_OF), MEDIA_REFUSED]),
].sort();

/** The status of a refusal, but for {@linkcode MediaRefusal}. */
export function httpStatusOf(reason: RefusalReason): number {
  return STATUS_OF[reason];
}

/** The status of a refusal. */
export function statusOf(refusal: Refusal): number {
  return refusal instanceof MediaRefusal ? MEDIA_REFUSED : httpStatusOf(refusal.reason);
}

/** The answer for a refusal. */
export function refusalAnswer(refusal: Refusal): Response {
  return jsonAnswer(statusOf(refusal), { error: faultOf(refusal) }, headersOf(refusal));
}

/** What is said of a refusal. */
export function faultOf({ reason, message, retryAfterMs }: Refusal) {
  return {
    code: codeNameOf(reason),
    message,
    ...(retryAfterMs === undefined ? {} : { retry_after_ms: Math.ceil(retryAfterMs) }),
  };
}

function headersOf({ reason, retryAfterMs }: Refusal): Record<string, string> {
  if (reason === "unauthenticated") return { "www-authenticate": "Bearer" };
  if (retryAfterMs === undefined) return {};
  return { "retry-after": String(Math.ceil(retryAfterMs / 1_000)) };
}
