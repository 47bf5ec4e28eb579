/**
 * What a master shows of itself over HTTP, in the original system's words.
 *
 * @module
 */

import type { RaftStatus } from "../raft/mod.ts";

/** Leader, Follower, Candidate, Learner: as the original named a node's state. */
export function raftStateName(status: RaftStatus): string {
  switch (status.role) {
    case "leader":
      return "Leader";
    case "candidate":
    case "pre_candidate":
      return "Candidate";
    case "follower": {
      const isLearner = status.members.some((each) => each.id === status.id && !each.votes);
      return isLearner ? "Learner" : "Follower";
    }
  }
}
