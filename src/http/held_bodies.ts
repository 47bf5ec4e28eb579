/**
 * The bodies that a server is reading, and those of answers that have not left. Each is bounded, but not how many there are:
 * who may send one could send a thousand that do not end, and whoever may ask could ask a thousand times and not read. As
 * with the streams of a gRPC port (`rpc/held_bytes.ts`), when all of them keep too much, those are given up, of the
 * addresses that have most, that have kept most for longest.
 *
 * @module
 */

import { type Holding, unfairShares } from "../security/mod.ts";

/** What is kept of all bodies together, in bytes ... */
const BYTES_MAX = 256 * 1024 * 1024;
/** ... or so many of the longest, where that is more. */
const BODIES_MAX = 4;
/** What a piece costs beside its bytes, however few these are. */
const PIECE_BYTES = 512;
/** What is given up at a time leaves this much of what may be kept. */
const LEFT_FRACTION = 0.75;

/** A body on its way. */
export interface HeldBody {
  /** A piece of so many bytes came. */
  came(bytes: number): void;
  /** It is there or gone in full, or nobody waits for it any more. */
  over(): void;
}

/** Who is told of the bodies of one caller. */
export interface BodyKeeper {
  begin(bytesMax: number, giveUp: () => void): HeldBody;
}

/** The bodies of one server. */
export class HeldBodies {
  readonly #bytesMax: number;
  readonly #nowMs: () => number;
  readonly #bodies = new Set<Reading>();
  #bytes = 0;

  /** @param nowMs of a clock that does not jump */
  constructor(bytesMax = BYTES_MAX, nowMs: () => number = () => performance.now()) {
    this.#bytesMax = bytesMax;
    this.#nowMs = nowMs;
  }

  /** Kept now. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * @param address whose it is
   * @param bytesMax of this body
   * @param giveUp called when it is to be read or sent no further
   */
  begin(address: string, bytesMax: number, giveUp: () => void): HeldBody {
    const nowMs = this.#nowMs;
    const sinceMs = nowMs();
    const reading: Reading = {
      address,
      bytes: 0,
      get weight() {
        return this.bytes * (1 + nowMs() - sinceMs);
      },
      giveUp,
    };
    const most = Math.max(this.#bytesMax, BODIES_MAX * bytesMax);
    this.#bodies.add(reading);
    return {
      came: (bytes) => {
        if (!this.#bodies.has(reading)) return;
        reading.bytes += bytes + PIECE_BYTES;
        this.#bytes += bytes + PIECE_BYTES;
        if (this.#bytes > most) this.#makeRoom(most * LEFT_FRACTION);
      },
      over: () => this.#forget(reading),
    };
  }

  #makeRoom(bytesMax: number): void {
    for (const reading of unfairShares(this.#bodies, bytesMax)) {
      this.#forget(reading);
      reading.giveUp();
    }
  }

  #forget(reading: Reading): void {
    if (this.#bodies.delete(reading)) this.#bytes -= reading.bytes;
  }
}

interface Reading extends Holding {
  bytes: number;
  readonly giveUp: () => void;
}
