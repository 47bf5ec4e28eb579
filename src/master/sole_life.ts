/**
 * A master makes sure that no other process uses its data directory, or a copy of it: before it
 * takes part, by asking every member; afterwards, by what its peers answer to its messages.
 *
 * @module
 */

import type { Introduction, IntroductionAnswer } from "../rpc/mod.ts";

/** Peers that hear another process say so with every try, which are less than this apart, in ms. */
const DOUBT_MS = 1_500;
/** Longer than a process that is gone can be taken for alive, so that what is doubted is true. */
const PATIENCE_MS = 5_000;
const PAUSE_MS = 250;

interface Doubt {
  readonly sinceMs: number;
  readonly lastMs: number;
}

/** What peers say of this process after it has started. */
export class SoleLife {
  readonly #doubts = new Map<string, Doubt>();
  readonly #now: () => number;
  readonly #onFailed: (failure: Error) => void;

  /**
   * @param now ms on a clock that never goes back
   * @param onFailed there is another process beyond doubt
   */
  constructor(now: () => number, onFailed: (failure: Error) => void) {
    this.#now = now;
    this.#onFailed = onFailed;
  }

  /** `peer` hears another process, and so not this one. */
  doubted(peer: string, reason: string): void {
    const now = this.#now();
    const doubt = this.#doubts.get(peer);
    const isNew = doubt === undefined || now - doubt.lastMs >= DOUBT_MS;
    const sinceMs = isNew ? now : doubt.sinceMs;
    this.#doubts.set(peer, { sinceMs, lastMs: now });
    if (now - sinceMs >= PATIENCE_MS) this.#onFailed(startedTwice(`${peer} says: ${reason}`));
  }

  /** Until it is clear which of two processes goes on, this one promises nothing. */
  get isDoubted(): boolean {
    const now = this.#now();
    return this.#doubts.values().some(({ lastMs }) => now - lastMs < DOUBT_MS);
  }
}

/**
 * Resolves when nobody who answers knows of another process. An earlier one that has just ended may
 * seem alive for a moment.
 *
 * @param ask every member, and whoever is where this node was last reached
 * @throws Error with a message for the operator
 */
export async function untilAlone(
  own: Pick<Introduction, "nodeId" | "incarnation">,
  ask: () => Promise<Iterable<IntroductionAnswer>>,
  { now, pause }: { readonly now: () => number; readonly pause: (ms: number) => Promise<void> },
): Promise<void> {
  const untilMs = now() + PATIENCE_MS;
  while (true) {
    const found = otherLife(own, await ask());
    if (found === undefined) return;
    if (now() >= untilMs) throw startedTwice(found);
    await pause(PAUSE_MS);
  }
}

function otherLife(
  own: Pick<Introduction, "nodeId" | "incarnation">,
  answers: Iterable<IntroductionAnswer>,
): string | undefined {
  for (const { nodeId, incarnation, grpcAddress, otherLifeAddress } of answers) {
    // This process does not answer yet.
    if (nodeId === own.nodeId && incarnation === own.incarnation) {
      return `it answers, with gRPC at ${grpcAddress}`;
    }
    if (otherLifeAddress !== "") return `${nodeId} hears it from ${otherLifeAddress}`;
  }
  return undefined;
}

function startedTwice(where: string): Error {
  return new Error(
    `another master runs on a copy of this data directory, under the same node id (${where}). Two ` +
      "of them must not take part, since each could break what the other promised. Keep the one " +
      "that is wanted and stop the other; for a further member, start this one with a node id of " +
      "its own and an empty data directory: conductor master --node-id NEW --join HOST:PORT",
  );
}
