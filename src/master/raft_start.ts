/**
 * How a node gets its Raft log and its place in a cluster: by what it left behind or, on an empty
 * directory, by founding a cluster or asking to be let into one.
 *
 * @module
 */

import { beginningOf, decodeMembership, everyMember, type Member } from "../raft/mod.ts";
import { SqliteRaftLog } from "../storage/mod.ts";
import { askAll, foundTogether, initialClusterText, othersOf } from "./founding.ts";
import { HeldPorts } from "./held_ports.ts";
import { findCluster, type JoinThrough } from "./joining.ts";
import { formatMemberAddress, type MemberAddress } from "./member_address.ts";
import { type Founding, LISTEN_SETTINGS, type MasterOptions } from "./options.ts";
import { isRecovering } from "./recover.ts";
import { isRestoring } from "./restore.ts";

/** A log, and whom to ask to be let in, if that is still to be done; asked for again at every try. */
interface MadeLog {
  readonly log: SqliteRaftLog;
  readonly joinThrough: JoinThrough | undefined;
}

export interface OpenedLog extends MadeLog {
  /** Ports that were held for a log to be made; each to be let go when its server is to be bound. */
  readonly held: HeldPorts;
}

/**
 * Opens the log of `raftDir`, or makes one. A node that is to join waits until a member answers, one
 * that is to start with others until they all have.
 *
 * @throws Error with a message for the operator when the directory must not, or cannot, be used; or a
 *   port, before a log is made: a start that was mistaken leaves nothing that keeps the next one out
 */
export async function openRaftLog(options: MasterOptions): Promise<OpenedLog> {
  const { raftDir, nodeId, founding, log } = options;
  if (isRecovering(options)) {
    throw new Error(
      `a recovery of "${options.dataDir}" was interrupted; finish it with conductor cluster ` +
        `recover --data-dir "${options.dataDir}" --accept-data-loss`,
    );
  }
  if (isRestoring(options)) {
    throw new Error(
      `a restore into "${options.dataDir}" did not end; run it again: conductor restore FILE ` +
        `--data-dir "${options.dataDir}"`,
    );
  }
  const held = new HeldPorts();
  if (SqliteRaftLog.exists(raftDir)) {
    const opened = SqliteRaftLog.open(raftDir, { nodeId });
    log.info("raft log opened", { directory: raftDir, last_index: opened.lastIndex });
    const joinThrough = joinThroughOf(founding) ?? unfinishedJoin(options, opened);
    if (opened.lastIndex === 0 && joinThrough === undefined) {
      log.warn(
        "the log knows no members: unless this master was let into that cluster a moment before it " +
          "ended, start it with --join ADDRESS; or empty its directories to found a cluster",
        { cluster_id: opened.identity.clusterId },
      );
    }
    return { log: opened, joinThrough, held };
  }
  if (founding.kind === "none") {
    throw new Error(
      `"${raftDir}" holds no cluster, and this master is told neither to found one nor where one ` +
        "is: start it with --bootstrap, --join ADDRESS or --initial-cluster, or with the " +
        "directories that it had before",
    );
  }
  try {
    await holdBoth(options, held);
    await options.beforeFounding();
    return { ...await makeRaftLog(options, founding, held), held };
  } catch (failure) {
    await held.releaseAll();
    throw failure;
  }
}

/**
 * Makes the log of a node that has none, and with it its place in a cluster. Ports are held when it is
 * made, and not while others are waited for: whoever calls then is refused by a port that is free.
 */
async function makeRaftLog(
  options: MasterOptions,
  founding: Exclude<Founding, { readonly kind: "none" }>,
  held: HeldPorts,
): Promise<MadeLog> {
  const { raftDir, nodeId, log } = options;
  const incarnation = crypto.randomUUID();
  switch (founding.kind) {
    case "bootstrap": {
      const clusterId = crypto.randomUUID();
      const address = formatMemberAddress(advertisedAddress(options));
      const beginning = beginningOf([{ id: nodeId, address, incarnation }]);
      const identity = { clusterId, nodeId, incarnation };
      const created = SqliteRaftLog.create(raftDir, identity, { beginning });
      log.info("cluster founded", { cluster_id: clusterId });
      return { log: created, joinThrough: undefined };
    }
    case "static": {
      await held.releaseAll();
      const made = await foundTogether(options, founding.members, {
        grpcAddress: advertisedAddress(options).grpc,
        // On the other one the founders answer one another.
        holdPort: () => held.hold(options.grpc, LISTEN_SETTINGS.grpc),
      });
      return { log: made.log, joinThrough: unfinishedJoin(options, made.log) };
    }
    case "join": {
      await held.releaseAll();
      const clusterId = await findCluster(options, founding.addresses);
      await holdBoth(options, held);
      const created = SqliteRaftLog.create(raftDir, { clusterId, nodeId, incarnation });
      return { log: created, joinThrough: joinThroughOf(founding) };
    }
  }
}

async function holdBoth({ raft, grpc }: MasterOptions, held: HeldPorts): Promise<void> {
  await held.hold(raft, LISTEN_SETTINGS.raft);
  await held.hold(grpc, LISTEN_SETTINGS.grpc);
}

function joinThroughOf(founding: Founding): JoinThrough | undefined {
  return founding.kind === "join" ? () => Promise.resolve(founding.addresses) : undefined;
}

/** Those that founded the cluster; none when the log begins later. */
export function foundersOf(log: SqliteRaftLog): readonly Member[] {
  const [first] = log.membershipEntries();
  return first?.index === 1 ? decodeMembership(first.data).voters : [];
}

/** Names of all that were members, as far back as the log goes. */
export function membersEverOf(log: SqliteRaftLog): readonly string[] {
  const later = log.membershipEntries().map(({ data }) => decodeMembership(data));
  return [log.boundary.membership, ...later].flatMap(everyMember).map(({ id }) => id);
}

/** Says what `cluster.initial_cluster` says otherwise than the membership that is in force. */
export function initialClusterFault(
  members: Readonly<Record<string, string>>,
  inForce: readonly { readonly id: string }[],
): string | undefined {
  if (inForce.length === 0) return undefined;
  const named = new Set(Object.keys(members));
  const known = new Set(inForce.map((each) => each.id));
  const gone = [...named].filter((id) => !known.has(id));
  const come = [...known].filter((id) => !named.has(id));
  if (gone.length === 0 && come.length === 0) return undefined;
  const parts = [
    ...(gone.length === 0 ? [] : [`${gone.join(", ")} left`]),
    ...(come.length === 0 ? [] : [`${come.join(", ")} came`]),
  ];
  return `since the cluster was founded ${parts.join(" and ")}; the flag is only for the founding`;
}

/** A node of an initial cluster whose log knows no members has yet to be let in. */
function unfinishedJoin(
  options: MasterOptions,
  log: SqliteRaftLog,
): JoinThrough | undefined {
  const { founding, nodeId } = options;
  const knowsMembers = log.lastIndex > 0;
  if (founding.kind !== "static" || knowsMembers) return undefined;
  const { members } = founding;
  const { grpc: grpcAddress } = advertisedAddress(options);
  const { incarnation } = log.identity;
  const initialCluster = initialClusterText(members);
  return async () => {
    const own = { nodeId, incarnation, grpcAddress, initialCluster, life: "" };
    const { answers } = await askAll(options, othersOf(nodeId, members), own);
    return [...answers.values()].map((each) => each.grpcAddress).filter((each) => each !== "");
  };
}

/** What is known before the ports are bound; the leader corrects it (see `MemberDuties`). */
function advertisedAddress({ raft, grpc }: MasterOptions): MemberAddress {
  return {
    raft: raft.advertise ?? `${raft.host}:${raft.port}`,
    grpc: grpc.advertise ?? `${grpc.host}:${grpc.port}`,
  };
}
