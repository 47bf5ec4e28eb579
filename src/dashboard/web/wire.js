// @ts-check
/**
 * What the API answers with: the messages of proto/scheduler.proto as JSON, as far as the pages use
 * them. Times are RFC 3339, bytes base64.
 *
 * @typedef {object} Job
 * @property {string} id
 * @property {string} type
 * @property {string} [payload]
 * @property {number} priority
 * @property {string} status
 * @property {string} assigned_to
 * @property {string} [created_at]
 * @property {string} [started_at]
 * @property {string} [completed_at]
 * @property {JobResult} [result]
 * @property {number} retry_count
 * @property {number} max_retries
 * @property {string} error_message
 * @property {number} attempt
 * @property {number} timeout_ms
 * @property {Readonly<Record<string, string>>} labels
 * @property {boolean} dead_letter
 * @property {string} traceparent
 * @property {string} [not_before]
 * @property {string} [queued_at]
 * @property {string} [expires_at]
 * @property {JobOptions} [options]
 * @property {Readonly<Record<string, string>>} required_tags
 * @property {string} submitted_by
 * @property {string} queue
 * @property {string} namespace
 *
 * @typedef {object} JobOptions
 * @property {string} [batch_id]
 * @property {string} [schedule]
 * @property {string} [group]
 * @property {string} [unique_key]
 * @property {string} [rate_key]
 * @property {readonly { job_id: string, on: string }[]} [depends_on]
 * @property {readonly string[]} [require]
 * @property {readonly string[]} [prefer]
 *
 * @typedef {object} JobResult
 * @property {boolean} success
 * @property {string} output
 * @property {string} error
 * @property {number} duration_ms
 * @property {string} content_type
 * @property {readonly string[]} log_tail
 * @property {number} log_lines_cut
 * @property {boolean} timed_out
 *
 * @typedef {object} JobAttempt
 * @property {number} attempt
 * @property {string} worker_id
 * @property {string} [assigned_at]
 * @property {string} [started_at]
 * @property {string} [ended_at]
 * @property {string} outcome
 * @property {string} error
 *
 * @typedef {object} JobTransition
 * @property {string} [at]
 * @property {string} status
 * @property {string} cause
 * @property {number} attempt
 * @property {string} worker_id
 * @property {string} reason
 *
 * @typedef {object} JobReason
 * @property {string} code
 * @property {string} message
 * @property {string} [since]
 * @property {string} [until]
 * @property {readonly string[]} job_ids
 *
 * @typedef {object} JobStatusAnswer
 * @property {Job} job
 * @property {readonly JobAttempt[]} attempts
 * @property {number} progress
 * @property {string} progress_message
 * @property {readonly string[]} log_tail
 * @property {readonly JobTransition[]} history
 * @property {readonly JobReason[]} reasons
 *
 * @typedef {object} JobsAnswer
 * @property {readonly Job[]} jobs
 * @property {number} total
 * @property {string} next_cursor
 * @property {boolean} total_is_at_least
 *
 * @typedef {object} Rate
 * @property {number} count
 * @property {number} per_ms
 * @property {number} [burst]
 *
 * @typedef {object} StandingDetail
 * @property {string} name
 * @property {number} waiting
 * @property {number} pending
 * @property {number} assigned
 * @property {number} running
 * @property {boolean} paused
 * @property {string} paused_by
 * @property {string} [paused_at]
 * @property {number} running_max
 * @property {Rate} [rate]
 * @property {number} weight
 *
 * @typedef {object} Batch
 * @property {string} id
 * @property {string} [created_at]
 * @property {string} submitted_by
 * @property {number} total
 * @property {number} waiting
 * @property {number} pending
 * @property {number} assigned
 * @property {number} running
 * @property {number} completed
 * @property {number} failed
 * @property {number} cancelled
 * @property {boolean} finished
 * @property {string} namespace
 *
 * @typedef {object} ScheduleTiming
 * @property {string} [cron]
 * @property {number} [every_ms]
 * @property {string} [at]
 * @property {string} time_zone
 *
 * @typedef {object} Schedule
 * @property {{ name: string, timing: ScheduleTiming, job: Partial<Job>, overlap: string, catch_up: string }} definition
 * @property {string} [created_at]
 * @property {string} created_by
 * @property {boolean} paused
 * @property {string} [next_at]
 * @property {string} [last_scheduled_at]
 * @property {string} last_job_id
 * @property {number} runs
 * @property {number} skipped
 * @property {number} missed
 * @property {number} unfinished_runs
 * @property {string} last_fault
 * @property {string} [last_fault_at]
 *
 * @typedef {object} WorkerStats
 * @property {number} cpu_usage
 * @property {number} memory_usage
 * @property {number} worker_memory_bytes
 * @property {number} executors_memory_bytes
 * @property {number} executor_processes
 * @property {number} pending_reports
 *
 * @typedef {object} Worker
 * @property {string} id
 * @property {string} address
 * @property {number} max_concurrent_jobs
 * @property {number} active_jobs
 * @property {string} status
 * @property {string} [last_heartbeat]
 * @property {Readonly<Record<string, string>>} capabilities
 * @property {readonly string[]} job_types
 * @property {string} version
 * @property {WorkerStats} [stats]
 * @property {number} cpu_millis
 * @property {number} memory_bytes
 * @property {number} cpu_millis_held
 * @property {number} memory_bytes_held
 * @property {string} [registered_at]
 * @property {string} [disconnected_at]
 * @property {string} drained_by
 * @property {string} [hand_back_at]
 * @property {string} road
 * @property {number} completed_jobs
 * @property {number} failed_jobs
 *
 * @typedef {object} HeldAttempt
 * @property {string} job_id
 * @property {string} type
 * @property {number} attempt
 * @property {string} status
 * @property {string} [assigned_at]
 * @property {string} [started_at]
 * @property {number} progress
 */
export {};
