/**
 * `conductor cluster status`, and the overview that `conductor status` gives without a job.
 *
 * @module
 */

import type { ClusterHealthView } from "../rpc/mod.ts";
import { withClient } from "./connect.ts";
import type { Flags } from "./router.ts";
import { renderPairs, renderTable } from "./table.ts";
import { printable, type Terminal } from "./terminal.ts";

/** Leader, members, log and queue. */
export async function clusterStatus(flags: Flags, terminal: Terminal): Promise<void> {
  await withClient(flags, terminal, async ({ client, format }) => {
    const health = await client.clusterHealth();
    terminal.out.write(
      format === "json" ? overviewJson(health) : `${overviewText(health)}\n${memberTable(health)}`,
    );
  });
}

export function overviewJson(health: ClusterHealthView): string {
  const answer = {
    cluster_id: health.clusterId,
    node_id: health.nodeId,
    version: health.version,
    raft_state: health.raftState,
    leader_id: health.leaderId,
    leader_address: health.leaderAddress,
    term: health.term,
    commit_index: health.commitIndex,
    applied_index: health.appliedIndex,
    workers: health.workers,
    active_workers: health.activeWorkers,
    pending_jobs: health.pendingJobs,
    running_jobs: health.runningJobs,
    dead_letters: health.deadLetters,
    members: health.members.map((member) => ({
      id: member.id,
      address: member.address,
      suffrage: member.suffrage,
      leader: member.isLeader,
    })),
  };
  return `${JSON.stringify(answer, null, 2)}\n`;
}

export function overviewText(health: ClusterHealthView): string {
  return renderPairs([
    ["Cluster", health.clusterId],
    ["Leader", `${printable(health.leaderId) || "none"} ${printable(health.leaderAddress)}`.trim()],
    ["Answered by", `${printable(health.nodeId)} (${health.raftState}, ${health.version})`],
    ["Term", String(health.term)],
    ["Log", `committed ${health.commitIndex}, applied ${health.appliedIndex}`],
    ["Workers", `${health.activeWorkers} active of ${health.workers}`],
    [
      "Jobs",
      `${health.pendingJobs} pending, ${health.runningJobs} running, ` +
      `${health.deadLetters} dead letters`,
    ],
  ]);
}

function memberTable(health: ClusterHealthView): string {
  return renderTable(
    ["MEMBER", "RAFT ADDRESS", "SUFFRAGE", "ROLE"],
    health.members.map((member) => [
      printable(member.id),
      printable(member.address),
      member.suffrage,
      member.isLeader ? "leader" : "",
    ]),
  );
}
