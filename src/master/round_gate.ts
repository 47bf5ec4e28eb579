/**
 * Group commit that clocks itself: under load, Commands that come while others are on their way gather
 * and go together when those are done. An append costs each member two messages and the disk's time
 * whatever it holds, so fewer and larger ones leave more of the processor to the jobs themselves.
 * With little on its way nothing is held, and neither is anything for longer than it pays.
 *
 * @module
 */

import type { Command } from "../jobs/mod.ts";
import { Encounter } from "./encounter.ts";

/** A Command's share in an append. */
export interface Share {
  readonly kind: Command["kind"];
  /** Jobs, assignments or reports that it is about; 1 for what is about none. */
  readonly items: number;
  readonly bytes: number;
}

/** Nothing is held while less is on its way, since little would be won. */
const ITEMS_ON_THE_WAY_MIN = 16;
/** So much gathers at most; then it goes behind what is on its way. */
const GATHERED_ITEMS_MAX = 2_048;
const GATHERED_BYTES_MAX = 1024 * 1024;
/** So many holds in a row that gathered one Command alone show that holding wins nothing now. */
const LONELY_HOLDS_MAX = 4;
/** So many are not held then, until it is tried again. */
const PASSED_AFTER_LONELY = 64;
/** So long is anything held at most, in ms: a member may be far away, or gone. */
const HELD_MS_MAX = 25;
/** So long does one side wait for the other at most, in ms: no timer of the runtime's is finer than two. */
const MEETING_MS_MAX = 2;

export class RoundGate {
  readonly #onTheWay = { items: 0, commands: 0 };
  /** What is on its way has left: who comes now would make an append of its own. */
  #hasLeft = false;
  #isLeaving = false;
  readonly #gathered = { items: 0, bytes: 0 };
  #waiting: (() => void)[] = [];
  #isOpening = false;
  #lonelyHolds = 0;
  #passesLeft = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #encounter = new Encounter();
  /** What waits does so for the other side of an encounter, not for what is on its way. */
  #isMeeting = false;

  /**
   * A Command wants to go; undefined: it may at once. Otherwise it may when the promise resolves,
   * in the order in which they came.
   */
  enter(share: Share): Promise<void> | undefined {
    this.#encounter.came(share);
    if (this.#waiting.length > 0) {
      return this.#held(share, this.#isMeeting && this.#encounter.isOver);
    }
    if (this.#hasLeft && this.#onTheWay.items >= ITEMS_ON_THE_WAY_MIN) {
      if (this.#passesLeft === 0) return this.#held(share);
      this.#passesLeft--;
      return undefined;
    }
    this.#isMeeting = !this.#isLeaving && this.#encounter.isWorthWaiting(share);
    return this.#isMeeting ? this.#held(share) : undefined;
  }

  #held({ items, bytes }: Share, isComplete = false): Promise<void> {
    this.#gathered.items += items;
    this.#gathered.bytes += bytes;
    const mayGo = isComplete || this.#gathered.items >= GATHERED_ITEMS_MAX ||
      this.#gathered.bytes >= GATHERED_BYTES_MAX;
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (mayGo) this.#openSoon();
      else this.#timer ??= this.#openLater();
    });
  }

  #openLater(): ReturnType<typeof setTimeout> {
    if (!this.#isMeeting) return setTimeout(() => this.#open(), HELD_MS_MAX);
    return setTimeout(() => {
      this.#encounter.gaveUp();
      this.#open();
    }, MEETING_MS_MAX);
  }

  /** It was proposed, in the turn in which it was let in. */
  left({ items }: Share): void {
    this.#onTheWay.items += items;
    this.#onTheWay.commands++;
    if (this.#hasLeft || this.#isLeaving) return;
    this.#isLeaving = true;
    // Consensus takes what was proposed in a turn in its own immediate, which is set already.
    setImmediate(() => {
      this.#isLeaving = false;
      this.#hasLeft = this.#onTheWay.commands > 0;
    });
  }

  /** Its outcome is known, or never will be. */
  arrived(share: Share): void {
    this.#encounter.told(share);
    this.#onTheWay.items -= share.items;
    if (--this.#onTheWay.commands > 0) return;
    this.#hasLeft = false;
    if (this.#waiting.length > 0 && !this.#isMeeting) this.#openSoon();
  }

  stop(): void {
    this.#open();
  }

  /** Behind what the outcomes that arrived in this turn set going, so that it comes along. */
  #openSoon(): void {
    if (this.#isOpening) return;
    this.#isOpening = true;
    setImmediate(() => this.#open());
  }

  #open(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isOpening = false;
    this.#hasLeft = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    if (!this.#isMeeting) this.#learnFrom(waiting.length);
    this.#isMeeting = false;
    this.#gathered.items = 0;
    this.#gathered.bytes = 0;
    for (const go of waiting) go();
  }

  /** A sole client that keeps two messages on the way would only lose by having one wait. */
  #learnFrom(gathered: number): void {
    if (gathered === 0) return;
    this.#lonelyHolds = gathered === 1 ? this.#lonelyHolds + 1 : 0;
    if (this.#lonelyHolds < LONELY_HOLDS_MAX) return;
    this.#lonelyHolds = 0;
    this.#passesLeft = PASSED_AFTER_LONELY;
  }
}
