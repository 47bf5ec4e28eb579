/**
 * A master's doings as metrics. Whatever belongs to the cluster as a whole is counted by the leader
 * of that moment, once.
 *
 * @module
 */

import { isTerminal, JOB_STATUSES, type JobEvent } from "../jobs/mod.ts";
import { COUNTED_STATUSES, JOB_TYPES_MAX, type MasterMetrics } from "../observability/mod.ts";
import type { Policy } from "../scheduler/mod.ts";
import type { MasterContext } from "./context.ts";
import { hasStarted, startOf } from "./job_times.ts";
import { lostWorkers } from "./lost_workers.ts";
import type { MasterObserver } from "./observer.ts";

/** Counts events as they happen. */
export function metricsObserver(metrics: MasterMetrics, policyNow: () => Policy): MasterObserver {
  let wasCandidate = false;
  // Zero would be told of what nobody has looked at yet: of a cluster that is joined still, of a snapshot
  // that was made before this start.
  forgetCluster(metrics);
  metrics.raftSnapshotBytes.clear();
  return {
    planned: (_assignments, durationMs) =>
      metrics.schedulingLatencySeconds.observe(durationMs / 1_000),
    assigned: (outcome) => {
      // Its submission was on its way to the log, and came to nothing.
      if (outcome.status === "refused" && outcome.reason === "unknown_job") return;
      const result = outcome.status === "assigned" ? "success" : "no_worker";
      metrics.schedulingAttemptsTotal.inc({ policy: policyNow(), result });
    },
    assignFailed: (assignments) => {
      metrics.schedulingAttemptsTotal.inc(
        { policy: policyNow(), result: "raft_error" },
        assignments,
      );
      metrics.assignmentFailuresTotal.inc({ reason: "raft_error" }, assignments);
    },
    undelivered: (assignments) => {
      metrics.schedulingAttemptsTotal.inc(
        { policy: policyNow(), result: "send_error" },
        assignments,
      );
      metrics.assignmentFailuresTotal.inc({ reason: "send_error" }, assignments);
    },
    scheduleFired: (result, runs, latenessMs) => {
      metrics.scheduleRunsTotal.inc({ result }, runs);
      if (result === "submitted") metrics.scheduleLatenessSeconds.observe(latenessMs / 1_000);
    },
    proposed: (command, durationMs, failure) => {
      metrics.raftAppliesTotal.inc({
        command,
        status: failure === undefined ? "success" : "error",
      });
      metrics.raftApplyLatencySeconds.observe(durationMs / 1_000);
    },
    forgotten: (reason, jobs) => metrics.jobsForgottenTotal.inc({ reason }, jobs),
    jobChanged: (event, isLeader) => {
      if (isLeader) countJob(metrics, event);
    },
    heartbeat: (worker_id, accepted) =>
      metrics.workerHeartbeatsTotal.inc({ worker_id, status: accepted ? "success" : "error" }),
    roleChanged: ({ role }) => {
      metrics.raftIsLeader.set(role === "leader" ? 1 : 0);
      const isCandidate = role === "candidate" || role === "pre_candidate";
      if (isCandidate && !wasCandidate) metrics.raftElectionsTotal.inc();
      // A sole voter is elected within one step and is never seen as a candidate.
      if (role === "leader" && !wasCandidate) metrics.raftElectionsTotal.inc();
      wasCandidate = isCandidate;
      if (role !== "leader") forgetCluster(metrics);
    },
    appended: ({ durationMs, syncMs }) => {
      metrics.raftAppendSeconds.observe(durationMs / 1_000);
      metrics.raftFsyncSeconds.observe(syncMs / 1_000);
    },
    snapshotMade: ({ bytes, durationMs }) => {
      metrics.raftSnapshotsTotal.inc();
      metrics.raftSnapshotSeconds.observe(durationMs / 1_000);
      metrics.raftSnapshotBytes.set(bytes);
    },
    snapshotInstalled: () => metrics.raftSnapshotsInstalledTotal.inc(),
  };
}

/** Reads the sizes that no event tells. */
export function sampleMaster(metrics: MasterMetrics, context: MasterContext): void {
  sampleRaft(metrics, context);
  if (context.duties === undefined) forgetCluster(metrics);
  else sampleCluster(metrics, context);
}

function sampleRaft(metrics: MasterMetrics, { node, duties, tickMs }: MasterContext): void {
  const status = node.status();
  metrics.raftTerm.set(status.term);
  metrics.raftCommitIndex.set(status.commitIndex);
  metrics.raftAppliedIndex.set(status.appliedIndex);
  metrics.raftLastLogIndex.set(status.lastIndex);
  metrics.raftIsLeader.set(duties === undefined ? 0 : 1);
  metrics.raftLeaderKnown.set(status.leaderId === undefined ? 0 : 1);
  metrics.raftProposalsPending.set(node.pendingProposals);
  const voters = status.members.filter((each) => each.votes).length;
  metrics.raftMembers.set({ suffrage: "voter" }, voters);
  metrics.raftMembers.set({ suffrage: "learner" }, status.members.length - voters);
  metrics.raftPeerLagEntries.replaceAll(
    status.peers.map(({ id, match }) => [{ peer: id }, Math.max(0, status.lastIndex - match)]),
  );
  metrics.raftPeerSilenceSeconds.replaceAll(
    status.peers.map(({ id, lastContactTicks }) => [
      { peer: id },
      lastContactTicks * tickMs / 1_000,
    ]),
  );
}

/** What every replica knows, and the leader alone tells: a follower's would be counted once more. */
function sampleCluster(metrics: MasterMetrics, { machine, now }: MasterContext): void {
  const { byStatus, byType, deadLetters } = machine.counts();
  showCountersOf(metrics, [...byType.keys()]);
  metrics.jobsActive.set(byStatus.assigned + byStatus.running);
  metrics.jobQueueSize.set(byStatus.pending);
  metrics.jobsDlqTotal.set(deadLetters);
  metrics.jobs.replaceAll(
    [...byType].flatMap(([type, counts]) =>
      JOB_STATUSES.map((status) => [{ type, status }, counts[status]] as const)
    ),
  );
  metrics.jobQueueOldestSeconds.replaceAll(
    [...machine.oldestPending()].map(([type, queuedAtMs]) => [
      { type },
      Math.max(0, now() - queuedAtMs) / 1_000,
    ]),
  );
  const workers = machine.workers();
  const connected = workers.filter((each) => each.status !== "disconnected");
  metrics.workersRegistered.set(workers.length);
  metrics.workersActive.set(connected.length);
  metrics.workersFailed.set(lostWorkers(workers, now()).length);
  metrics.workerJobCapacity.replaceAll(connected.flatMap(({ id, slots, activeJobs }) => [
    [{ worker_id: id, metric: "max" }, slots] as const,
    [{ worker_id: id, metric: "active" }, activeJobs] as const,
    [{ worker_id: id, metric: "available" }, Math.max(0, slots - activeJobs)] as const,
  ]));
}

/**
 * As zero, before the first job of a type has ended here: Prometheus sees no increase of what was not there
 * before, so after a change of leaders the first failures of every type would raise no alert.
 */
function showCountersOf(metrics: MasterMetrics, types: readonly string[]): void {
  // Of more, those that are counted first have the series, not those that are kept.
  if (types.length > JOB_TYPES_MAX) return;
  for (const type of types) {
    for (const status of COUNTED_STATUSES) metrics.jobsTotal.inc({ type, status }, 0);
    metrics.jobRetriesTotal.inc({ type }, 0);
  }
}

/** Another leads: what this node showed of the cluster is not true any more. */
function forgetCluster(metrics: MasterMetrics): void {
  metrics.jobsActive.clear();
  metrics.jobQueueSize.clear();
  metrics.jobsDlqTotal.clear();
  metrics.jobs.replaceAll([]);
  metrics.jobQueueOldestSeconds.replaceAll([]);
  metrics.workersRegistered.clear();
  metrics.workersActive.clear();
  metrics.workersFailed.clear();
  metrics.workerJobCapacity.replaceAll([]);
}

/**
 * A leader hears of an entry of its own term alone: what was committed before is applied before its
 * duties begin. So nobody counts what another has counted, nor what a restart applies again.
 */
function countJob(metrics: MasterMetrics, event: JobEvent): void {
  const { type, cause, from, to, attempt } = event;
  if (cause === "submit") metrics.jobsTotal.inc({ type, status: "pending" });
  if (hasStarted(event) && attempt === 1) {
    metrics.jobStartLatencySeconds.observe(
      { type },
      secondsBetween(event.queuedAtMs, startOf(event)),
    );
  }
  if (to === "completed" || to === "failed" || to === "cancelled") {
    metrics.jobsTotal.inc({ type, status: to });
    if (from === "assigned" || from === "running") {
      const seconds = secondsBetween(startOf(event), event.atMs);
      metrics.jobDurationSeconds.observe({ type, status: to }, seconds);
    }
  }
  const isRetried = (cause === "fail" || cause === "timeout") && !isTerminal(to);
  if (isRetried) metrics.jobRetriesTotal.inc({ type });
  if (cause === "worker_lost") {
    metrics.recoveryAttemptsTotal.inc({ reason: cause });
    if (isTerminal(to)) metrics.recoveryFailuresTotal.inc();
    else metrics.recoverySuccessesTotal.inc();
  }
  if (to === "failed") metrics.dlqMovementsTotal.inc();
}

function secondsBetween(fromMs: number, toMs: number): number {
  return Math.max(0, toMs - fromMs) / 1_000;
}
