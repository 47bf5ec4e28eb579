/**
 * Whether a master can serve, and whether the cluster may count on it.
 *
 * @module
 */

import type { RaftStatus } from "../raft/mod.ts";

/** What a master knows of itself. */
export interface ReadinessFacts {
  readonly status: Pick<
    RaftStatus,
    "id" | "role" | "leaderId" | "members" | "appliedIndex" | "commitIndex"
  >;
  /** Of this master's disk. */
  readonly incarnation: string;
  readonly isStopping: boolean;
  readonly diskIsFull: boolean;
  /** It has seen all that was committed when it last found a leader. */
  readonly isCaughtUp: boolean;
  /** Its duties as a leader have begun. */
  readonly isServing: boolean;
}

/** Why a master is not ready, a line each; empty: it is. */
export function notReadyReasons(facts: ReadinessFacts): string[] {
  const { status, incarnation } = facts;
  const reasons: string[] = [];
  if (facts.isStopping) reasons.push("it is shutting down");
  if (facts.diskIsFull) reasons.push("its disk is full");
  const suffrage = suffrageOf(status, incarnation);
  // Whoever waits for it may stop another master next, and the majority must not need that one still.
  if (suffrage === "learner") reasons.push("it is a learner still and does not vote yet");
  if (suffrage === "none") {
    reasons.push(
      "it is no member, as far as it knows: the cluster has not let it in, does not reach it, or has removed it",
    );
  }
  if (status.leaderId === undefined) reasons.push("no leader is known");
  else if (!facts.isCaughtUp) reasons.push("it has not caught up with the leader yet");
  if (status.appliedIndex < status.commitIndex) {
    reasons.push("committed entries wait to be applied");
  }
  if (status.role === "leader" && !facts.isServing) {
    reasons.push("it was just elected and does not serve yet");
  }
  return reasons;
}

/**
 * What the node with this disk is under the membership in force. A member of its name on another disk
 * is not it: a log that is being caught up with may tell of the one whose place it takes.
 */
export function suffrageOf(
  { id, members }: Pick<RaftStatus, "id" | "members">,
  incarnation: string,
): "voter" | "learner" | "none" {
  const own = members.find((each) => each.id === id && each.incarnation === incarnation);
  if (own === undefined) return "none";
  return own.votes ? "voter" : "learner";
}
