/**
 * Who must hold an entry before it commits, and who gets it a little later. Of three voters two make
 * a majority: a leader that sends each entry to one follower at once, and to the other now and then
 * all that came meanwhile, commits as early, and saves everybody two messages and a write an append.
 *
 * The front are those that commits wait for; the others are spares. A spare that acknowledges more of
 * the log than one of the front takes its place. When spares are sent what they lack, all are sent the
 * same at the same time: so whoever is slower, stands still or is far away is passed by then, without
 * a clock; and what it held up commits by the spare's acknowledgement.
 *
 * Safe, since Raft never relies on when a follower gets what. Source: "thrifty" operation (Moraru,
 * Andersen, Kaminsky: There Is More Consensus in Egalitarian Parliaments, SOSP 2013).
 *
 * @module
 */

import { isVoter } from "./membership.ts";
import type { Progress } from "./progress.ts";
import { majority } from "./quorum.ts";
import type { CoreState, Leader } from "./state.ts";

/** Makes the front whole again. Returns whether it is: if not, nobody can be spared. */
export function completeFront(state: CoreState, leader: Leader): boolean {
  const { front, peers } = leader;
  const { voters } = state.memberships.current;
  const needed = majority(voters.length) - (state.votes ? 1 : 0);
  for (const id of front) {
    if (front.size > needed || !mayBeInFront(state, peers.get(id))) front.delete(id);
  }
  for (const peer of peers.values()) {
    if (front.size >= needed) break;
    if (mayBeInFront(state, peer)) front.add(peer.id);
  }
  return front.size === needed;
}

/** Whether a spare lacks what is in the log. */
export function lagBehind(state: CoreState, leader: Leader): boolean {
  for (const peer of leader.peers.values()) {
    if (peer.id !== state.id && peer.due < state.log.lastIndex) return true;
  }
  return false;
}

/** Whether commits go on without `peer`, and nobody waits for it to catch up at once. */
export function isSpare(leader: Leader, peer: Progress): boolean {
  return peer.state === "replicate" && !leader.front.has(peer.id) && leader.transfer !== peer.id;
}

/** `peer` acknowledged something: it takes the place of one of the front that acknowledged less. */
export function overtake(state: CoreState, leader: Leader, peer: Progress): void {
  const { front, peers } = leader;
  if (front.has(peer.id) || !mayBeInFront(state, peer)) return;
  for (const id of front) {
    if ((peers.get(id)?.match ?? 0) >= peer.match) continue;
    front.delete(id);
    front.add(peer.id);
    return;
  }
}

/** Where logs agree is still unknown of one that is probed, and its answers may not come at all. */
function mayBeInFront(state: CoreState, peer: Progress | undefined): boolean {
  return peer !== undefined && peer.id !== state.id && peer.state === "replicate" &&
    isVoter(state.memberships.current, peer.id);
}
