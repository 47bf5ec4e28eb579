/**
 * The calls about the cluster itself.
 *
 * @module
 */

import {
  type ClusterHealthView,
  type JoiningNode,
  type MasterApi,
  type MemberView,
  Refusal,
} from "../rpc/mod.ts";
import { dutiesOf, type MasterContext } from "./context.ts";
import { formatMemberAddress, parseMemberAddress } from "./member_address.ts";
import { raftStateName } from "./status_views.ts";

type ClusterCalls = Pick<MasterApi, "joinCluster" | "clusterHealth">;

export class ClusterApi implements ClusterCalls {
  readonly #context: MasterContext;

  constructor(context: MasterContext) {
    this.#context = context;
  }

  async joinCluster(
    joining: JoiningNode,
  ): Promise<{ message: string; leaderId: string; clusterId: string }> {
    dutiesOf(this.#context);
    const { node, facts, proposer } = this.#context;
    const { nodeId: id, incarnation, raftAddress, grpcAddress } = joining;
    const answer = { leaderId: facts.nodeId, clusterId: facts.clusterId };
    const address = formatMemberAddress({ raft: raftAddress, grpc: grpcAddress });
    const known = node.status().members.find((each) => each.id === id);
    if (known === undefined) {
      await proposer.changeMembership({
        kind: "add_learner",
        member: { id, address, incarnation },
      });
      return { ...answer, message: `${id} joined as a learner; it votes once it has caught up` };
    }
    if (known.incarnation !== "" && incarnation !== "" && known.incarnation !== incarnation) {
      throw new Refusal(
        "failed_precondition",
        `${id} is a member with another data directory (was its disk wiped?); ` +
          "remove that member first, or join under a new node id",
      );
    }
    if (known.address !== address) {
      await proposer.changeMembership({ kind: "readdress", id, address });
    }
    return { ...answer, message: `${id} is a member already` };
  }

  clusterHealth(): Promise<ClusterHealthView> {
    const { node, facts, machine, addressOf } = this.#context;
    const status = node.status();
    const counts = machine.counts();
    const workers = machine.workers();
    const leaderId = status.leaderId ?? "";
    const members: MemberView[] = status.members.map(({ id, address, votes }) => ({
      id,
      address: parseMemberAddress(address).raft,
      suffrage: votes ? "voter" : "learner",
      isLeader: id === leaderId,
    }));
    return Promise.resolve({
      nodeId: facts.nodeId,
      clusterId: facts.clusterId,
      version: facts.version,
      leaderId,
      leaderAddress: addressOf(leaderId) ?? "",
      isLeader: status.role === "leader",
      raftState: raftStateName(status),
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
