/**
 * How masters that start together (`cluster.initial_cluster`) found one cluster and no second.
 *
 * The danger is a founder that loses its disk: started again with the same flag it must not pass for
 * the voter it was (it would vote twice, and help to elect a leader that lacks what it had once
 * acknowledged). So the founders' memberships name each one's incarnation, drawn at random when its
 * directory was made, from the first entry on. To know them all,
 *
 * 1. every master introduces itself to all the others and hears who they are and whether they belong
 *    to a cluster;
 * 2. the first of them by id, once it has heard from all that nobody does, draws the cluster's id
 *    and founds it with the incarnations it was told;
 * 3. the others found their logs with exactly what it, or another that has, tells them.
 *
 * Whoever finds a cluster that has its id under another incarnation has lost its disk (or its id is
 * used twice): it asks to be let in as a new member. All masters must be up once, together, for the
 * founding; that is the price. Afterwards a majority is enough.
 *
 * @module
 */

import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { beginningOf, type Member } from "../raft/mod.ts";
import {
  bound,
  FoundingService,
  foundingService,
  introduce,
  type Introduction,
  type IntroductionAnswer,
  pause,
  RaftService,
  raftService,
  Refusal,
  RpcServer,
} from "../rpc/mod.ts";
import { createDataDirectory, SqliteRaftLog } from "../storage/mod.ts";
import { formatMemberAddress } from "./member_address.ts";
import { LISTEN_SETTINGS, type MasterOptions } from "./options.ts";
import { Said } from "./said.ts";

/** One call to one of the others, in ms. */
const CALL_TIMEOUT_MS = 2_000;
const PAUSE_MS = 250;
const STOP_GRACE_MS = 100;
/** Holds this node's incarnation until its log does. */
const INCARNATION_FILE = "founding.json";

/** `id` to Raft address of all that start together. */
export type InitialCluster = Readonly<Record<string, string>>;

/** What becomes of a master that is to start with others. */
export type Verdict =
  /** It founds the cluster: it is the first by id and heard that there is none. */
  | { readonly kind: "found"; readonly founders: readonly Member[] }
  /** The cluster is founded, and has this incarnation of it. */
  | {
    readonly kind: "follow";
    readonly clusterId: string;
    readonly founders: readonly Member[];
  }
  /** The cluster is founded, and this disk is a new one. */
  | {
    readonly kind: "join";
    readonly clusterId: string;
    readonly addresses: readonly string[];
  }
  | { readonly kind: "wait"; readonly reason: string }
  /** For the operator to settle. */
  | { readonly kind: "refuse"; readonly reason: string };

/** How `ID=HOST:PORT` of all is compared. */
export function initialClusterText(members: InitialCluster): readonly string[] {
  return Object.entries(members).map(([id, address]) => `${id}=${address}`).sort();
}

/**
 * Decides by what the others answered; a missing answer is of one that was not reached.
 *
 * @param own incarnation and gRPC address of this node
 * @param unheard why there is no answer of the others, for the operator
 */
export function judgeFounding(
  nodeId: string,
  own: { readonly incarnation: string; readonly grpcAddress: string },
  members: InitialCluster,
  { answers, unheard }: Heard,
): Verdict {
  const others = Object.keys(members).filter((id) => id !== nodeId).sort();
  const founded = [...answers.values()].filter((each) => each.cluster !== undefined);
  const clusterIds = [...new Set(founded.map((each) => each.cluster?.id))];
  if (clusterIds.length > 1) {
    const where = founded.map((each) => `${each.nodeId} to ${each.cluster?.id}`).join(", ");
    return { kind: "refuse", reason: `the others belong to different clusters: ${where}` };
  }
  const stranger = [...answers].find(([id, answer]) => answer.nodeId !== id);
  if (stranger !== undefined) {
    const [id, { nodeId: found }] = stranger;
    return { kind: "refuse", reason: `at ${members[id]} there is ${found}, not ${id}` };
  }
  const informed = founded.find((each) => (each.cluster?.members.length ?? 0) > 0)?.cluster;
  if (informed !== undefined) return judgeJoining(nodeId, own, informed, founded);
  if (founded.length > 0) {
    return { kind: "wait", reason: "the others wait to be let in themselves" };
  }
  const missing = others.filter((id) => !answers.has(id));
  if (missing.length > 0) {
    const names = missing.map((id) => {
      const why = unheard.get(id);
      return why === undefined ? id : `${id} (${why})`;
    });
    return { kind: "wait", reason: `not heard from ${names.join(", ")} yet` };
  }
  const text = initialClusterText(members).join(",");
  const differs = [...answers.values()].find((each) => each.initialCluster.join(",") !== text);
  if (differs !== undefined) {
    return {
      kind: "wait",
      reason: `${differs.nodeId} was started with another cluster.initial_cluster ` +
        `(${differs.initialCluster.join(",") || "none"}; here ${text}): make them the same`,
    };
  }
  const first = [nodeId, ...others].sort()[0];
  if (first !== nodeId) return { kind: "wait", reason: `${first}, the first by id, founds it` };
  const founders = [nodeId, ...others].sort().map((id): Member => {
    const { incarnation, grpcAddress } = id === nodeId ? own : answers.get(id)!;
    const raft = members[id] ?? "";
    return { id, incarnation, address: formatMemberAddress({ raft, grpc: grpcAddress }) };
  });
  return { kind: "found", founders };
}

function judgeJoining(
  nodeId: string,
  { incarnation }: { readonly incarnation: string },
  cluster: NonNullable<IntroductionAnswer["cluster"]>,
  founded: readonly IntroductionAnswer[],
): Verdict {
  const asMember = cluster.members.find((each) => each.id === nodeId);
  if (asMember === undefined) {
    return {
      kind: "refuse",
      reason: `cluster ${cluster.id} is founded and has no member ${nodeId} (any more); to let ` +
        "this node in, start it with --join",
    };
  }
  if (asMember.incarnation === incarnation) {
    return { kind: "follow", clusterId: cluster.id, founders: cluster.founders };
  }
  const addresses = founded.map((each) => each.grpcAddress).filter((each) => each !== "");
  return { kind: "join", clusterId: cluster.id, addresses };
}

/**
 * Makes the log of a master that starts with others; waits until the cluster is founded.
 *
 * @throws Error with a message for the operator
 */
export async function foundTogether(
  options: MasterOptions,
  members: InitialCluster,
  { grpcAddress, holdPort }: {
    readonly grpcAddress: string;
    /** Awaited before the log is made: that address must be this node's, as the others were told. */
    readonly holdPort: () => Promise<void>;
  },
): Promise<{ readonly log: SqliteRaftLog; readonly join: readonly string[] | undefined }> {
  const { raftDir, nodeId, log } = options;
  createDataDirectory(raftDir);
  const incarnation = keptIncarnation(raftDir);
  const own: Introduction = {
    nodeId,
    incarnation,
    grpcAddress,
    initialCluster: initialClusterText(members),
    life: "",
  };
  const server = await listenForOthers(options, own);
  const said = new Said();
  try {
    while (true) {
      const heard = await askAll(options, othersOf(nodeId, members), own);
      const verdict = judgeFounding(nodeId, own, members, heard);
      if (verdict.kind !== "wait" && verdict.kind !== "refuse") await holdPort();
      switch (verdict.kind) {
        case "found": {
          const clusterId = crypto.randomUUID();
          log.info("cluster founded", { cluster_id: clusterId, members: verdict.founders.length });
          return { log: makeLog(options, own, clusterId, verdict.founders), join: undefined };
        }
        case "follow": {
          const { clusterId, founders } = verdict;
          log.info("the cluster is founded", { cluster_id: clusterId });
          return { log: makeLog(options, own, clusterId, founders), join: undefined };
        }
        case "join": {
          const { clusterId, addresses } = verdict;
          log.warn(
            "this node's disk is not the one that it had in the cluster: it joins as a new member",
            { cluster_id: clusterId, incarnation },
          );
          return { log: makeLog(options, own, clusterId, []), join: addresses };
        }
        case "refuse":
          throw new Error(`Cannot start with the initial cluster: ${verdict.reason}`);
        case "wait":
          if (said.isNews(verdict.reason)) {
            log.warn("waiting for the initial cluster", { reason: verdict.reason });
          }
      }
      await pause(PAUSE_MS, options.giveUp);
    }
  } finally {
    await server.stop(STOP_GRACE_MS);
  }
}

/** Those of an initial cluster that are not this node. */
export function othersOf(nodeId: string, members: InitialCluster): InitialCluster {
  return Object.fromEntries(Object.entries(members).filter(([id]) => id !== nodeId));
}

/** What became of asking others, by their ids. */
export interface Heard {
  readonly answers: ReadonlyMap<string, IntroductionAnswer>;
  /** Of those without an answer: why, as where nobody listens or a certificate is not believed. */
  readonly unheard: ReadonlyMap<string, string>;
}

/** Asks them all at once, and waits for none longer than the timeout. */
export async function askAll(
  { peerChannel }: Pick<MasterOptions, "peerChannel">,
  members: InitialCluster,
  own: Introduction,
  timeoutMs = CALL_TIMEOUT_MS,
): Promise<Heard> {
  const channel = {
    ...peerChannel,
    messageBytesMax: -1,
    callTimeoutMs: timeoutMs,
    dialTimeoutMs: timeoutMs,
  };
  const answers = new Map<string, IntroductionAnswer>();
  const unheard = new Map<string, string>();
  await Promise.all(
    Object.entries(members).map(async ([id, address]) => {
      try {
        answers.set(id, await introduce(address, own, channel));
      } catch (failure) {
        if (!(failure instanceof Refusal)) throw failure;
        unheard.set(id, failure.message);
      }
    }),
  );
  return { answers, unheard };
}

/** Answers the others on the Raft port while there is no log. */
async function listenForOthers(options: MasterOptions, own: Introduction): Promise<RpcServer> {
  const { raft, peerServer, log } = options;
  const server = new RpcServer({
    ...peerServer,
    newRequestId: () => crypto.randomUUID(),
    onInternalError: (method, failure) =>
      log.error("a call failed with an internal error", { method, error: String(failure) }),
  });
  server.add(
    RaftService,
    raftService("", { onMessage: () => {}, onTime: () => {}, onLost: () => {} }),
  );
  server.add(
    FoundingService,
    foundingService(() => ({ ...own, cluster: undefined, otherLifeAddress: "" })),
  );
  await bound(server, raft, LISTEN_SETTINGS.raft);
  return server;
}

function makeLog(
  { raftDir }: MasterOptions,
  { nodeId, incarnation }: Introduction,
  clusterId: string,
  founders: readonly Member[],
): SqliteRaftLog {
  const identity = { clusterId, nodeId, incarnation };
  const log = SqliteRaftLog.create(
    raftDir,
    identity,
    founders.length === 0 ? {} : { beginning: beginningOf(founders) },
  );
  rmSync(join(raftDir, INCARNATION_FILE), { force: true });
  return log;
}

/** The incarnation that the others were told, so that a restart amid the founding is the same one. */
function keptIncarnation(raftDir: string): string {
  const path = join(raftDir, INCARNATION_FILE);
  try {
    const { incarnation }: { incarnation?: unknown } = JSON.parse(readFileSync(path, "utf8"));
    if (typeof incarnation === "string" && incarnation !== "") return incarnation;
  } catch (failure) {
    const isMissing = failure instanceof Error && "code" in failure && failure.code === "ENOENT";
    if (!isMissing && !(failure instanceof SyntaxError)) throw failure;
  }
  const incarnation = crypto.randomUUID();
  const file = openSync(`${path}.new`, "w", 0o600);
  writeSync(file, JSON.stringify({ incarnation }));
  fsyncSync(file);
  closeSync(file);
  renameSync(`${path}.new`, path);
  return incarnation;
}
