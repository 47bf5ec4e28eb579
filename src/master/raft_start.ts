/**
 * How a node gets its Raft log and its place in a cluster: by what it left behind or, on an empty
 * directory, by founding a cluster or asking to be let into one.
 *
 * @module
 */

import { foundCluster } from "../raft/mod.ts";
import { JobClient, Refusal } from "../rpc/mod.ts";
import { SqliteRaftLog } from "../storage/mod.ts";
import { formatMemberAddress } from "./member_address.ts";
import type { MasterOptions } from "./options.ts";

const PAUSE_MS_MIN = 200;
const PAUSE_MS_MAX = 5_000;

/**
 * Opens the log of `raftDir`, or makes one. A node that is to join waits until a member answers.
 *
 * @throws Error with a message for the operator when the directory must not, or cannot, be used.
 */
export async function openRaftLog(options: MasterOptions): Promise<SqliteRaftLog> {
  const { raftDir, nodeId, founding, log } = options;
  if (SqliteRaftLog.exists(raftDir)) {
    const opened = SqliteRaftLog.open(raftDir, { nodeId });
    log.info("raft log opened", { directory: raftDir, last_index: opened.lastIndex });
    return opened;
  }
  const incarnation = crypto.randomUUID();
  switch (founding.kind) {
    case "bootstrap": {
      const clusterId = crypto.randomUUID();
      const created = SqliteRaftLog.create(raftDir, { clusterId, nodeId, incarnation });
      foundCluster(created, [{ id: nodeId, address: ownAddress(options), incarnation }]);
      log.info("cluster founded", { cluster_id: clusterId });
      return created;
    }
    case "static": {
      const clusterId = await commonClusterId(founding.members);
      const created = SqliteRaftLog.create(raftDir, { clusterId, nodeId, incarnation });
      // No member knows the others' incarnations: an empty one is not checked.
      const voters = Object.entries(founding.members).sort().map(([id, raft]) => ({
        id,
        address: formatMemberAddress({ raft, grpc: "" }),
        incarnation: "",
      }));
      foundCluster(created, voters);
      log.info("cluster founded together", { cluster_id: clusterId, members: voters.length });
      return created;
    }
    case "join": {
      const { clusterId } = await untilAnswered(
        options,
        founding.address,
        (client) => client.clusterHealth(),
      );
      log.info("found the cluster to join", { cluster_id: clusterId, address: founding.address });
      return SqliteRaftLog.create(raftDir, { clusterId, nodeId, incarnation });
    }
  }
}

/**
 * Asks the cluster to let this node in, until it does; harmless for a member, whose addresses it
 * brings up to date.
 *
 * @throws Refusal when the cluster will never let it in as it is.
 */
export async function joinCluster(
  options: MasterOptions,
  address: string,
  joining: { readonly raft: string; readonly grpc: string; readonly incarnation: string },
  signal: AbortSignal,
): Promise<void> {
  const { message } = await untilAnswered(options, address, (client) =>
    client.joinCluster({
      nodeId: options.nodeId,
      raftAddress: joining.raft,
      grpcAddress: joining.grpc,
      incarnation: joining.incarnation,
    }), signal);
  options.log.info("joined the cluster", { address, message });
}

/** Calls the cluster until it answers, with growing pauses and a word in the log each time. */
async function untilAnswered<Answer>(
  options: MasterOptions,
  address: string,
  ask: (client: JobClient) => Promise<Answer>,
  signal?: AbortSignal,
): Promise<Answer> {
  const client = new JobClient({ ...options.clientChannel, addresses: [address] });
  try {
    for (let pauseMs = PAUSE_MS_MIN;; pauseMs = Math.min(pauseMs * 2, PAUSE_MS_MAX)) {
      signal?.throwIfAborted();
      try {
        return await ask(client);
      } catch (failure) {
        if (!(failure instanceof Refusal) || isFinal(failure)) throw failure;
        options.log.warn("the cluster does not let this master in yet", {
          address,
          reason: failure.message,
          retry_in_ms: pauseMs,
        });
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  } finally {
    client.close();
  }
}

function isFinal({ reason }: Refusal): boolean {
  const isPassing = reason === "unavailable" || reason === "not_leader" ||
    reason === "overloaded" || reason === "outcome_unknown";
  return !isPassing;
}

/** Members that start together agree on the cluster's id because they agree on the members. */
async function commonClusterId(members: Readonly<Record<string, string>>): Promise<string> {
  const text = Object.entries(members).sort().map(([id, address]) => `${id}=${address}`).join(",");
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return `static-${new Uint8Array(digest).toHex().slice(0, 32)}`;
}

/** What is known before the ports are bound; a leader corrects it (see `Master`). */
function ownAddress({ raft, grpc }: MasterOptions): string {
  return formatMemberAddress({
    raft: raft.advertise ?? `${raft.host}:${raft.port}`,
    grpc: grpc.advertise ?? `${grpc.host}:${grpc.port}`,
  });
}
