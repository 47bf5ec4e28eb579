/**
 * The replicated truth: jobs, attempts, workers, schedules, settings and trust, the Commands that change
 * them, and what each Command does to them (`machine.ts`). It is pure: time, identity and chance come in as
 * arguments, storage through a port, so that every master comes to the same state from the same log. A
 * Command that is refused gives an Outcome, never an exception. See `DESIGN.md`.
 *
 * @module
 */

export { hash32 } from "./digest.ts";
export { type Batch, isFinished as isBatchFinished } from "./batches.ts";
export * from "./command.ts";
export { type HeapItem, IndexedHeap } from "./heap.ts";
export type { HindranceReason } from "./hindrance.ts";
export * from "./job.ts";
export * from "./job_filter.ts";
export type { JobKind, UnmovedJob } from "./job_kind.ts";
export * from "./job_options.ts";
export { submissionOf } from "./job_record.ts";
export { wishesOf } from "./job_wishes.ts";
export * from "./log_tail.ts";
export * from "./machine.ts";
export { MemoryJobStore } from "./memory_store.ts";
export * from "./namespace.ts";
export { comparisonOf, type QueueOrder } from "./queue_order.ts";
export * from "./query.ts";
export * from "./schedule.ts";
export * from "./schedule_command.ts";
export * from "./security_command.ts";
export { SeqList } from "./seq_list.ts";
export { SETTINGS_SCOPES, type SettingsChange, type SettingsScope } from "./settings.ts";
export { AHEAD_COUNTED_MAX, type JobStanding, type Standing } from "./standing.ts";
export * from "./store.ts";
export { formatTagRule, fulfils, parseTagRule } from "./tag_rules.ts";
export type { TrustView } from "./trust_book.ts";
export * from "./view.ts";
export * from "./worker_command.ts";
