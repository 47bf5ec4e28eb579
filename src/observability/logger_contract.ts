/**
 * What the rooms write to when they log, whatever it writes to.
 *
 * @module
 */

/** What a line may carry beside its message. An `Error` is written as its message and causes. */
export type LogFields = Readonly<Record<string, unknown>>;

/** From the least important. */
const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = typeof LOG_LEVELS[number];

/**
 * Where events are told: `log.info("job assigned", { job_id })`.
 *
 * Messages are constant sentences, what varies is a field. Names of fields are snake_case; `ts`,
 * `level`, `msg`, `logger` and `node_id` are the line's own, and a field of that name is written as
 * `field_node_id`.
 */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger whose lines all carry `fields` too; `logger` names the component. */
  child(fields: LogFields): Logger;
  /** Whether a line of that level would be written, for fields that are dear to compute. */
  isEnabled(level: LogLevel): boolean;
}
