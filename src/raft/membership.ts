/**
 * Who is in the cluster. One server is added, promoted, demoted or removed at a time (thesis §4.1),
 * which keeps any two successive majorities overlapping, so the membership in force is always the
 * last one in the log, committed or not; cutting the log brings back the one before.
 */

import type { NodeId } from "./entry.ts";
import { invariant, InvariantViolation } from "./invariant.ts";

/** A node as the cluster knows it. */
export interface Member {
  readonly id: NodeId;
  /** Where peers reach it; opaque to this room. */
  readonly address: string;
  /**
   * Drawn at random when the node's data directory was made. Messages name it, so that a node that
   * lost its disk is not taken for the voter it was (it would vote twice). Empty: not checked.
   */
  readonly incarnation: string;
}

/** Voters decide elections and commits; learners only receive the log (thesis §4.2.1). */
export interface Membership {
  readonly voters: readonly Member[];
  readonly learners: readonly Member[];
}

/** A membership that names nobody: a node that waits to be added. */
export const NO_MEMBERSHIP: Membership = { voters: [], learners: [] };

/**
 * One step from one membership to the next. `readdress` keeps the role and the incarnation.
 * `replace` puts a new incarnation of a known id in the place of the old one, as a learner: one
 * voter fewer at most, in one step, so that no leader can be lost between a removal and an addition.
 */
export type MembershipChange =
  | { readonly kind: "add_learner"; readonly member: Member }
  | { readonly kind: "replace"; readonly member: Member }
  | { readonly kind: "promote"; readonly id: NodeId }
  | { readonly kind: "demote"; readonly id: NodeId }
  | { readonly kind: "remove"; readonly id: NodeId }
  | { readonly kind: "readdress"; readonly id: NodeId; readonly address: string };

/** The membership after `change`, or a sentence that says why there is none. */
export function changed(
  membership: Membership,
  change: MembershipChange,
): Membership | { readonly refusal: string } {
  const { voters, learners } = membership;
  if (change.kind === "add_learner") {
    const known = memberOf(membership, change.member.id);
    if (known !== undefined) {
      return { refusal: `"${change.member.id}" is already a member; remove it first` };
    }
    return { voters, learners: [...learners, change.member] };
  }
  const id = change.kind === "replace" ? change.member.id : change.id;
  const member = memberOf(membership, id);
  if (member === undefined) return { refusal: `"${id}" is not a member` };
  const voter = isVoter(membership, id);
  const votersLeft = voters.filter((each) => each.id !== id);
  const learnersLeft = learners.filter((each) => each.id !== id);
  switch (change.kind) {
    case "replace":
      if (member.incarnation === change.member.incarnation) {
        return { refusal: `"${id}" is a member under this incarnation already` };
      }
      if (votersLeft.length === 0) return { refusal: `"${id}" is the only voter` };
      return { voters: votersLeft, learners: [...learnersLeft, change.member] };
    case "promote":
      if (voter) return { refusal: `"${id}" already votes` };
      return { voters: [...voters, member], learners: learnersLeft };
    case "demote":
      if (!voter) return { refusal: `"${id}" does not vote` };
      if (votersLeft.length === 0) return { refusal: `"${id}" is the only voter` };
      return { voters: votersLeft, learners: [...learners, member] };
    case "remove":
      if (votersLeft.length === 0) return { refusal: `"${id}" is the only voter` };
      return { voters: votersLeft, learners: learnersLeft };
    case "readdress": {
      const moved = { ...member, address: change.address };
      const replace = (each: Member) => each.id === id ? moved : each;
      return { voters: voters.map(replace), learners: learners.map(replace) };
    }
  }
}

/** The member called `id`, voter or learner. */
export function memberOf(membership: Membership, id: NodeId): Member | undefined {
  return membership.voters.find((each) => each.id === id) ??
    membership.learners.find((each) => each.id === id);
}

/** Whether `id` votes under `membership`. */
export function isVoter(membership: Membership, id: NodeId): boolean {
  return membership.voters.some((each) => each.id === id);
}

/** Everybody: voters, then learners. */
export function everyMember(membership: Membership): readonly Member[] {
  return [...membership.voters, ...membership.learners];
}

/** Of a membership entry; a program that knows less must not guess who votes. */
const MEMBERSHIP_FORMAT = 1;

/** A membership as the data of an entry: JSON, so that a log can be read by eye. */
export function encodeMembership({ voters, learners }: Membership): Uint8Array {
  const body = { format: MEMBERSHIP_FORMAT, voters, learners };
  return new TextEncoder().encode(JSON.stringify(body));
}

/**
 * The inverse of {@linkcode encodeMembership}.
 *
 * @throws {InvariantViolation} when `data` is not a membership: every node would stop at this entry
 */
export function decodeMembership(data: Uint8Array): Membership {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(data));
  } catch (cause) {
    throw new InvariantViolation("A membership entry does not hold JSON", { cause });
  }
  const format = (value as { format?: unknown } | null)?.format ?? 1;
  invariant(
    format === MEMBERSHIP_FORMAT,
    () =>
      `A membership entry has format ${String(format)}, and this program knows ` +
      `${MEMBERSHIP_FORMAT}; run the newer version of conductor that wrote it`,
  );
  invariant(isMembership(value), () => `Not a membership: ${JSON.stringify(value)}`);
  return { voters: value.voters, learners: value.learners };
}

/** Whether `value` has the shape of a {@linkcode Membership}. */
export function isMembership(value: unknown): value is Membership {
  if (typeof value !== "object" || value === null) return false;
  const { voters, learners } = value as { voters?: unknown; learners?: unknown };
  return [voters, learners].every((list) => Array.isArray(list) && list.every(isMember));
}

function isMember(value: unknown): value is Member {
  if (typeof value !== "object" || value === null) return false;
  const { id, address, incarnation } = value as Record<string, unknown>;
  return [id, address, incarnation].every((field) => typeof field === "string");
}

/** The memberships of the retained log, oldest first; the last is in force. */
export class MembershipHistory {
  #records: { readonly index: number; readonly membership: Membership }[];

  /**
   * @param index the log's compaction boundary (0: nothing was compacted)
   * @param membership in force at `index`
   */
  constructor(index: number, membership: Membership) {
    this.#records = [{ index, membership }];
  }

  /** In force now. */
  get current(): Membership {
    return this.#last.membership;
  }

  /** Index of the entry that put {@linkcode current} in force. */
  get currentIndex(): number {
    return this.#last.index;
  }

  /** An entry at `index` puts `membership` in force. */
  append(index: number, membership: Membership): void {
    invariant(
      index > this.currentIndex,
      () => `Membership ${index} appended after ${this.currentIndex}`,
    );
    this.#records.push({ index, membership });
  }

  /** The log loses `index` and all behind it. Returns whether another membership is in force now. */
  truncateFrom(index: number): boolean {
    const before = this.#records.length;
    while (this.#records.length > 1 && this.currentIndex >= index) this.#records.pop();
    invariant(this.currentIndex < index, () => `Membership ${this.currentIndex} cut at ${index}`);
    return this.#records.length !== before;
  }

  /** In force at `index`, which is not below the boundary. */
  at(index: number): Membership {
    const record = this.#records.findLast((each) => each.index <= index);
    invariant(record !== undefined, () => `No membership is known at ${index}`);
    return record.membership;
  }

  /** Forgets what compaction up to `index` makes useless. */
  compactThrough(index: number): void {
    const keep = this.#records.findLastIndex((each) => each.index <= index);
    if (keep > 0) this.#records = this.#records.slice(keep);
  }

  /** A snapshot replaces the log. */
  reset(index: number, membership: Membership): void {
    this.#records = [{ index, membership }];
  }

  get #last() {
    const last = this.#records.at(-1);
    invariant(last !== undefined, "A membership history is never empty");
    return last;
  }
}
