/**
 * Streams live long, and who opened one may be trusted no more before it ends: its token expires or is
 * revoked, its certificate too, or the policy changes. So their callers are looked at again while they
 * are open.
 *
 * @module
 */

import type { Caller } from "./call.ts";
import { Refusal } from "./status.ts";

/** How often the callers of open streams are looked at, in ms. */
const STREAMS_LOOKED_AT_MS = 10_000;

interface OpenStream {
  readonly caller: Caller;
  readonly end: (why: Refusal) => void;
  readonly stillMay: () => boolean;
}

export class StreamWatch {
  readonly #stillValid: (caller: Caller) => boolean;
  readonly #intervalMs: number;
  readonly #streams = new Set<OpenStream>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(stillValid: (caller: Caller) => boolean, intervalMs = STREAMS_LOOKED_AT_MS) {
    this.#stillValid = stillValid;
    this.#intervalMs = intervalMs;
  }

  /**
   * Ends the stream by `end` when its caller is no longer let in; returns how to stop looking.
   *
   * @param stillMay whether the caller, if still trusted, may still do what the stream does
   */
  watch(
    caller: Caller,
    end: (why: Refusal) => void,
    stillMay: () => boolean = () => true,
  ): () => void {
    const stream = { caller, end, stillMay };
    this.#streams.add(stream);
    this.#timer ??= setInterval(() => this.look(), this.#intervalMs);
    return () => {
      this.#streams.delete(stream);
      if (this.#streams.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }

  look(): void {
    for (const { caller, end, stillMay } of [...this.#streams]) {
      if (!this.#stillValid(caller)) end(endedFor(caller));
      else if (!stillMay()) end(deniedTo(caller));
    }
  }
}

function endedFor({ userId }: Caller): Refusal {
  return new Refusal(
    "unauthenticated",
    `the token or the certificate of "${userId}" has ended or been revoked since the ` +
      "stream was opened; come back with one that is good",
  );
}

function deniedTo({ userId, roles }: Caller): Refusal {
  return new Refusal(
    "permission_denied",
    `"${userId}" (${roles.join(", ") || "no role"}) may not have such a stream any more: the ` +
      "policy has changed since it was opened",
  );
}
