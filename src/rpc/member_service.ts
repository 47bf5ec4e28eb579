/**
 * The part of `proto.MasterService` that is about the masters themselves.
 *
 * @module
 */

import type { ServiceHandlers } from "./call.ts";
import type { MasterService } from "./gen/scheduler_pb.ts";
import type { MemberApi, MemberDetails } from "./member_api.ts";
import { Refusal } from "./status.ts";

type MemberHandlers = Pick<
  ServiceHandlers<typeof MasterService>,
  | "listMembers"
  | "addMember"
  | "promoteMember"
  | "removeMember"
  | "transferLeadership"
  | "takeSnapshot"
  | "backup"
>;

/** What a `last_contact_ms` says for "not yet". */
const NEVER_MS = -1;

export function memberHandlers(master: MemberApi): MemberHandlers {
  return {
    listMembers: async () => {
      const view = await master.listMembers();
      return {
        members: view.members.map(memberToWire),
        leaderId: view.leaderId,
        term: BigInt(view.term),
        commitIndex: BigInt(view.commitIndex),
        lastLogIndex: BigInt(view.lastLogIndex),
        membershipIndex: BigInt(view.membershipIndex),
        entryFormat: view.entryFormat,
      };
    },
    addMember: (request, call) =>
      master.addMember({
        id: nodeId(request.nodeId),
        raftAddress: address(request.raftAddress, "raft_address"),
        grpcAddress: request.grpcAddress === "" ? "" : address(request.grpcAddress, "grpc_address"),
      }, call),
    promoteMember: (request, call) => master.promoteMember(nodeId(request.nodeId), call),
    removeMember: (request, call) =>
      master.removeMember(nodeId(request.nodeId), { force: request.force }, call),
    transferLeadership: async (request, call) => {
      const { leaderId, term } = await master.transferLeadership(
        request.to === "" ? undefined : request.to,
        call,
      );
      return { leaderId, term: BigInt(term) };
    },
    takeSnapshot: async (_request, call) => {
      const { nodeId, snapshotIndex, firstLogIndex } = await master.takeSnapshot(call);
      return {
        nodeId,
        snapshotIndex: BigInt(snapshotIndex),
        firstLogIndex: BigInt(firstLogIndex),
      };
    },
    backup: (request, call, out) =>
      master.backup({ stale: request.stale }, { write: (data) => out.write({ data }) }, call),
  };
}

function memberToWire(member: MemberDetails) {
  return {
    nodeId: member.id,
    incarnation: member.incarnation,
    raftAddress: member.raftAddress,
    grpcAddress: member.grpcAddress,
    suffrage: member.suffrage,
    role: member.role,
    matchIndex: BigInt(member.matchIndex),
    lag: BigInt(member.lag),
    lastContactMs: BigInt(Math.round(member.lastContactMs ?? NEVER_MS)),
    version: member.version,
    answers: member.answers,
    entryFormat: member.entryFormat,
  };
}

/** As `cluster.node_id` may be. */
export function nodeId(id: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(id)) return id;
  throw new Refusal(
    "invalid",
    `node_id is ${JSON.stringify(id.slice(0, 80))}; a master is named by up to 63 letters, ` +
      "digits, dots, dashes and underscores",
  );
}

/** `host:port` that can be dialled: nothing in it may be taken for a second address. */
export function address(text: string, field: string): string {
  if (/^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+):\d{1,5}$/.test(text)) return text;
  throw new Refusal(
    "invalid",
    `${field} is ${JSON.stringify(text.slice(0, 80))}; it must be HOST:PORT`,
  );
}
