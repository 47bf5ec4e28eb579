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

  /** `id` said this of itself; the last word counts. */
  heard(id: string, facts: PeerFacts): void {
    if (this.#facts.get(id) === facts) return;
    this.#facts.delete(id);
    this.#facts.set(id, facts);
    const [oldest] = this.#facts.keys();
    if (this.#facts.size > PEERS_MAX && oldest !== undefined) this.#facts.delete(oldest);
  }

  /** What `id` said, if it is the incarnation that is asked for (empty: whichever). */
  get(id: string, incarnation: string): PeerFacts | undefined {
    const facts = this.#facts.get(id);
    return incarnation === "" || facts?.incarnation === incarnation ? facts : undefined;
  }
}
