/**
 * What the other masters said of themselves when they connected.
 *
 * @module
 */

import type { PeerFacts } from "../rpc/mod.ts";

/** Peers remembered; beyond, the one that was first heard of gives way. */
const PEERS_MAX = 256;

export class Peers {
  readonly #facts = new Map<string, PeerFacts>();
  readonly #lost = new Map<string, string>();

  /** `id` said this of itself; the last word counts. */
  heard(id: string, facts: PeerFacts): void {
    if (this.#facts.get(id) === facts) return;
    this.#facts.delete(id);
    this.#facts.set(id, facts);
    const [oldest] = this.#facts.keys();
    if (this.#facts.size > PEERS_MAX && oldest !== undefined) this.#facts.delete(oldest);
  }

  /** The stream to `id` broke, or did not come about. */
  lost(id: string, reason: string): void {
    this.#lost.set(id, reason);
  }

  /** Only these are members now. */
  retain(ids: ReadonlySet<string>): void {
    for (const id of this.#lost.keys()) if (!ids.has(id)) this.#lost.delete(id);
  }

  /** Why the last stream to `id` ended, that did. */
  lostReason(id: string): string | undefined {
    return this.#lost.get(id);
  }

  /** What `id` said, if it is the incarnation that is asked for (empty: whichever). */
  get(id: string, incarnation: string): PeerFacts | undefined {
    const facts = this.#facts.get(id);
    return incarnation === "" || facts?.incarnation === incarnation ? facts : undefined;
  }
}
