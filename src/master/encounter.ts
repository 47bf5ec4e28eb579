/**
 * Submitters and workers that meet at the log. Under full cycles one append tells submitters that their
 * jobs are taken, and workers that they have them; both come again a moment apart, with the next
 * submissions and with the ends of those jobs. Whichever side comes first made an append of its own,
 * behind which the other waited. Here it waits for the other, if as many are about to come from there.
 *
 * @module
 */

import type { Command } from "../jobs/mod.ts";

interface Coming {
  readonly kind: Command["kind"];
  readonly items: number;
}

/** Fewer are not waited for, nor do fewer wait. */
const ITEMS_MIN = 16;
/** So many times in a row in vain show that the two sides do not keep time: jobs that take longer, submissions at will. */
const VAIN_MAX = 4;
/** So many occasions pass then, until it is tried again. */
const PASSED_AFTER_VAIN = 64;

export class Encounter {
  /** Submissions that were answered, and have not been followed by others. */
  #submitters = 0;
  /** Attempts that were given out, of which nothing was heard. */
  #attempts = 0;
  /** Who is waited for. */
  #awaited: "submitters" | "attempts" = "attempts";
  #vain = 0;
  #passesLeft = 0;

  /** A Command's outcome is known to those whom it concerns. */
  told({ kind, items }: Coming): void {
    if (kind === "submit") this.#submitters += items;
    if (kind === "assign") this.#attempts += items;
  }

  /** A Command wants to go. */
  came({ kind, items }: Coming): void {
    if (kind === "submit") this.#submitters = Math.max(0, this.#submitters - items);
    if (kind === "report") this.#attempts = Math.max(0, this.#attempts - items);
  }

  /** Whether as many are about to come from the other side. If so, they are waited for until {@linkcode isOver}. */
  isWorthWaiting({ kind, items }: Coming): boolean {
    if (items < ITEMS_MIN || (kind !== "submit" && kind !== "report")) return false;
    this.#awaited = kind === "submit" ? "attempts" : "submitters";
    if (this.#outside < items) return false;
    if (this.#passesLeft === 0) return true;
    this.#passesLeft--;
    return false;
  }

  /** Whoever was waited for is there, but for a few. */
  get isOver(): boolean {
    if (this.#outside >= ITEMS_MIN) return false;
    this.#vain = 0;
    return true;
  }

  /** They did not come in time. */
  gaveUp(): void {
    if (this.#awaited === "attempts") this.#attempts = 0;
    else this.#submitters = 0;
    if (++this.#vain < VAIN_MAX) return;
    this.#vain = 0;
    this.#passesLeft = PASSED_AFTER_VAIN;
  }

  get #outside(): number {
    return this.#awaited === "attempts" ? this.#attempts : this.#submitters;
  }
}
