/** What callers of a node catch. */

import type { ChangeRefusalReason } from "./core.ts";
import type { NodeId } from "./entry.ts";

/**
 * - `not_leader`, `transferring`: ask `leaderId`, or again soon. Nothing was appended.
 * - `overloaded`: too much is uncommitted; try later. Nothing was appended.
 * - `disk_full`: this node cannot write; nothing was appended.
 * - `too_large`: never possible.
 * - `stopped`: this node ends. Nothing was appended.
 * - `outcome_unknown`: it was appended, and may or may not be carried out. Retry only what may be
 *   done twice, or carries a key by which the state machine knows it.
 * - `change_in_progress`, `not_ready`, `not_caught_up`, `invalid`: of membership changes alone.
 */
export type ProposalRefusalReason =
  | ChangeRefusalReason
  | "disk_full"
  | "stopped"
  | "outcome_unknown";

/** A proposal has no outcome here. */
export class ProposalRefused extends Error {
  override name = "ProposalRefused";
  readonly reason: ProposalRefusalReason;
  /** Who leads, as far as this node knows. */
  readonly leaderId: NodeId | undefined;

  constructor(reason: ProposalRefusalReason, leaderId: NodeId | undefined, message?: string) {
    super(message ?? SENTENCES[reason]);
    this.reason = reason;
    this.leaderId = leaderId;
  }
}

/**
 * Why a linearizable read cannot be served: nobody leads, the leader did not answer in time, or this node,
 * whose disk is full, does not hear it.
 */
export type ReadRefusalReason = "not_leader" | "timeout" | "overloaded" | "disk_full" | "stopped";

/** A read may be tried again, here or at `leaderId`. */
export class ReadRefused extends Error {
  override name = "ReadRefused";
  readonly reason: ReadRefusalReason;
  readonly leaderId: NodeId | undefined;

  constructor(reason: ReadRefusalReason, leaderId: NodeId | undefined) {
    super(READ_SENTENCES[reason]);
    this.reason = reason;
    this.leaderId = leaderId;
  }
}

const SENTENCES: Readonly<Record<ProposalRefusalReason, string>> = {
  not_leader: "Cannot propose: this node does not lead",
  transferring: "Cannot propose: leadership is being handed over",
  overloaded: "Cannot propose: too many proposals are uncommitted",
  too_large: "Cannot propose: the command is larger than the limit",
  disk_full: "Cannot propose: the disk of this node is full",
  stopped: "Cannot propose: this node is stopping",
  outcome_unknown: "The proposal was appended, but its outcome is unknown",
  change_in_progress: "Cannot change the membership: the last change is not committed",
  not_ready: "Cannot change the membership: the leader is not ready",
  not_caught_up: "Cannot promote: the learner is not caught up",
  invalid: "Cannot change the membership: the change is not possible",
};

const READ_SENTENCES: Readonly<Record<ReadRefusalReason, string>> = {
  not_leader: "Cannot read: no leader is known",
  timeout: "Cannot read: the leader did not confirm in time",
  overloaded: "Cannot read: too many reads are waiting",
  disk_full: "Cannot read: the disk of this node is full",
  stopped: "Cannot read: this node is stopping",
};
