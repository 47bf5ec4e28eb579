/**
 * How masters that start together make each other known, before there is a cluster.
 *
 * @module
 */

import { type ChannelOptions, ClusterChannel } from "./channel.ts";
import type { ServiceHandlers } from "./call.ts";
import { FoundingService, type IntroduceResponse } from "./gen/raft_pb.ts";

/** A member as another master knows it. */
export interface IntroducedMember {
  readonly id: string;
  /** Raft and gRPC address in one text, as the membership has it. */
  readonly address: string;
  readonly incarnation: string;
}

/** Who one is, and with whom one starts. */
export interface Introduction {
  readonly nodeId: string;
  readonly incarnation: string;
  readonly grpcAddress: string;
  /** `ID=HOST:PORT` of all masters that start together, sorted; empty: this one does not. */
  readonly initialCluster: readonly string[];
  /** Of the process, drawn at random when it started; empty: not told. */
  readonly life: string;
}

/** What one is told in return. */
export interface IntroductionAnswer extends Omit<Introduction, "life"> {
  /** Where another process of the asker's incarnation is heard from; empty: nowhere. */
  readonly otherLifeAddress: string;
  /** Of the cluster that the one who answers belongs to; `undefined`: it belongs to none yet. */
  readonly cluster: {
    readonly id: string;
    /** Now. Empty: it waits to be let in itself. */
    readonly members: readonly IntroducedMember[];
    /** Those that founded it; empty when its log begins later. */
    readonly founders: readonly IntroducedMember[];
  } | undefined;
}

/**
 * Introduces this master to the one at `address`; tried once.
 *
 * @throws Refusal when that one cannot be reached.
 */
export async function introduce(
  address: string,
  own: Introduction,
  options: Omit<ChannelOptions, "addresses">,
): Promise<IntroductionAnswer> {
  const channel = new ClusterChannel({ ...options, addresses: [address] });
  try {
    const response = await channel.callAt(address, FoundingService.method.introduce, {
      nodeId: own.nodeId,
      incarnation: own.incarnation,
      grpcAddress: own.grpcAddress,
      initialCluster: [...own.initialCluster],
      life: own.life,
    });
    return answerFromWire(response);
  } finally {
    channel.close();
  }
}

/** The answering side. */
export function foundingService(
  answer: (asker: Introduction) => IntroductionAnswer,
): ServiceHandlers<typeof FoundingService> {
  const introduce: ServiceHandlers<typeof FoundingService>["introduce"] = (
    { nodeId, incarnation, grpcAddress, initialCluster, life },
  ) => {
    const { cluster, ...own } = answer({ nodeId, incarnation, grpcAddress, initialCluster, life });
    return {
      nodeId: own.nodeId,
      incarnation: own.incarnation,
      grpcAddress: own.grpcAddress,
      initialCluster: [...own.initialCluster],
      otherLifeAddress: own.otherLifeAddress,
      clusterId: cluster?.id ?? "",
      members: (cluster?.members ?? []).map(memberToWire),
      founders: (cluster?.founders ?? []).map(memberToWire),
    };
  };
  return { introduce };
}

function answerFromWire(response: IntroduceResponse): IntroductionAnswer {
  const { nodeId, incarnation, grpcAddress, initialCluster, clusterId, otherLifeAddress } =
    response;
  const cluster = clusterId === "" ? undefined : {
    id: clusterId,
    members: response.members.map(memberFromWire),
    founders: response.founders.map(memberFromWire),
  };
  return { nodeId, incarnation, grpcAddress, initialCluster, cluster, otherLifeAddress };
}

function memberToWire({ id, address, incarnation }: IntroducedMember) {
  return { nodeId: id, address, incarnation };
}

function memberFromWire(
  member: { readonly nodeId: string; readonly address: string; readonly incarnation: string },
): IntroducedMember {
  return { id: member.nodeId, address: member.address, incarnation: member.incarnation };
}
