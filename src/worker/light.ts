/**
 * The light door of this room: a worker for programs that bring their own job types, without the
 * built-in ones, executor processes and pages.
 *
 * @module
 */

export { InlineExecutor, type OfferedTypes, type RunnableType } from "./attempt.ts";
export { hostResources, hostUsageMeter } from "./host_usage.ts";
export { processUsageMeter } from "./process_usage.ts";
export { ReportJournal } from "./report_journal.ts";
export { keepsNothing, type ReportKeeper } from "./report_keeper.ts";
export { Worker, type WorkerObserver } from "./worker.ts";
