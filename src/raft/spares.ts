/**
 * Who must hold an entry before it commits, and who gets it a little later. Of three voters two make
 * a majority: a leader that sends each entry to one follower at once, and to the other now and then
 * all that came meanwhile, commits as early, and saves everybody two messages and a write an append.
 *
 * The front are those that commits wait for; the others are spares. Spares get what they lack some
 * pauses of the driver's after they fell behind, or after one pause in which what was there before it
 * did not commit. All are then sent the same at the same time, so a spare that acknowledges more than
 * one of the front is the faster one: it takes that one's place at once where commits were held up,
 * and otherwise when it was faster some times in a row, since every change costs. So whoever stands
 * still, is slow or far away is passed by, without a clock; and what it held up commits by the spare.
 *
 * Safe, since Raft never relies on when a follower gets what. Source: "thrifty" operation (Moraru,
 * Andersen, Kaminsky: There Is More Consensus in Egalitarian Parliaments, SOSP 2013).
 *
 * @module
 */

import type { NodeId } from "./entry.ts";
import { isVoter } from "./membership.ts";
import type { Progress } from "./progress.ts";
import { majority } from "./quorum.ts";
import type { CoreState, Leader } from "./state.ts";

/** Pauses after which spares get what they lack, if nothing holds up commits. */
const PAUSES = 5;
/** So often in a row a spare is the faster one before it takes a place in front. */
const WINS = 3;

/** Of a leader: whom commits wait for, and when the others get what they lack. */
export class Front {
  readonly ids = new Set<NodeId>();
  /** Spares get now what they lack. */
  sparesAreDue = false;
  /** What spares got last, they got since commits were held up. */
  isHeldUp = false;
  #pauses = 0;
  /** Of the log, when the last pause began. */
  #lastIndex = 0;

  /** A pause went by, at whose end the log is committed up to `committed` and ends at `lastIndex`. */
  pausePassed(committed: number, lastIndex: number): void {
    const isHeldUp = committed < this.#lastIndex;
    this.#lastIndex = lastIndex;
    this.#pauses++;
    if (!isHeldUp && this.#pauses < PAUSES) return;
    this.#pauses = 0;
    this.isHeldUp = isHeldUp;
    this.sparesAreDue = true;
  }
}

/** Makes the front whole again. Returns whether it is: if not, nobody can be spared. */
export function completeFront(state: CoreState, leader: Leader): boolean {
  const { front: { ids }, peers } = leader;
  const { voters } = state.memberships.current;
  const needed = majority(voters.length) - (state.votes ? 1 : 0);
  for (const id of ids) {
    if (ids.size > needed || !mayBeInFront(state, peers.get(id))) ids.delete(id);
  }
  for (const peer of peers.values()) {
    if (ids.size >= needed) break;
    if (mayBeInFront(state, peer)) ids.add(peer.id);
  }
  return ids.size === needed;
}

/** Whether a spare lacks what is in the log. */
export function someLackEntries(state: CoreState, leader: Leader): boolean {
  for (const peer of leader.peers.values()) {
    if (peer.id !== state.id && peer.due < state.log.lastIndex) return true;
  }
  return false;
}

/** Whether commits go on without `peer`, and nobody waits for it to catch up at once. */
export function isSpare({ front, transfer }: Leader, peer: Progress): boolean {
  return peer.state === "replicate" && !front.ids.has(peer.id) && transfer !== peer.id;
}

/** `peer` acknowledged something: it may take the place of one of the front that is slower. */
export function overtake(state: CoreState, { front, peers }: Leader, peer: Progress): void {
  if (front.ids.has(peer.id) || !mayBeInFront(state, peer)) return;
  for (const id of front.ids) {
    if ((peers.get(id)?.match ?? 0) >= peer.match) continue;
    if (++peer.wins < WINS && !front.isHeldUp) return;
    front.ids.delete(id);
    front.ids.add(peer.id);
    break;
  }
  peer.wins = 0;
}

/** Where logs agree is still unknown of one that is probed, and its answers may not come at all. */
function mayBeInFront(state: CoreState, peer: Progress | undefined): boolean {
  return peer !== undefined && peer.id !== state.id && peer.state === "replicate" &&
    isVoter(state.memberships.current, peer.id);
}
