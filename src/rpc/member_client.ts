/**
 * The client library for those who run a cluster.
 *
 * @module
 */

import { type ChannelOptions, ClusterChannel } from "./channel.ts";
import { MasterService, type MemberInfo } from "./gen/scheduler_pb.ts";
import { Refusal } from "./status.ts";
import type { MemberDetails, MembersView, SnapshotTaken } from "./member_api.ts";

/** Asks a cluster about its masters, and changes them. Methods throw {@linkcode Refusal}. */
export class MemberClient {
  readonly #channel: ClusterChannel;

  constructor(options: ChannelOptions) {
    this.#channel = new ClusterChannel(options);
  }

  async listMembers(): Promise<MembersView> {
    const response = await this.#channel.call(MasterService.method.listMembers, {});
    return {
      members: response.members.map(memberFromWire),
      leaderId: response.leaderId,
      term: Number(response.term),
      commitIndex: Number(response.commitIndex),
      lastLogIndex: Number(response.lastLogIndex),
      membershipIndex: Number(response.membershipIndex),
      entryFormat: response.entryFormat,
    };
  }

  /** Expects a master that will start and join; resolves to what happened. */
  async addMember(
    member: { readonly id: string; readonly raftAddress: string; readonly grpcAddress: string },
  ): Promise<string> {
    const { id: nodeId, raftAddress, grpcAddress } = member;
    const request = { nodeId, raftAddress, grpcAddress };
    return (await this.#channel.call(MasterService.method.addMember, request)).message;
  }

  async promoteMember(nodeId: string): Promise<string> {
    return (await this.#channel.call(MasterService.method.promoteMember, { nodeId })).message;
  }

  async removeMember(nodeId: string, options: { readonly force: boolean }): Promise<string> {
    const request = { nodeId, force: options.force };
    return (await this.#channel.call(MasterService.method.removeMember, request)).message;
  }

  /** Resolves when another master leads. */
  async transferLeadership(to?: string): Promise<{ leaderId: string; term: number }> {
    const request = { to: to ?? "" };
    const response = await this.#channel.call(MasterService.method.transferLeadership, request);
    return { leaderId: response.leaderId, term: Number(response.term) };
  }

  /** Of the member at the head of the addresses. */
  async takeSnapshot(): Promise<SnapshotTaken> {
    const response = await this.#channel.call(MasterService.method.takeSnapshot, {});
    return {
      nodeId: response.nodeId,
      snapshotIndex: Number(response.snapshotIndex),
      firstLogIndex: Number(response.firstLogIndex),
    };
  }

  /** The bytes of a backup file, in pieces; of the first master by the addresses that has begun to send it. */
  async *backup(
    options: { readonly stale: boolean },
    signal?: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const request = { stale: options.stale };
    let triesLeft = this.#channel.addresses.length;
    let hasBegun = false;
    while (true) {
      try {
        for await (
          const { data } of this.#channel.stream(MasterService.method.backup, request, signal)
        ) {
          hasBegun = true;
          yield data;
        }
        return;
      } catch (failure) {
        const isLost = failure instanceof Refusal && failure.reason === "unavailable";
        // A stream that failed has put the next address at the head.
        if (hasBegun || !isLost || --triesLeft <= 0) throw failure;
      }
    }
  }

  /** Closes the connections. */
  close(): void {
    this.#channel.close();
  }
}

function memberFromWire(member: MemberInfo): MemberDetails {
  const lastContactMs = Number(member.lastContactMs);
  return {
    id: member.nodeId,
    incarnation: member.incarnation,
    raftAddress: member.raftAddress,
    grpcAddress: member.grpcAddress,
    suffrage: member.suffrage === "learner" ? "learner" : "voter",
    role: member.role === "leader" || member.role === "learner" ? member.role : "follower",
    matchIndex: Number(member.matchIndex),
    lag: Number(member.lag),
    lastContactMs: lastContactMs < 0 ? undefined : lastContactMs,
    version: member.version,
    answers: member.answers,
    entryFormat: member.entryFormat,
  };
}
