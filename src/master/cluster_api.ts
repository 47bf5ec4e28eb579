/**
 * The calls about the cluster itself.
 *
 * @module
 */

import type { ClusterHealthView, MasterApi, MemberView } from "../rpc/mod.ts";
import { dutiesOf, type MasterContext } from "./context.ts";
import { parseMemberAddress } from "./member_address.ts";
import { raftStateName } from "./status_views.ts";

type ClusterCalls = Pick<MasterApi, "joinCluster" | "clusterHealth">;

export class ClusterApi implements ClusterCalls {
  readonly #context: MasterContext;

  constructor(context: MasterContext) {
    this.#context = context;
  }

  async joinCluster(
    nodeId: string,
    address: string,
  ): Promise<{ message: string; leaderId: string }> {
    dutiesOf(this.#context);
    const { node, facts } = this.#context;
    const { members } = node.status();
    const known = [...members.voters, ...members.learners].find((each) => each.id === nodeId);
    if (known?.address === address) {
      return { message: `${nodeId} is a member already`, leaderId: facts.nodeId };
    }
    await node.changeMembership(
      known === undefined
        ? { kind: "add_learner", member: { id: nodeId, address, incarnation: "" } }
        : { kind: "readdress", id: nodeId, address },
    );
    return {
      message: `${nodeId} joined as a learner; it votes once it has caught up`,
      leaderId: facts.nodeId,
    };
  }

  clusterHealth(): Promise<ClusterHealthView> {
    const { node, facts, machine, addressOf } = this.#context;
    const status = node.status();
    const counts = machine.counts();
    const workers = machine.workers();
    const leaderId = status.leaderId ?? "";
    const members: MemberView[] = [
      ...status.members.voters.map((each) => ({ ...each, suffrage: "voter" as const })),
      ...status.members.learners.map((each) => ({ ...each, suffrage: "learner" as const })),
    ].map(({ id, address, suffrage }) => ({
      id,
      address: parseMemberAddress(address).raft,
      suffrage,
      isLeader: id === leaderId,
    }));
    return Promise.resolve({
      nodeId: facts.nodeId,
      clusterId: facts.clusterId,
      version: facts.version,
      leaderId,
      leaderAddress: addressOf(leaderId) ?? "",
      isLeader: status.role === "leader",
      raftState: raftStateName(status.role),
      term: status.term,
      commitIndex: status.commitIndex,
      appliedIndex: status.appliedIndex,
      workers: workers.length,
      activeWorkers: workers.filter((each) => each.status === "active").length,
      pendingJobs: counts.byStatus.pending + counts.byStatus.waiting,
      runningJobs: counts.byStatus.running + counts.byStatus.assigned,
      deadLetters: counts.deadLetters,
      members,
    });
  }
}
