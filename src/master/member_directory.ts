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

export class MemberDirectory {
  #known: ReadonlyMap<string, Known> = new Map();

  /** The members that are in force now. */
  update(members: readonly Member[]): void {
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
