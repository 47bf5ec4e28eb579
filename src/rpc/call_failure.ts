/**
 * What the failure of a call means to its caller: whether another master may do better, and what is
 * said when none did.
 *
 * @module
 */

import type { ServiceError } from "@grpc/grpc-js";
import { fromServiceError, Refusal } from "./status.ts";

/** The call may not have been carried out because of which master it went to. */
export function isAboutTheMaster(refusal: Refusal): boolean {
  return refusal.reason === "unavailable" || refusal.reason === "not_leader";
}

/** What was tried before a call was given up. */
export interface Tries {
  /** What a master answered last. */
  readonly answered: Refusal | undefined;
  readonly addresses: readonly string[];
  readonly waitedMs: number;
  /** One of them was sent and not answered. */
  readonly mayBeDone: boolean;
}

/** No master is known to have carried it out; `failure` is what the last try met. */
export function gaveUp(
  failure: Refusal,
  { answered, addresses, waitedMs, mayBeDone }: Tries,
): Refusal {
  const names = addresses.join(", ");
  const options = { cause: failure, mayBeDone };
  if (answered !== undefined) {
    const message = `${answered.message} (${names} asked again and again for ${waitedMs} ms)`;
    return new Refusal("unavailable", message, options);
  }
  return new Refusal(
    "unavailable",
    `no master could be reached at ${names} within ${waitedMs} ms ` +
      `(last: ${failure.message}); is one running there?`,
    options,
  );
}

/** A call's last failure, with what was answered before. */
export function after(answered: Refusal | undefined, last: Refusal): Refusal {
  if (answered === undefined || last.isAnswer) return last;
  const message = `${last.message}; before that: ${answered.message}`;
  return new Refusal(last.reason, message, { cause: last });
}

/** What a lost connection means for a call that was sent and may not be made again. */
export function onceOnly(refusal: Refusal): Refusal {
  if (refusal.isAnswer || refusal.reason !== "unavailable") return refusal;
  return new Refusal(
    "outcome_unknown",
    `the master was lost before it answered (${refusal.message}), and may have carried the call out`,
    { cause: refusal },
  );
}

/** What calls are told that are under way when their channel is closed, and later ones. */
export function closedChannel(): Refusal {
  return new Refusal("cancelled", "the connections to the cluster were closed");
}

/** A failure of gRPC's in our words; undefined if it is none. */
export function asRefusal(failure: unknown): Refusal | undefined {
  if (failure instanceof Refusal) return failure;
  const isStatus = failure instanceof Error && "code" in failure && "details" in failure;
  return isStatus ? fromServiceError(failure as ServiceError) : undefined;
}
