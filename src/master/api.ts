/**
 * All calls of a master, put together from their parts.
 *
 * @module
 */

import type { MasterApi } from "../rpc/mod.ts";
import { audited } from "./audited.ts";
import { BulkApi } from "./bulk_api.ts";
import { BatchesApi } from "./batches_api.ts";
import { ClusterApi } from "./cluster_api.ts";
import type { MasterContext } from "./context.ts";
import { looking } from "./looking.ts";
import { MembersApi } from "./members_api.ts";
import { JobsApi } from "./jobs_api.ts";
import { TypesAndQueuesApi } from "./settings_api.ts";
import { SubmitApi } from "./submit_api.ts";
import { SchedulesApi } from "./schedules_api.ts";
import { PolicyApi } from "./policy_api.ts";
import { TokensApi } from "./tokens_api.ts";
import { WorkersApi } from "./workers_api.ts";

/** The API over a running master. `onHeartbeat` is told of each one, for metrics. */
export function masterApi(
  context: MasterContext,
  onHeartbeat: (workerId: string, accepted: boolean) => void,
): MasterApi {
  const submissions = new SubmitApi(context);
  const jobs = new JobsApi(context);
  const bulk = new BulkApi(context);
  const batches = new BatchesApi(context);
  const settings = new TypesAndQueuesApi(context);
  const workers = new WorkersApi(context, onHeartbeat);
  const cluster = new ClusterApi(context);
  const members = new MembersApi(context);
  const schedules = new SchedulesApi(context);
  const tokens = new TokensApi(context);
  const policy = new PolicyApi(context);
  return {
    submit: (...args) => submissions.submit(...args),
    getJob: (...args) => looking(() => jobs.getJob(...args)),
    listJobs: (...args) => looking(() => jobs.listJobs(...args)),
    cancelJob: (jobId, reason, call) =>
      audited(context, "cancel a job", jobId, call, () => jobs.cancelJob(jobId, reason, call)),
    watchJob: (...args) => jobs.watchJob(...args),
    cancelJobs: (...args) => bulk.cancelJobs(...args),
    retryDeadLetters: (...args) => bulk.retryDeadLetters(...args),
    purgeDeadLetters: (...args) => bulk.purgeDeadLetters(...args),
    retryDeadLetter: (jobId, call) =>
      audited(context, "retry a dead letter", jobId, call, () => jobs.retryDeadLetter(jobId, call)),
    getBatch: (...args) => batches.getBatch(...args),
    watchBatch: (...args) => batches.watchBatch(...args),
    cancelBatch: (batch, reason, call) =>
      audited(
        context,
        "cancel a batch",
        batch.id,
        call,
        () => batches.cancelBatch(batch, reason, call),
        batch.namespace,
      ),
    listBatches: (...args) => batches.listBatches(...args),
    parentResult: (query) => looking(() => batches.parentResult(query)),
    listStandings: (...args) => settings.listStandings(...args),
    configure: (...args) => settings.configure(...args),
    registerWorker: (...args) => workers.registerWorker(...args),
    heartbeat: (...args) => workers.heartbeat(...args),
    reportResult: (...args) => workers.reportResult(...args),
    deregisterWorker: (...args) => workers.deregisterWorker(...args),
    drainWorker(workerId, order, call) {
      const act = order.draining ? "drain a worker" : "undrain a worker";
      return audited(
        context,
        act,
        workerId,
        call,
        () => workers.drainWorker(workerId, order, call),
      );
    },
    openWorkerSession: (...args) => workers.openWorkerSession(...args),
    listWorkers: (...args) => workers.listWorkers(...args),
    getWorker: (...args) => workers.getWorker(...args),
    joinCluster: (...args) => members.joinCluster(...args),
    listMembers: () => members.listMembers(),
    addMember: (...args) => members.addMember(...args),
    promoteMember: (...args) => members.promoteMember(...args),
    removeMember: (...args) => members.removeMember(...args),
    transferLeadership: (...args) => members.transferLeadership(...args),
    takeSnapshot: (call) => members.takeSnapshot(call),
    backup: (...args) => members.backup(...args),
    addSchedule: (...args) => schedules.addSchedule(...args),
    listSchedules: (...args) => schedules.listSchedules(...args),
    getSchedule: (...args) => schedules.getSchedule(...args),
    removeSchedule: (...args) => schedules.removeSchedule(...args),
    pauseSchedule: (...args) => schedules.pauseSchedule(...args),
    resumeSchedule: (...args) => schedules.resumeSchedule(...args),
    triggerSchedule: (...args) => schedules.triggerSchedule(...args),
    nextRuns: (...args) => schedules.nextRuns(...args),
    issueToken: (...args) => tokens.issueToken(...args),
    refreshToken: (token, requestKey) => tokens.refreshToken(token, requestKey),
    enrolWorker: (...args) => tokens.enrolWorker(...args),
    revoke: (...args) => tokens.revoke(...args),
    listRevocations: (query) => tokens.listRevocations(query),
    getPolicy: () => policy.getPolicy(),
    setPolicy: (...args) => policy.setPolicy(...args),
    testPolicy: (...args) => policy.testPolicy(...args),
    clusterHealth: (call) => cluster.clusterHealth(call),
  };
}
