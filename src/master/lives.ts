/**
 * Which process speaks for a data directory. Two that were started on copies of one are the same
 * member in every respect, so that each could break what the other promised (a vote, an
 * acknowledgement). The one that was there first is heard, and any other turned away while it lives.
 *
 * @module
 */

import type { PeerFacts } from "../rpc/mod.ts";

/** Silence after which a process whose connection stands all the same is taken for gone, in ms. */
const SILENCE_MS = 3_000;

/** What tells two processes of one data directory apart. */
export type Speaker = Pick<PeerFacts, "incarnation" | "life">;

interface Life {
  readonly id: string;
  readonly address: string;
  readonly streams: Set<object>;
  heardAtMs: number;
}

export class Lives {
  readonly #byIncarnation = new Map<string, Life>();
  readonly #now: () => number;

  /** @param now ms on a clock that never goes back */
  constructor(now: () => number) {
    this.#now = now;
  }

  /**
   * A frame came on `stream`. Returns the address of another process of the same data directory that
   * is alive: then this one is not to be listened to.
   */
  heard(sender: Speaker & Pick<PeerFacts, "address">, stream: object): string | undefined {
    const { incarnation, life: id, address } = sender;
    if (incarnation === "" || id === "") return undefined;
    const other = this.otherOf(sender);
    if (other !== undefined) return other;
    let life = this.#byIncarnation.get(incarnation);
    if (life?.id !== id) {
      life = { id, address, streams: new Set(), heardAtMs: 0 };
      this.#byIncarnation.set(incarnation, life);
    }
    life.streams.add(stream);
    life.heardAtMs = this.#now();
    return undefined;
  }

  /** Where another process of the same data directory is heard from; undefined: nowhere. */
  otherOf({ incarnation, life: id }: Speaker): string | undefined {
    const life = this.#byIncarnation.get(incarnation);
    const isOther = life !== undefined && id !== "" && life.id !== id;
    return isOther && this.#now() - life.heardAtMs < SILENCE_MS ? life.address : undefined;
  }

  /** `stream` ended; with its last one a process is gone. */
  ended(stream: object): void {
    for (const [incarnation, { streams }] of this.#byIncarnation) {
      if (streams.delete(stream) && streams.size === 0) this.#byIncarnation.delete(incarnation);
    }
  }
}
