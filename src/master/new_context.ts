/**
 * Puts together what the parts of a running master share.
 *
 * @module
 */

import type { JobMachine, Outcome } from "../jobs/mod.ts";
import type { RaftNode } from "../raft/mod.ts";
import { WorkerCaller } from "../rpc/mod.ts";
import { Admission } from "./admission.ts";
import { BatchWatchers } from "./batch_watchers.ts";
import type { ClusterClock } from "./cluster_clock.ts";
import type { MasterContext } from "./context.ts";
import type { DiskPace } from "./disk_pace.ts";
import type { SettledFormat } from "./entry_format.ts";
import { ReportInbox } from "./inbox.ts";
import { newJobId } from "./job_id.ts";
import type { MemberDirectory } from "./member_directory.ts";
import { membersView } from "./members.ts";
import type { MasterOptions } from "./options.ts";
import type { Peers } from "./peers.ts";
import { Proposer } from "./proposer.ts";
import { PushLink } from "./push_link.ts";
import { Roles } from "./roles.ts";
import { Sessions } from "./sessions.ts";
import { heirByDisk } from "./slow_disk.ts";
import type { JobSnapshots } from "./snapshots.ts";
import type { Tempo } from "./tempo.ts";
import type { Upkeep } from "./upkeep.ts";
import { JobWatchers } from "./watchers.ts";

/** A member is taken for dead after so many election timeouts of silence. */
const MEMBER_TIMEOUT_ELECTIONS = 2;

/** Parts of a master that are there before what they share is. */
export interface MasterParts {
  readonly clusterId: string;
  readonly entryFormat: SettledFormat;
  readonly node: RaftNode<Outcome>;
  readonly machine: JobMachine;
  readonly snapshots: JobSnapshots;
  readonly upkeep: Upkeep;
  readonly directory: MemberDirectory;
  readonly peers: Peers;
  readonly clock: ClusterClock;
  readonly pace: DiskPace;
  readonly tempo: Tempo;
}

export function newContext(options: MasterOptions, parts: MasterParts): MasterContext {
  const { node, machine, directory, peers, pace, tempo: { tickMs, electionTicks } } = parts;
  const now = () => parts.clock.now();
  const addressOf = (id: string) => directory.addressOf(id)?.grpc || undefined;
  const proposer = new Proposer({
    node,
    now,
    // Those that workers hold do not wait.
    liveJobsMax: () => options.pendingJobsMax + machine.heldJobs,
    clientJobsMax: options.clientJobsMax,
    keyRetentionMs: options.keyRetentionMs,
    applyTimeoutMs: options.applyTimeoutMs,
    addressOf,
    entryFormat: () => context.memberDuties?.entryFormat,
    onSubmitted: (specs) => context.duties?.submitted(specs) ?? (() => {}),
    onProposed: (kind, durationMs, failure) => options.observer.proposed(kind, durationMs, failure),
    onForgotten: (why, jobs) => options.observer.forgotten(why, jobs),
  });
  const memberTimeoutMs = options.raftTimings.electionTimeoutMs * MEMBER_TIMEOUT_ELECTIONS;
  const context: MasterContext = {
    facts: { nodeId: options.nodeId, clusterId: parts.clusterId, version: options.version },
    node,
    machine,
    proposer,
    inbox: new ReportInbox(
      proposer,
      options.resultBytesMax,
      (reports) => context.duties?.reported(reports) ?? (() => {}),
    ),
    admission: new Admission(options.admission, options.registry),
    sessions: new Sessions((workerId, address) => newPushLink(options, context, workerId, address)),
    watchers: new JobWatchers(),
    batchWatchers: new BatchWatchers(),
    log: options.log,
    tracer: options.tracer,
    now,
    newJobId,
    schedulesMax: options.schedulesMax,
    heartbeatIntervalMs: options.heartbeatIntervalMs,
    heartbeatTimeoutMs: options.leaderTimings.heartbeatTimeoutMs,
    crashLimit: options.crashLimit,
    barrierTimeoutMs: options.barrierTimeoutMs,
    addressOf,
    wasMember: (id) => directory.wasMember(id),
    roles: new Roles(),
    peers,
    pace,
    heir: () => heirByDisk(pace, node.status(), electionTicks),
    tickMs,
    memberTimeoutMs,
    peerHeartbeatMs: options.raftTimings.heartbeatTimeoutMs,
    members: () => {
      const view = membersView({
        status: node.status(),
        factsOf: (id, incarnation) => peers.get(id, incarnation),
        version: options.version,
        tickMs,
        memberTimeoutMs,
      });
      return { ...view, entryFormat: parts.entryFormat.settle(view.term, view.entryFormat) };
    },
    compactNow: () => parts.upkeep.compactNow(),
    snapshots: parts.snapshots,
    audit: options.audit,
    security: options.security,
    duties: undefined,
    memberDuties: undefined,
  };
  return context;
}

/** The road to a worker that has to be called. */
function newPushLink(
  { workerChannel, leaderTimings, log }: MasterOptions,
  context: MasterContext,
  workerId: string,
  address: string,
): PushLink {
  return new PushLink({
    workerId,
    address,
    caller: new WorkerCaller(workerId, address, {
      ...workerChannel,
      callTimeoutMs: leaderTimings.assignmentTimeoutMs,
    }),
    report: (report) => context.inbox.take(workerId, report),
    onReady: () => context.duties?.schedule(),
    log,
  });
}
