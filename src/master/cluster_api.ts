/**
 * The call about the cluster as a whole.
 *
 * @module
 */

import type { ClusterHealthView, MasterApi, MemberView } from "../rpc/mod.ts";
import type { MasterContext } from "./context.ts";
import { parseMemberAddress } from "./member_address.ts";
import { isOwn, type Viewer } from "./sight.ts";
import { raftStateName } from "./status_views.ts";

type ClusterCalls = Pick<MasterApi, "clusterHealth">;

export class ClusterApi implements ClusterCalls {
  readonly #context: MasterContext;

  constructor(context: MasterContext) {
    this.#context = context;
  }

  clusterHealth(viewer: Viewer): Promise<ClusterHealthView> {
    const { namespaces } = viewer.caller;
    const { node, facts, machine, addressOf } = this.#context;
    const status = node.status();
    const counts = machine.counts(namespaces);
    // As `workers` lists them: how many there are beside these is others' business.
    const workers = machine.workers().filter((worker) => isOwn(worker, viewer));
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
      nowMs: Date.now(),
    });
  }
}
