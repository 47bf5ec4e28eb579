/**
 * How a node that is to be a member of a cluster that exists is let in: it asks until it is, and what
 * a refusal means depends on whether it is one already.
 *
 * @module
 */

import type { RaftStatus } from "../raft/mod.ts";
import { JobClient, pause, Refusal } from "../rpc/mod.ts";
import { ENTRY_FORMATS } from "../storage/mod.ts";
import type { MemberAddress } from "./member_address.ts";
import type { MasterOptions } from "./options.ts";
import { suffrageOf } from "./readiness.ts";

const PAUSE_MS_MIN = 200;
const PAUSE_MS_MAX = 5_000;

/** Whom to ask to be let in; asked for again at every try. */
export type JoinThrough = () => Promise<readonly string[]>;

/** A node that asks to be let in. */
export interface Joining {
  readonly own: MemberAddress & { readonly incarnation: string; readonly clusterId: string };
  readonly through: JoinThrough;
  /** By its own log. */
  readonly status: () => Pick<RaftStatus, "id" | "members">;
  readonly signal: AbortSignal;
}

/** Waits until a member of the cluster to join answers; resolves to that cluster's id. */
export async function findCluster(
  options: MasterOptions,
  addresses: readonly string[],
): Promise<string> {
  const { clusterId } = await untilAnswered(
    options,
    () => Promise.resolve(addresses),
    (client) => client.clusterHealth(),
  ).catch((failure) => {
    throw withRemedy(failure);
  });
  options.log.info("found the cluster to join", {
    cluster_id: clusterId,
    addresses: addresses.join(","),
  });
  return clusterId;
}

/**
 * Asks until this node is let in; resolves to whether it was. If it was not, it stops, is a member
 * without it, or cannot go on, which `options.onFailed` is told.
 */
export async function untilLetIn(options: MasterOptions, joining: Joining): Promise<boolean> {
  try {
    await joinCluster(options, joining);
    return true;
  } catch (failure) {
    if (!joining.signal.aborted) refused(options, joining, failure);
    return false;
  }
}

function refused({ onFailed, log }: MasterOptions, joining: Joining, failure: unknown): void {
  const { own: { incarnation, clusterId } } = joining;
  const status = joining.status();
  const isMember = suffrageOf(status, incarnation) !== "none";
  if (failure instanceof OtherCluster && isMember && status.members.length > 1) {
    // Its own cluster may need its vote. One that is alone was rather founded by mistake.
    log.warn(
      "another cluster answers at the address to join: this master stays the member that it is",
      { cluster_id: clusterId, reason: failure.message },
    );
  } else if (isMember && isAboutCredentials(failure)) {
    // Its join token has done what it was for; new addresses are told by what it says to its peers.
    log.info("this master is a member already; it need not be let in", {
      reason: failure.message,
    });
  } else {
    onFailed(withRemedy(failure));
  }
}

function isAboutCredentials(failure: unknown): failure is Refusal {
  return failure instanceof Refusal &&
    (failure.reason === "unauthenticated" || failure.reason === "permission_denied");
}

/** With what lets a master in: whoever starts one has perhaps a token of another kind, or none. */
function withRemedy(failure: unknown): unknown {
  if (!isAboutCredentials(failure)) return failure;
  return new Refusal(
    failure.reason,
    `the cluster does not let this master in: ${failure.message}; a member issues a token that ` +
      "does: conductor token issue --join-master --out FILE, for --token-file FILE here",
    { cause: failure },
  );
}

/** At the address to join is another cluster than the one that this node's log belongs to. */
class OtherCluster extends Error {
  override readonly name = "OtherCluster";
}

/**
 * Asks the cluster to let this node in, until it does; harmless for a member, whose addresses it
 * brings up to date.
 *
 * @throws Refusal when the cluster will never let it in as it is.
 * @throws {OtherCluster} when that is because it is another one
 */
async function joinCluster(
  options: MasterOptions,
  { own, through, signal }: Joining,
): Promise<void> {
  const { message } = await untilAnswered(options, through, async (client) => {
    try {
      return await client.joinCluster({
        nodeId: options.nodeId,
        raftAddress: own.raft,
        grpcAddress: own.grpc,
        incarnation: own.incarnation,
        clusterId: own.clusterId,
        entryFormat: ENTRY_FORMATS.newest,
      });
    } catch (failure) {
      if (!(failure instanceof Refusal) || !await isOfOther(client, own, failure)) {
        throw failure;
      }
      throw new OtherCluster(failure.message, { cause: failure });
    }
  }, signal);
  options.log.info("joined the cluster", { message });
}

/** Whether `refusal` came from another cluster: asked where it came from, since it says so in words alone. */
async function isOfOther(
  client: JobClient,
  { clusterId }: { readonly clusterId: string },
  { reason }: Refusal,
): Promise<boolean> {
  if (reason !== "failed_precondition") return false;
  try {
    return (await client.clusterHealth()).clusterId !== clusterId;
  } catch (failure) {
    if (failure instanceof Refusal) return false;
    throw failure;
  }
}

/** Calls the cluster until it answers, with growing pauses and a word in the log each time. */
async function untilAnswered<Answer>(
  options: MasterOptions,
  through: JoinThrough,
  ask: (client: JobClient) => Promise<Answer>,
  signal?: AbortSignal,
): Promise<Answer> {
  for (let pauseMs = PAUSE_MS_MIN;; pauseMs = Math.min(pauseMs * 2, PAUSE_MS_MAX)) {
    options.giveUp.throwIfAborted();
    signal?.throwIfAborted();
    const addresses = await through();
    const failure = addresses.length === 0
      ? new Refusal("unavailable", "none of the other masters answers")
      : await asked(options, addresses, ask);
    if (!(failure instanceof Refusal)) return failure.answer;
    options.log.warn("the cluster does not let this master in yet", {
      address: addresses.join(","),
      reason: failure.message,
      retry_in_ms: pauseMs,
    });
    await pause(pauseMs, signal ?? options.giveUp);
  }
}

/** An answer, or a refusal that may pass. */
async function asked<Answer>(
  options: MasterOptions,
  addresses: readonly string[],
  ask: (client: JobClient) => Promise<Answer>,
): Promise<{ readonly answer: Answer } | Refusal> {
  const client = new JobClient({ ...options.clientChannel, addresses });
  try {
    return { answer: await ask(client) };
  } catch (failure) {
    if (failure instanceof Refusal && !isFinal(failure)) return failure;
    throw failure;
  } finally {
    client.close();
  }
}

function isFinal({ reason }: Refusal): boolean {
  const isPassing = reason === "unavailable" || reason === "not_leader" ||
    reason === "overloaded" || reason === "outcome_unknown";
  return !isPassing;
}
