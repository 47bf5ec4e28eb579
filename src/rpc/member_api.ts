/**
 * What operators ask of a cluster about its masters, in the domain's words.
 *
 * @module
 */

import type { CallContext, StreamWriter } from "./call.ts";

/** A master, as the leader sees it. */
export interface MemberDetails {
  readonly id: string;
  /** Drawn at random when its data directory was made; empty: it has not joined yet. */
  readonly incarnation: string;
  readonly raftAddress: string;
  /** Empty: not known yet. */
  readonly grpcAddress: string;
  readonly suffrage: "voter" | "learner";
  readonly role: "leader" | "follower" | "learner";
  /** Up to here its log is known to be durable and equal to the leader's. */
  readonly matchIndex: number;
  /** Entries that it lacks. */
  readonly lag: number;
  /** Since it last answered; `undefined`: not yet, since this leader leads. */
  readonly lastContactMs: number | undefined;
  /** Of the program it runs; empty: unknown. */
  readonly version: string;
  /** It answered within the time after which a silent member is taken for dead. */
  readonly answers: boolean;
  /** The highest format of log entries that it reads; 0: unknown. */
  readonly entryFormat: number;
}

/** All masters, and where the log stands. */
export interface MembersView {
  readonly members: readonly MemberDetails[];
  readonly leaderId: string;
  readonly term: number;
  readonly commitIndex: number;
  readonly lastLogIndex: number;
  /** Log index of the present membership. */
  readonly membershipIndex: number;
  /** Format of the entries that the leader writes. */
  readonly entryFormat: number;
}

/** What a member did when it was asked for a snapshot. */
export interface SnapshotTaken {
  readonly nodeId: string;
  readonly snapshotIndex: number;
  /** The first entry that its log still holds. */
  readonly firstLogIndex: number;
}

/** The calls themselves. All but the last two are the leader's. */
export interface MemberApi {
  listMembers(): Promise<MembersView>;
  addMember(
    member: { readonly id: string; readonly raftAddress: string; readonly grpcAddress: string },
    call: CallContext,
  ): Promise<{ message: string }>;
  promoteMember(id: string, call: CallContext): Promise<{ message: string }>;
  removeMember(
    id: string,
    options: { readonly force: boolean },
    call: CallContext,
  ): Promise<{ message: string }>;
  /** Resolves when another master leads. */
  transferLeadership(
    to: string | undefined,
    call: CallContext,
  ): Promise<{ leaderId: string; term: number }>;
  takeSnapshot(call: CallContext): Promise<SnapshotTaken>;
  /** Writes the bytes of a backup file. */
  backup(
    options: { readonly stale: boolean },
    out: StreamWriter<Uint8Array>,
    call: CallContext,
  ): Promise<void>;
}
