/**
 * `conductor cluster status`, and the overview that `conductor status` gives without a job.
 *
 * @module
 */

import type { ClusterHealthView } from "../rpc/mod.ts";
import type { Answer } from "./answer.ts";
import { withClient } from "./connect.ts";
import type { Flags } from "./router.ts";
import { renderPairs, renderTable } from "./table.ts";
import { printable, type Sheet, type Terminal } from "./terminal.ts";
import { tellOrWatch } from "./watching.ts";

/** Leader, members, log and queue. */
export async function clusterStatus(flags: Flags, terminal: Terminal): Promise<void> {
  await withClient(flags, terminal, async ({ client }) => {
    await tellOrWatch(flags, terminal, async () => {
      const health = await client.clusterHealth();
      return {
        json: overviewJson(health),
        text: (sheet) => `${overviewText(health)}\n${memberTable(health, sheet)}`,
      };
    });
  });
}

/** How the cluster stands. */
export function overviewAnswer(health: ClusterHealthView): Answer {
  return { json: overviewJson(health), text: () => overviewText(health) };
}

/** How the cluster stands, for programs. */
export function overviewJson(health: ClusterHealthView): Record<string, unknown> {
  return {
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
}

function overviewText(health: ClusterHealthView): string {
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

function memberTable(health: ClusterHealthView, sheet: Sheet): string {
  return renderTable(
    [{ title: "MEMBER", cutTo: 10 }, { title: "RAFT ADDRESS", rank: 1 }, "SUFFRAGE", "ROLE"],
    health.members.map((member) => [
      printable(member.id),
      printable(member.address),
      member.suffrage,
      member.isLeader ? "leader" : "",
    ]),
    sheet,
  );
}
