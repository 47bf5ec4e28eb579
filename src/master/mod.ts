/**
 * A master: takes jobs, keeps them in the replicated log, and while it leads hands them to workers.
 * `master.ts` joins consensus, the state, the disk and the servers; each duty of a leader (assigning, leases,
 * schedules, retention) is a file of its own, and so is each group of calls that the API answers. What can
 * only be done while no master runs (restore, recover, inspect) is here, too.
 *
 * @module
 */

export type { AdmissionRules } from "./admission.ts";
export type { SchedulingRules } from "./scheduling_rules.ts";
export { startMasterHttp } from "./http.ts";
export { BackupChecker, type BackupHead } from "../storage/mod.ts";
export { inspectRaftLog, type RaftLogReport } from "../storage/mod.ts";
export { contentOf, type EntryContent, inspectSnapshot, type SnapshotReport } from "./inspect.ts";
export { Master } from "./master.ts";
export { metricsObserver, sampleMaster } from "./metrics_observer.ts";
export { inspectSurvivor, recoverSurvivor, type SurvivorState } from "./recover.ts";
export { restoreBackup } from "./restore.ts";
export type { Founding, MasterOptions, TokenParts } from "./options.ts";
