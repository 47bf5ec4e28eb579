/**
 * Whether the cluster can be reached, member by member, and whether its members agree on the time and
 * are of one version.
 *
 * @module
 */

import type { ExaminedConfig } from "../config/mod.ts";
import {
  type ChannelOptions,
  type ClusterHealthView,
  JobClient,
  MemberClient,
  type MemberDetails,
  Refusal,
} from "../rpc/mod.ts";
import { clientChannel } from "./connect.ts";
import { reasonOf } from "./reason.ts";
import { type Finding, findingsOf } from "./doctor_finding.ts";
import { quorumFinding } from "./doctor_settings.ts";
import { printable } from "./terminal.ts";
import { claimsIn } from "./token_claims.ts";
import { VERSION } from "./version.ts";

/** Clocks that differ by more, in ms. */
const CLOCK_MS = { moreWarns: 500, moreFails: 30_000 };
const CALL_TIMEOUT_MS = 3_000;

/** @param mustRun whether it is a fault that nobody answers */
export async function clusterFindings(
  loaded: ExaminedConfig,
  mustRun: boolean,
): Promise<Finding[]> {
  const { ok, warn, fail } = findingsOf("cluster");
  const addresses = loaded.config.worker.masterAddrs.join(", ");
  let channel: ChannelOptions;
  try {
    channel = {
      ...await clientChannel(loaded, CALL_TIMEOUT_MS),
      connectionWaitMs: CALL_TIMEOUT_MS,
    };
  } catch (failure) {
    return [fail(addresses, reasonOf(failure), "see the certificates above")];
  }
  const asked = await ask(channel);
  if (asked instanceof Refusal) {
    const isReached = asked.reason !== "unavailable";
    const advice = isReached
      ? "present a token with --token-file, or a certificate with --cert and --key"
      : "start a master, or name one that runs by --addr";
    // A node has tokens for its own calls, if any: that it shows none is no fault of the node.
    const isNodes = loaded.role !== "client" && asked.reason === "unauthenticated";
    const tell = (mustRun || isReached) && !isNodes ? fail : warn;
    return [tell(addresses, printable(asked.message), advice)];
  }
  const { health } = asked;
  const members = await membersOf(channel);
  const voters = health.members.filter(({ suffrage }) => suffrage === "voter").length;
  const workers = workersFinding(health, claimsIn(channel.token?.() ?? "")?.isConfined === true);
  const found = members instanceof Refusal
    ? [unseen(members)]
    : await memberFindings(channel, members);
  if (health.leaderId === "") {
    const advice = `${majorityOf(voters)} of its ${voters} voters must run and reach each other`;
    return [fail(addresses, "nobody leads", advice), workers, ...found];
  }
  const away = members instanceof Refusal
    ? 0
    : members.filter(({ suffrage, answers }) => suffrage === "voter" && !answers).length;
  return [ok(addresses, leaderText(health)), workers, quorumFinding(voters, away), ...found];
}

function majorityOf(voters: number): number {
  return Math.floor(voters / 2) + 1;
}

/** @param isConfined whether the caller is told only of workers that work for its namespaces alone */
export function workersFinding(
  { workers, activeWorkers }: Pick<ClusterHealthView, "workers" | "activeWorkers">,
  isConfined: boolean,
): Finding {
  const { ok, warn } = findingsOf("cluster");
  if (activeWorkers > 0) return ok("workers", `${activeWorkers} active of ${workers}`);
  return isConfined
    ? ok("workers", "not told to a caller confined to namespaces, unless they work for those alone")
    : warn("workers", "none is connected", "start one: conductor worker --join ADDRESS");
}

/** Who leads how many, itself among them. */
export function leaderText(
  { leaderId, members: { length } }: Pick<ClusterHealthView, "leaderId" | "members">,
): string {
  return `${printable(leaderId)} leads ${length === 1 ? "1 member" : `${length} members`}`;
}

/** As their leader sees them; or why that cannot be told. */
async function membersOf(channel: ChannelOptions): Promise<readonly MemberDetails[] | Refusal> {
  const client = new MemberClient(channel);
  try {
    return (await client.listMembers()).members;
  } catch (failure) {
    if (failure instanceof Refusal) return failure;
    throw failure;
  } finally {
    client.close();
  }
}

function unseen({ reason, message }: Refusal): Finding {
  const { warn } = findingsOf("member");
  return reason === "unavailable"
    ? warn("all", printable(message), "who leads tells how the others are; see the cluster above")
    : warn("all", printable(message), "only who may see the members can look at each");
}

async function memberFindings(
  channel: ChannelOptions,
  members: readonly MemberDetails[],
): Promise<Finding[]> {
  const found = await Promise.all(members.map((member) => ofMember(channel, member)));
  return [...found.flat(), ...versionFindings(members)];
}

async function ofMember(channel: ChannelOptions, member: MemberDetails): Promise<Finding[]> {
  const { ok, warn, fail } = findingsOf("member");
  const { id, grpcAddress, answers, lag } = member;
  const subject = printable(id);
  if (grpcAddress === "") {
    return answers
      ? [ok(subject, "answers its leader; it has told no gRPC address")]
      : [fail(subject, "does not answer its leader", "start it, or take it out: cluster remove")];
  }
  const asked = await ask({ ...channel, addresses: [grpcAddress] });
  if (asked instanceof Refusal) {
    const found = `${printable(grpcAddress)} does not answer here: ${printable(asked.message)}` +
      (answers ? ", though it answers its leader" : "");
    const advice = answers
      ? "open the way to its gRPC port, and see --grpc-advertise-addr"
      : "start it, or take it out: conductor cluster remove";
    return [answers ? warn(subject, found, advice) : fail(subject, found, advice)];
  }
  const { health, beginMs, endMs } = asked;
  const findings = [
    ok(
      subject,
      `${printable(grpcAddress)} answers in ${Math.round(endMs - beginMs)} ms, ${lag} behind`,
    ),
  ];
  // Who passed the question on to another one has a clock of which nothing was heard.
  if (health.nodeId === id && health.nowMs > 0) {
    findings.push(clockFinding(subject, health.nowMs, { beginMs, endMs }));
  }
  return findings;
}

/** The other clock, read between two looks at ours: what lies outside is a difference. */
export function clockFinding(
  subject: string,
  theirsMs: number,
  { beginMs, endMs }: { readonly beginMs: number; readonly endMs: number },
): Finding {
  const { ok, warn, fail } = findingsOf("clock");
  const offMs = theirsMs < beginMs ? theirsMs - beginMs : Math.max(0, theirsMs - endMs);
  const size = Math.abs(offMs);
  if (size <= CLOCK_MS.moreWarns) {
    return ok(subject, `within ${Math.round(size)} ms of this host's`);
  }
  const found = `${(size / 1000).toFixed(1)} s ${offMs < 0 ? "behind" : "ahead of"} this host's`;
  const advice = "let NTP set both: `timedatectl` tells whether it does";
  return size > CLOCK_MS.moreFails ? fail(subject, found, advice) : warn(subject, found, advice);
}

/** Members, and this program, of more than one version. */
export function versionFindings(
  members: readonly Pick<MemberDetails, "id" | "version">[],
  own = VERSION,
): Finding[] {
  const { ok, warn } = findingsOf("version");
  const known = members.filter(({ version }) => version !== "");
  const versions = new Set(known.map(({ version }) => version));
  const list = known.map(({ id, version }) => printable(`${id} ${version}`)).join(", ");
  if (versions.size > 1) {
    return [
      warn("members", list, "upgrade the others too: what is new is refused until all know it"),
    ];
  }
  const [theirs = own] = versions;
  if (theirs === own) return [ok("members", `all of ${own}, as is this program`)];
  return [warn("members", `all of ${printable(theirs)}, this program of ${own}`, "use the same")];
}

interface Asked {
  readonly health: ClusterHealthView;
  /** When it was asked, and when the answer came, by this host's clock, in ms since the epoch. */
  readonly beginMs: number;
  readonly endMs: number;
}

/** Twice: the first time it connects. */
async function ask(channel: ChannelOptions): Promise<Asked | Refusal> {
  const client = new JobClient(channel);
  try {
    await client.clusterHealth();
    const beginMs = Date.now();
    const health = await client.clusterHealth();
    return { health, beginMs, endMs: Date.now() };
  } catch (failure) {
    if (failure instanceof Refusal) return failure;
    throw failure;
  } finally {
    client.close();
  }
}
