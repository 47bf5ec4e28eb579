/**
 * Where members are reached, at hand for every message that is sent: consensus keeps addresses as
 * opaque texts, and its status is made anew for whoever asks.
 *
 * @module
 */

import type { RaftStatus } from "../raft/mod.ts";
import { type MemberAddress, parseMemberAddress } from "./member_address.ts";

type Member = RaftStatus["members"][number];

interface Known {
  readonly member: Member;
  readonly address: MemberAddress;
}

/** Names remembered of members that there were; beyond, the one that was first heard of gives way. */
const FORMER_MAX = 256;

export class MemberDirectory {
  #known: ReadonlyMap<string, Known> = new Map();
  readonly #former = new Set<string>();

  /** These were members at some time. */
  remember(ids: Iterable<string>): void {
    for (const id of ids) {
      this.#former.delete(id);
      this.#former.add(id);
      const [oldest] = this.#former;
      if (this.#former.size > FORMER_MAX && oldest !== undefined) this.#former.delete(oldest);
    }
  }

  /** Whether `nodeId` is known to have been a member; that it was long ago may be forgotten. */
  wasMember(nodeId: string): boolean {
    return this.#former.has(nodeId);
  }

  /** The members that are in force now. */
  update(members: readonly Member[]): void {
    this.remember(this.#known.keys());
    this.#known = new Map(
      members.map((member) => [member.id, { member, address: parseMemberAddress(member.address) }]),
    );
  }

  get ids(): Iterable<string> {
    return this.#known.keys();
  }

  get(nodeId: string): Member | undefined {
    return this.#known.get(nodeId)?.member;
  }

  addressOf(nodeId: string): MemberAddress | undefined {
    return this.#known.get(nodeId)?.address;
  }
}
