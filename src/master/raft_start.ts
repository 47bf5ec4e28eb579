/**
 * How a node gets its Raft log: the one it left behind or, on an empty directory, a new one.
 *
 * @module
 */

import { foundCluster } from "../raft/mod.ts";
import { SqliteRaftLog } from "../storage/mod.ts";
import { formatMemberAddress } from "./member_address.ts";
import type { MasterOptions } from "./options.ts";

/**
 * Opens the log of `raftDir`, or founds one.
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
      const created = SqliteRaftLog.create(raftDir, {
        clusterId: crypto.randomUUID(),
        nodeId,
        incarnation,
      });
      foundCluster(created, [{ id: nodeId, address: ownAddress(options), incarnation }]);
      log.info("cluster founded", { cluster_id: created.identity.clusterId });
      return created;
    }
    case "static":
    case "join":
      throw new Error(
        `${raftDir} is empty and this master is to join a cluster, which this version cannot do ` +
          "yet; start it with --bootstrap to found a cluster of its own",
      );
  }
}

/** What is known before the ports are bound; a leader corrects it (see `Master`). */
function ownAddress({ raft, grpc }: MasterOptions): string {
  return formatMemberAddress({
    raft: raft.advertise ?? `${raft.host}:${raft.port}`,
    grpc: grpc.advertise ?? `${grpc.host}:${grpc.port}`,
  });
}
