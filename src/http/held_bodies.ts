/**
 * The bodies that a server is reading, and those of answers that have not left. Each is bounded, but not how many there are:
 * who may send one could send a thousand that do not end, and whoever may ask could ask a thousand times and not read. As
 * with the streams of a gRPC port (`rpc/held_bytes.ts`), when all of them keep too much, those are given up that have
 * kept most for longest.
 *
 * @module
 */

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

/** Who is told of bodies. */
export type BodyKeeper = Pick<HeldBodies, "begin">;

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
   * @param bytesMax of this body
   * @param giveUp called when it is to be read or sent no further
   */
  begin(bytesMax: number, giveUp: () => void): HeldBody {
    const reading: Reading = { bytes: 0, sinceMs: this.#nowMs(), giveUp };
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
    const nowMs = this.#nowMs();
    const weight = ({ bytes, sinceMs }: Reading) => bytes * (1 + nowMs - sinceMs);
    const worstFirst = [...this.#bodies].sort((one, other) => weight(other) - weight(one));
    for (const reading of worstFirst) {
      if (this.#bytes <= bytesMax) return;
      this.#forget(reading);
      reading.giveUp();
    }
  }

  #forget(reading: Reading): void {
    if (this.#bodies.delete(reading)) this.#bytes -= reading.bytes;
  }
}

interface Reading {
  bytes: number;
  readonly sinceMs: number;
  readonly giveUp: () => void;
}
